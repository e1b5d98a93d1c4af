// The shipped controller over one service, with stores of the test's own: commits, deploys, asks its API and its history, and ends all of it.
import { once } from 'node:events';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatusReport } from '../../schema/status.js';
import { inDatabase } from '../adapters/postgres-fixture.js';
import { git } from '../contracts/git-fixture.js';
import { stopServices } from '../scenarios/stop-services.js';
import { beginRepo, commitAll, type Typed, type Typist, typist } from '../scenarios/typist.js';
import { until } from '../scenarios/until.js';

export interface StoresWish {
  readonly cluster: string;
  /** How the controller comes to its stores. */
  readonly stores: { readonly DATABASE_URL: string; readonly REDIS_URL: string };
  /** How the test itself asks the database, whatever stands between it and the controller. */
  readonly askedAt: string;
}

export interface StoresFleet extends Pick<Typist, 'portoser'> {
  readonly repo: string;
  /** Where the controller listens. */
  readonly url: string;
  /** Of everything that was deployed, oldest first. */
  readonly deployed: string[];
  /** What the controller has said. */
  tell(): string;
  /** Patiently; `more` is told where it was in vain. */
  waitFor(what: string, met: () => boolean | Promise<boolean>, more?: () => string): Promise<void>;
  /** The registry with that version of the service, not committed. */
  write(version: string, interval?: string): Promise<void>;
  /** Commits what is written, as a further deployment; answers the commit. */
  commit(version: string): Promise<string>;
  api(path: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  status(): Promise<StatusReport>;
  /** Commits another version, and waits until the API says that it is what runs. */
  deploy(version: string): Promise<void>;
  /** Commits of what history has of the service, oldest first; `result` for what was not applied. */
  kept(): Promise<readonly string[]>;
  /** Until history has all that was deployed. */
  caughtUp(): Promise<void>;
  /** Another controller, after the end of the one before. */
  begin(words: string): void;
  /** Ends the controller in order; its exit code. */
  end(): Promise<number | null>;
  /** Ends the controller and the service, and deletes all files. The stores stay. */
  remove(): Promise<void>;
}

/** Its first version is deployed and in history, and both stores are there, when it resolves. */
export async function createStoresFleet({ cluster, stores, askedAt }: StoresWish): Promise<StoresFleet> {
  const top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-stores-')));
  const repo = join(top, 'repo');
  const person = typist(() => ({
    cwd: repo,
    env: {
      PATH: process.env['PATH'],
      HOME: top,
      USER: 'ada',
      PORTOSER_STATE_DIR: join(top, 'state'),
      XDG_STATE_HOME: top,
      ...stores,
    },
  }));
  const deployed: string[] = [];
  let controller: Typed | undefined;
  let url = '';

  const tell = () => `${controller?.texts.out}\n${controller?.texts.err}`;
  const waitFor: StoresFleet['waitFor'] = (what, met, more = tell) => until(what, met, more, 120_000);

  async function write(version: string, interval = '2s'): Promise<void> {
    const health = "{type: command, command: ['true'], interval: 1h}";
    const tick = `{type: local, machine: me, path: ${join(top, 'tick')}, scope: none, command: sleep 1000, stop_timeout: 1s, env: {VERSION: ${version}}, health: ${health}}`;
    const text = `cluster: ${cluster}
machines:
  me: {host: local, user: root, platform: linux}
services:
  tick: ${tick}
policy: {interval: ${interval}}
`;
    await writeFile(join(repo, 'registry.yml'), text);
  }

  async function commit(version: string): Promise<string> {
    await commitAll(repo, version);
    const id = await git(repo, 'rev-parse', 'HEAD');
    deployed.push(id);
    return id;
  }

  const api: StoresFleet['api'] = async path => {
    const response = await fetch(`${url}/api/${path}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  async function status(): Promise<StatusReport> {
    const { status: code, body } = await api('status');
    if (code !== 200) throw new Error(`status answers ${code}: ${JSON.stringify(body)}`);
    return body as unknown as StatusReport;
  }

  async function deploy(version: string): Promise<void> {
    await write(version);
    const id = await commit(version);
    await waitFor(`${version} runs`, async () => {
      const { appliedCommit, placements } = await status();
      return appliedCommit === id && placements[0]?.sync === 'synced';
    });
  }

  const kept = (): Promise<readonly string[]> =>
    inDatabase(askedAt, async client => {
      const { rows } = await client.query<{ commit: string; result: string }>(
        `select r.commit, d.result from portoser.deployments d join portoser.runs r on r.id = d.run_id order by r.started_at`,
      );
      return rows.map(row => (row.result === 'applied' ? row.commit : row.result));
    });
  const caughtUp = () => waitFor('history has all', async () => (await kept()).length === deployed.length);

  const begin = (words: string): void => void (controller = person.start(words));

  async function end(): Promise<number | null> {
    const { child } = controller ?? {};
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    return ((await closed) as [number | null])[0];
  }

  async function remove(): Promise<void> {
    try {
      await end();
      await stopServices(repo, cluster, person.portoser);
    } finally {
      person.endAll();
      await rm(top, { recursive: true, force: true });
    }
  }

  async function first(): Promise<void> {
    await beginRepo(repo);
    await write('v0');
    await commit('v0');
    begin('run --listen 127.0.0.1:0 --auth none');
    await waitFor('it listens', () => tell().includes('listens on http://'));
    url = /listens on (http:\S+)/.exec(tell())?.[1] ?? '';
    await caughtUp();
    await waitFor('both are there', async () => {
      const { history, replicas } = (await status()).controller ?? {};
      return history?.state === 'kept' && replicas?.state === 'shared';
    });
  }

  try {
    await first();
  } catch (error) {
    await remove();
    throw error;
  }
  const { portoser } = person;
  return {
    portoser,
    repo,
    url,
    deployed,
    tell,
    waitFor,
    write,
    commit,
    api,
    status,
    deploy,
    kept,
    caughtUp,
    begin,
    end,
    remove,
  };
}
