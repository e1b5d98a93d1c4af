// The store goes away and hangs while changes are made: nobody waits for it, and afterwards history has each of them once.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { inDatabase, makeDatabase, useServer } from '../adapters/postgres-fixture.js';
import { program } from '../program.js';
import { createCrashWorld, type CrashWorld } from './crash-world.js';
import { until } from './until.js';

useServer();

/** For how long it stays away at least; `npm run soak` makes it three minutes. */
const awaySeconds = Number(process.env['PORTOSER_STORE_AWAY_SECONDS'] ?? 0);

/** A way to the real server that can be closed, and can swallow what is said. */
interface Way {
  /** For DATABASE_URL. */
  readonly url: string;
  open(): Promise<void>;
  /** Ends all connections; none can be made. */
  close(): Promise<void>;
  /** Connections are made, and nobody answers. */
  hang(): Promise<void>;
  remove(): Promise<void>;
}

async function wayTo(url: string): Promise<Way> {
  const folder = await mkdtemp(join(tmpdir(), 'portoser-way-'));
  const path = join(folder, '.s.PGSQL.5432');
  const itsFolder = /@([^?]+)\?/.exec(url)?.[1] ?? '';
  const real = join(itsFolder, '.s.PGSQL.5432');
  const sockets = new Set<Socket>();
  let server: Server | undefined;

  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const pass = (client: Socket): void => {
    const there = keep(connect(real));
    keep(client).pipe(there).pipe(client);
    client.on('close', () => there.destroy());
    there.on('close', () => client.destroy());
  };
  const listen = (serve: (client: Socket) => void): Promise<void> => {
    server = createServer(serve);
    return new Promise(resolve => server?.listen(path, resolve));
  };
  async function close(): Promise<void> {
    const gone = server;
    server = undefined;
    if (gone === undefined) return;
    const closed = new Promise<void>(resolve => gone.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  return {
    url: url.replace(itsFolder, folder),
    open: () => listen(pass),
    close,
    hang: async () => {
      await close();
      await listen(client => void keep(client).resume());
    },
    remove: async () => {
      await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

let world: CrashWorld;
let way: Way;
let url: string;
beforeEach(async () => {
  world = await createCrashWorld(program);
  url = await makeDatabase();
  way = await wayTo(url);
});
afterEach(async () => {
  await world.close();
  await way.remove();
});

const push = (version: number) =>
  world.push({ db: { machine: 'm1', env: { VERSION: `v${version}` } } }, 'x', { interval: '1s' });

/** Commits of deployments of db@m1 that were applied, oldest first; `in-progress` for those without an end. */
const kept = (): Promise<readonly string[]> =>
  inDatabase(url, async client => {
    const { rows } = await client.query<{ commit: string; result: string }>(
      `select r.commit, d.result from portoser.deployments d join portoser.runs r on r.id = d.run_id
       where d.key = 'db@m1' order by r.started_at`,
    );
    return rows.map(row => (row.result === 'applied' ? row.commit : row.result));
  });

it(
  'changes go on without it, and are caught up in order and once',
  async () => {
    await way.open();
    await push(0);
    const controller = world.start({ DATABASE_URL: way.url });
    const waitFor = (what: string, met: () => boolean | Promise<boolean>) => until(what, met, () => controller.said());
    const started = (count: number) =>
      waitFor(`db was started ${count} times`, () => world.starts('db').length === count);
    await started(1);
    await waitFor('history has it', async () => (await kept()).length === 1 && !(await kept()).includes('in-progress'));

    let version = 0;
    const change = async (to: number): Promise<number> => {
      await push(to);
      await started(to + 1);
      return to;
    };
    await way.close();
    const awayUntil = performance.now() + awaySeconds * 1000;
    while (version < 2 || performance.now() < awayUntil) version = await change(version + 1);
    await waitFor('it is missed', () => controller.said().includes('history waits for its database'));
    expect(await kept()).toHaveLength(1);

    await way.hang();
    version = await change(version + 1);
    version = await change(version + 1);
    expect(await kept()).toHaveLength(1);

    await way.close();
    await way.open();
    const complete = async (): Promise<boolean> =>
      (await kept()).length === version + 1 && !(await kept()).includes('in-progress');
    await waitFor('history has all', complete);
    expect(new Set(await kept()).size).toBe(version + 1);
    expect(world.starts('db')).toHaveLength(version + 1);
    expect((await world.plan())?.waves).toEqual([]);
    expect(await controller.stop()).toBe(0);
    expect(await world.openIntents()).toEqual([]);
  },
  300_000 + awaySeconds * 2000,
);
