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

interface Peer {
  readonly name: string;
  /** The program and its words that apply the fleet, with what they need in the environment. */
  prepare(fleet: BenchFleet): { readonly words: readonly string[]; readonly env: NodeJS.ProcessEnv };
}

const cache = fileURLToPath(new URL('../../.cache/bench', import.meta.url));
const ours = (name: string): string => fileURLToPath(new URL(`peers/${name}`, import.meta.url));
const installing = { timeoutMs: 600_000 };
const isHere = async (program: string): Promise<boolean> =>
  (await runProgram('sh', ['-c', 'command -v "$1" >/dev/null', 'sh', program])).code === 0;

/** In an environment of its own below the cache folder. */
async function installPyinfra(): Promise<Peer> {
  const environment = join(cache, 'pyinfra');
  const program = join(environment, 'bin/pyinfra');
  if (!(await isHere(program))) {
    mkdirSync(cache, { recursive: true });
    await mustRun('python3', ['-m', 'venv', environment], installing);
    await mustRun(join(environment, 'bin/pip'), ['install', '-q', 'pyinfra'], installing);
  }
  const words = [program, '-y', ours('inventory.py'), ours('deploy.py')];
  return { name: 'pyinfra', prepare: () => ({ words, env: { LAB_KEY: keyFile } }) };
}

const ansibleSettings = `[defaults]
forks = 10
host_key_checking = False
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
`;

/** Debian's own package. */
async function installAnsible(): Promise<Peer> {
  if (!(await isHere('ansible-playbook'))) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const words = ['install', '-y', '-qq', '--no-install-recommends', 'ansible-core'];
    await mustRun('apt-get', words, { ...installing, env });
  }
  return { name: 'Ansible', prepare: prepareAnsible };
}

function prepareAnsible(fleet: BenchFleet): ReturnType<Peer['prepare']> {
  const hosts = fleet.hosts.map(host => host.address).join('\n');
  const [inventory, settings] = [join(fleet.folder, 'hosts'), join(fleet.folder, 'ansible.cfg')];
  writeFileSync(inventory, `[lab]\n${hosts}\n[lab:vars]\nansible_user=root\nansible_ssh_private_key_file=${keyFile}\n`);
  writeFileSync(settings, ansibleSettings);
  return { words: ['ansible-playbook', '-i', inventory, ours('play.yml')], env: { ANSIBLE_CONFIG: settings } };
}

type Leave = (name: string, why: string) => void;

/** Before the lab is taken: it may take minutes. */
export async function installPeers(leave: Leave): Promise<readonly Peer[]> {
  const peers: Peer[] = [];
  for (const [name, install] of Object.entries({ pyinfra: installPyinfra, Ansible: installAnsible })) {
    try {
      peers.push(await install());
    } catch (thrown) {
      leave(name, `it cannot be installed: ${String(thrown).split('\n', 1)[0]}`);
    }
  }
  return peers;
}

async function applyBy(peer: Peer, fleet: BenchFleet): Promise<number> {
  const { words, env } = peer.prepare(fleet);
  const [program = '', ...rest] = words;
  return mustTake(program, rest, 0, { ...process.env, ...env });
}

/** A first apply and one with nothing to do, each round from clean hosts. */
export async function measurePeers(fleet: BenchFleet, peers: readonly Peer[], rounds: number): Promise<PeerValues> {
  const firstApply: Record<string, number[]> = {};
  const noop: Record<string, number[]> = {};
  for (const peer of peers) {
    for (let round = 0; round < rounds; round += 1) {
      await fleet.onAll('reset');
      (firstApply[peer.name] ??= []).push(await applyBy(peer, fleet));
      (noop[peer.name] ??= []).push(await applyBy(peer, fleet));
    }
  }
  return { firstApply, noop };
}
