// Ten lab hosts with five systemd units each: the registry, the hosts, and the scripts that are run on all of them at once.
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { runningPostmaster, stopPostmaster } from '../../reconciler/adapters/postgres-process.js';
import { type FreshRepo, freshRepo } from '../lab/fresh-repo.js';
import { holdLab, lab } from '../lab/hold.js';
import { type Host, hostKey, keyFile, openHost } from '../lab/host.js';
import { mustRun } from '../lab/run-program.js';

const hostCount = 10;
const unitsPerHost = 5;
export const cluster = 'bench';

export interface BenchFleet {
  readonly hosts: readonly Host[];
  readonly repo: FreshRepo;
  /** A folder of ours for state, sockets and settings. */
  readonly folder: string;
  /** `--repo` and `--state-dir`, the state kept from call to call. */
  readonly where: readonly string[];
  /** Commits the registry; `greeting` is an environment variable of one unit. */
  commit(greeting: string): Promise<void>;
  /** Runs one of the floor's scripts on all hosts by OpenSSH; the milliseconds it took. */
  onAll(script: FloorScript, options?: readonly string[]): Promise<number>;
  /** OpenSSH options that share a connection to each host for `seconds`. */
  shared(seconds?: number): readonly string[];
  /** Ends the child with the figures, also when they are interrupted. */
  keep(child: ChildProcess): void;
  remove(): Promise<void>;
}

export type FloorScript = 'look' | 'apply' | 'reset';

const every = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(index + 1));

function unitOn(host: number, unit: number, greeting: string): readonly [string, object] {
  const port = 9000 + unit;
  const service = {
    type: 'native',
    machine: `m${host}`,
    path: `/opt/svc${unit}`,
    service_name: `svc${unit}`,
    command: ['/usr/bin/python3', '-m', 'http.server', String(port), '--bind', '127.0.0.1'],
    port,
    health: { type: 'http', endpoint: '/' },
    ...(host === 1 && unit === 1 ? { env: { GREETING: greeting } } : {}),
  };
  return [`unit${unit}-on-${host}`, service];
}

function registryText(greeting: string): string {
  const machines = every(hostCount, host => [
    `m${host}`,
    { host: openHost(host).address, user: 'root', platform: 'linux', ssh_key: keyFile, host_key: hostKey(host) },
  ]);
  const services = every(hostCount, host => every(unitsPerHost, unit => unitOn(host, unit, greeting))).flat();
  // Passes follow each other quickly, so that a controller's memory is that of many.
  const policy = { interval: '2s' };
  return stringify({ cluster, policy, machines: Object.fromEntries(machines), services: Object.fromEntries(services) });
}

const floorFile = (name: string): string => fileURLToPath(new URL(`floor/${name}`, import.meta.url));

/** Waits for the lab and boots the hosts. */
export async function openFleet(): Promise<BenchFleet> {
  const release = await holdLab();
  await lab('up', String(hostCount));
  const hosts = every(hostCount, openHost);
  const repo = await freshRepo();
  const folder = mkdtempSync(join(tmpdir(), 'portoser-bench-'));
  // As /var/lib is: the controller's database runs as a user of its own.
  chmodSync(folder, 0o711);
  const onAll: BenchFleet['onAll'] = async (script, options = []) => {
    const words = [floorFile(`${script}.sh`), keyFile, ...options, '--', ...hosts.map(host => host.address)];
    return Number(await mustRun(floorFile('all'), words, { timeoutMs: 120_000 }));
  };
  const children = new Set<ChildProcess>();
  const remove = async (): Promise<void> => {
    for (const child of children) child.kill('SIGKILL');
    const data = join(folder, 'state/postgres/data');
    const database = await runningPostmaster(data);
    if (database !== undefined) await stopPostmaster(database.pid, data);
    repo.remove();
    rmSync(folder, { recursive: true, force: true });
    await release();
  };
  // The lab's holder cleans up by itself when we are gone; folders and children do not.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void remove().finally(() => process.exit(128 + constants.signals[signal])));
  }
  return {
    hosts,
    repo,
    folder,
    where: ['--repo', repo.work, '--state-dir', join(folder, 'state')],
    onAll,
    shared: seconds => [
      ...(seconds === undefined ? [] : ['-o', 'ControlMaster=auto', '-o', `ControlPersist=${seconds}`]),
      '-o',
      `ControlPath=${folder}/%h`,
    ],
    async commit(greeting) {
      await repo.commit({ 'registry.yml': registryText(greeting) }, `Say ${greeting}`);
    },
    keep: child => void children.add(child),
    remove,
  };
}
