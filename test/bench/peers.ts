// The same work by pyinfra and by Ansible, each as its users write it; they are shown beside ours, not held against a goal.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keyFile } from '../lab/host.js';
import { mustRun, runProgram } from '../lab/run-program.js';
import type { BenchFleet } from './fleet.js';
import { mustTake } from './product.js';

export interface PeerValues {
  readonly firstApply: Readonly<Record<string, readonly number[]>>;
  readonly noop: Readonly<Record<string, readonly number[]>>;
}

export const noPeers: PeerValues = { firstApply: {}, noop: {} };

interface Peer {
  readonly name: string;
  /** Applies the fleet; the milliseconds it took. */
  apply(): Promise<number>;
}

const cache = fileURLToPath(new URL('../../.cache/bench', import.meta.url));
const ours = (name: string): string => fileURLToPath(new URL(`peers/${name}`, import.meta.url));
const installing = { timeoutMs: 600_000 };

/** In an environment of its own below the cache folder. */
async function openPyinfra(): Promise<Peer> {
  const environment = join(cache, 'pyinfra');
  const program = join(environment, 'bin/pyinfra');
  if ((await runProgram('test', ['-x', program])).code !== 0) {
    mkdirSync(cache, { recursive: true });
    await mustRun('python3', ['-m', 'venv', environment], installing);
    await mustRun(join(environment, 'bin/pip'), ['install', '-q', 'pyinfra'], installing);
  }
  const env = { ...process.env, LAB_KEY: keyFile };
  return {
    name: 'pyinfra',
    apply: () => mustTake(program, ['-y', ours('inventory.py'), ours('deploy.py')], 0, env),
  };
}

const ansibleSettings = `[defaults]
forks = 10
host_key_checking = False
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
`;

/** Debian's own package. */
async function openAnsible(fleet: BenchFleet): Promise<Peer> {
  if ((await runProgram('sh', ['-c', 'command -v ansible-playbook'])).code !== 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await mustRun('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'ansible-core'], {
      ...installing,
      env,
    });
  }
  const hosts = fleet.hosts.map(host => host.address).join('\n');
  const inventory = join(fleet.folder, 'hosts');
  writeFileSync(inventory, `[lab]\n${hosts}\n[lab:vars]\nansible_user=root\nansible_ssh_private_key_file=${keyFile}\n`);
  writeFileSync(join(fleet.folder, 'ansible.cfg'), ansibleSettings);
  const env = { ...process.env, ANSIBLE_CONFIG: join(fleet.folder, 'ansible.cfg') };
  return { name: 'Ansible', apply: () => mustTake('ansible-playbook', ['-i', inventory, ours('play.yml')], 0, env) };
}

/** A first apply and one with nothing to do, each round from clean hosts. */
export async function measurePeers(
  fleet: BenchFleet,
  rounds: number,
  leave: (name: string, why: string) => void,
): Promise<PeerValues> {
  const firstApply: Record<string, number[]> = {};
  const noop: Record<string, number[]> = {};
  for (const [name, open] of [
    ['pyinfra', openPyinfra],
    ['Ansible', () => openAnsible(fleet)],
  ] as const) {
    try {
      const peer = await open();
      for (let round = 0; round < rounds; round += 1) {
        await fleet.onAll('reset');
        (firstApply[name] ??= []).push(await peer.apply());
        (noop[name] ??= []).push(await peer.apply());
      }
    } catch (thrown) {
      leave(name, String(thrown).split('\n')[0] ?? '');
    }
  }
  return { firstApply, noop };
}
