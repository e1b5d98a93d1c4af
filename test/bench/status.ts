// `GET /api/status` under load, by wrk, beside the same Fastify with a route that answers a constant of the same size.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { fastify, type FastifyInstance } from 'fastify';
import type * as Servers from '../../api/server.js';
import type * as Main from '../../reconciler/main.js';
import { built, openSmallFleet } from './embedded.js';
import type { Figure } from './figure.js';
import { noDatabase, unlimited } from './followers.js';

const actor = { name: 'bench', by: 'cli' } as const;
const seconds = 3;

const address = (server: FastifyInstance, path: string): string =>
  `http://127.0.0.1:${(server.server.address() as AddressInfo).port}${path}`;

/** Microseconds for one answer, of which wrk got as many as it could. */
async function microsecondsEach(url: string): Promise<number> {
  const words = ['--threads', '1', '--connections', '10', '--duration', `${seconds}s`, url];
  const { stdout } = await promisify(execFile)('wrk', words);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  return 1e6 / Number(/^Requests\/sec:\s+([\d.]+)/m.exec(stdout)?.[1]);
}

async function constantServer(length: number): Promise<FastifyInstance> {
  const server = fastify();
  const constant = { text: 'x'.repeat(Math.max(0, length - 11)) };
  server.get('/constant', async () => constant);
  await server.listen({ host: '127.0.0.1', port: 0 });
  return server;
}

async function measure(rounds: number): Promise<Figure> {
  const { openEngine } = await built<typeof Main>('main');
  const { buildServer } = await built<typeof Servers>('../api/server');
  const fleet = await openSmallFleet();
  const flags = { repo: fleet.repo, stateDir: fleet.stateDir };
  const engine = openEngine({ flags, env: { ...fleet.env, ...noDatabase }, cwd: fleet.repo, uid: 1, logs: false });
  const onFault = (error: Error): never => {
    throw error;
  };
  const server = await buildServer({
    engine,
    auth: 'none',
    version: 'bench',
    ready: () => true,
    onFault,
    limits: unlimited,
  });
  const servers = [server];
  try {
    await fleet.commit('good day');
    await engine.perform('reconcile', {}, actor, new AbortController().signal);
    await server.listen({ host: '127.0.0.1', port: 0 });
    const url = address(server, '/api/status');
    const { length } = await (await fetch(url)).text();
    const bare = await constantServer(length);
    servers.push(bare);
    const [ours, constant]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      constant.push(await microsecondsEach(address(bare, '/constant')));
      ours.push(await microsecondsEach(url));
    }
    return {
      name: '`GET /api/status`, 9 services, asked ten at a time',
      unit: 'µs',
      goal: { kind: 'ratio', most: 1 / 0.6 },
      ours,
      reference: { name: 'a constant by Fastify', values: constant },
      note: `${length} bytes; the goal is 60 % of the reference's requests a second`,
    };
  } finally {
    for (const one of servers) await one.close();
    await engine.close();
    await fleet.remove();
  }
}

/** `leave` is told why, where there is no wrk. */
export async function measureStatus(rounds: number, leave: (why: string) => void): Promise<readonly Figure[]> {
  const isHere = (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, 'wrk')));
  if (isHere) return [await measure(rounds)];
  leave('needs wrk');
  return [];
}
