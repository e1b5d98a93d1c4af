// Three embedded machines with nine services and a repository: a small fleet that every machine can measure with.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Embedded from '../../reconciler/adapters/embedded-machine.js';
import { writeKey } from '../adapters/ssh-key.js';
import { freshRepo } from '../lab/fresh-repo.js';

const names = ['m1', 'm2', 'm3'] as const;
const servicesEach = 3;

export interface SmallFleet {
  /** The repository's folder, as `--repo` takes it. */
  readonly repo: string;
  readonly stateDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Commits the registry; `greeting` is an environment variable of one service. */
  commit(greeting: string): Promise<void>;
  remove(): Promise<void>;
}

/** A built module of ours. */
export const built = async <T>(path: string): Promise<T> =>
  (await import(new URL(`../../dist/reconciler/${path}.js`, import.meta.url).href)) as T;

export async function openSmallFleet(): Promise<SmallFleet> {
  const { startEmbeddedMachine } = await built<typeof Embedded>('adapters/embedded-machine');
  const top = mkdtempSync(join(tmpdir(), 'portoser-bench-'));
  // As /var/lib is: the controller's database runs as a user of its own.
  chmodSync(top, 0o711);
  const key = join(top, 'key');
  const authorizedKey = await writeKey(key);
  const machines = await Promise.all(
    names.map(name => startEmbeddedMachine({ name, folder: join(top, name), authorizedKey })),
  );
  const repo = await freshRepo();
  const entries = machines.map(({ name, host, port, user, hostKey }) => {
    const platform = process.platform === 'darwin' ? 'darwin' : 'linux';
    return [name, { host, port, user, platform, ssh_key: key, host_key: hostKey }] as const;
  });
  const service = (name: string, machine: string, greeting: string) => ({
    type: 'local',
    scope: 'none',
    machine,
    path: join(top, 'services', name),
    command: 'sleep 1000',
    stop_timeout: '1s',
    health: { type: 'command', command: ['true'] },
    ...(name === 'm1-1' ? { env: { GREETING: greeting } } : {}),
  });
  const servicesOf = (greeting: string) =>
    names.flatMap(machine =>
      Array.from({ length: servicesEach }, (_, index) => {
        const name = `${machine}-${index + 1}`;
        return [name, service(name, machine, greeting)] as const;
      }),
    );
  return {
    repo: repo.work,
    stateDir: join(top, 'state'),
    env: { PATH: process.env['PATH'], HOME: top, USER: 'ada', XDG_STATE_HOME: top },
    async commit(greeting) {
      const services = Object.fromEntries(servicesOf(greeting));
      const registry = { cluster: 'bench', machines: Object.fromEntries(entries), services };
      await repo.commit({ 'registry.yml': JSON.stringify(registry) }, `Say ${greeting}`);
    },
    async remove() {
      await Promise.all(machines.map(machine => machine.stop()));
      repo.remove();
      rmSync(top, { recursive: true, force: true });
    },
  };
}
