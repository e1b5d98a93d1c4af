// A Docker daemon of the test's own: its folder, socket, mounts and, when wished, network are nobody else's, and end with it.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun, runProgram, type Ended, type RunOptions } from '../lab/run-program.js';
import { startChild } from './child.js';

type Patience = Pick<RunOptions, 'cwd' | 'timeoutMs'>;

export interface PrivateDocker {
  /** For programs that speak with it. */
  readonly env: NodeJS.ProcessEnv;
  /** `docker …`; what it printed. Throws when it fails. */
  docker(words: readonly string[], options?: Patience): Promise<string>;
  /** `docker compose …`, or `docker-compose …` where that is all there is; what it printed. Throws when it fails. */
  compose(words: readonly string[], options?: Patience): Promise<string>;
  /** What a container has written to both outputs. */
  logs(container: string): Promise<string>;
  /** Runs a program of this machine in the daemon's network, where published ports are. */
  beside(program: string, words: readonly string[]): Promise<Ended>;
  /** Ends its containers and itself. */
  stop(): Promise<void>;
}

/** Why there can be none on this machine; undefined: there can. */
export function dockerObstacle(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const missing = ['dockerd', 'docker', 'docker-compose', 'nsenter', 'ip', 'iptables'].filter(
    program => !folders.some(one => existsSync(join(one, program))),
  );
  if (process.getuid?.() !== 0) return 'a Docker daemon needs root';
  if (missing.length > 0) return `${missing.join(', ')} is missing`;
  if (spawnSync('unshare', ['--mount', '--net', 'true']).status !== 0) return 'no namespaces can be made here';
  return mayMakeGroups() ? undefined : 'control groups cannot be written here';
}

/** Containers mostly have them read-only. */
function mayMakeGroups(): boolean {
  const unified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  try {
    accessSync(unified ? '/sys/fs/cgroup' : '/sys/fs/cgroup/devices', constants.W_OK);
    return true;
  } catch {
    return false; // read-only, or not there at all
  }
}

/** `machine`: this machine's network, without a bridge and without a firewall rule. `own`: one in which Docker does as it always does. */
type Network = 'machine' | 'own';

const networkWords: Readonly<Record<Network, readonly string[]>> = {
  machine: ['--bridge=none', '--iptables=false'],
  own: ['--default-address-pool', 'base=172.30.0.0/16,size=24', '--bip', '172.31.0.1/24'],
};

/** Its mounts vanish with its mount namespace, however it ends. */
const unshareWords: Readonly<Record<Network, readonly string[]>> = { machine: ['--mount'], own: ['--mount', '--net'] };

const begin = 'ip link set lo up; exec dockerd "$@"';

function startDaemon(dir: string, network: Network) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'daemon.json'), '{}');
  const folders = ['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '--pidfile', join(dir, 'pid')];
  const own = ['--config-file', join(dir, 'daemon.json'), '--host', `unix://${dir}/socket`, ...folders];
  const words = [...unshareWords[network], 'sh', '-c', begin, 'sh', ...own, ...networkWords[network]];
  return startChild('unshare', words, { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` });
}

/** `dir` is kept: a daemon that is started there later has the same images. */
export async function startDocker(dir: string, network: Network): Promise<PrivateDocker> {
  const child = startDaemon(dir, network);
  const env = { ...process.env, DOCKER_HOST: `unix://${dir}/socket`, DOCKER_CONFIG: join(dir, 'config') };
  const docker: PrivateDocker['docker'] = (words, options) => mustRun('docker', words, { ...options, env });
  const succeeds = async (...words: string[]) => (await runProgram('docker', words, { env })).code === 0;
  for (const end = performance.now() + 60_000; !(await succeeds('version')); await sleep(100)) {
    if (performance.now() < end) continue;
    await child.stop();
    throw new Error(`dockerd does not answer: ${child.log()}`);
  }
  const plugin = await succeeds('compose', 'version');
  const [program, ...first] = plugin ? ['docker', 'compose'] : ['docker-compose'];
  return {
    env,
    docker,
    compose: (words, options) => mustRun(program ?? '', [...first, ...words], { timeoutMs: 200_000, ...options, env }),
    logs: async container => {
      const { stdout, stderr } = await runProgram('docker', ['logs', container], { env });
      return stdout + stderr;
    },
    beside: (name, words) =>
      runProgram('nsenter', ['-t', readFileSync(join(dir, 'pid'), 'utf8'), '-n', name, ...words]),
    stop: () => child.stop(),
  };
}
