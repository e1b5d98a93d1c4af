// What the tests need of the machine: which programs each room uses, and their installation on Debian by root.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { retry, run } from './programs.mjs';

/** Program → Debian package. */
const packages = {
  git: 'git',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  openssl: 'openssl',
  nginx: 'nginx',
  fcgiwrap: 'fcgiwrap',
  curl: 'curl',
  tcsh: 'tcsh',
  busybox: 'busybox',
  strace: 'strace',
  mmdebstrap: 'mmdebstrap',
  'systemd-nspawn': 'systemd-container',
  ip: 'iproute2',
  iptables: 'iptables',
  nsenter: 'util-linux',
  pgrep: 'procps',
  python3: 'python3',
  plistutil: 'libplist-utils',
  'systemd-analyze': 'systemd',
  zsh: 'zsh',
  fish: 'fish',
  wrk: 'wrk',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  dockerd: 'docker.io',
  docker: 'docker.io',
  'docker-compose': 'docker-compose',
  'redis-server': 'redis-server',
};

/** Servers that tests start, and what speaks with them. */
const spokenWith = [
  'git',
  'ssh',
  'sshd',
  'openssl',
  'nginx',
  'fcgiwrap',
  'curl',
  'prometheus',
  'promtool',
  'redis-server',
];
const containers = ['dockerd', 'docker', 'docker-compose', 'ip', 'iptables', 'nsenter'];

/** Room of the tests → the programs without which it cannot run. */
export const needs = {
  unit: ['git'],
  parts: ['git', 'ssh'],
  scenarios: ['git'],
  servers: [...spokenWith, 'systemd-analyze', ...containers],
  lab: ['git', 'ssh', 'mmdebstrap', 'systemd-nspawn', 'ip', 'iptables', 'nsenter', 'pgrep', 'python3'],
};

const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
const isHere = program => folders.some(folder => existsSync(join(folder, program)));
const isRoot = process.getuid?.() === 0;
export const isDebianRoot = isRoot && existsSync('/etc/debian_version') && isHere('apt-get');

export function missing(room) {
  return needs[room].filter(program => !isHere(program));
}

/** Installs what is missing where that is possible; what then still misses is said by the rooms that need it. */
export async function prepareMachine() {
  if (!isDebianRoot) return;
  const wanted = Object.keys(packages)
    .filter(program => !isHere(program))
    .map(program => packages[program]);
  if (!(await hasPip())) wanted.push('python3-pip');
  if (wanted.length === 0) return;
  console.log(`installing ${wanted.join(' ')}`);
  const ended = await withoutServices(() => retry(4, () => aptInstall(wanted)));
  if (ended.code !== 0) console.log(ended.output.trimEnd());
}

async function hasPip() {
  return (await run('python3', ['-m', 'pip', '--version'], { quiet: true })).code === 0;
}

async function aptInstall(names) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const updated = await run('apt-get', ['update', '-qq'], { quiet: true, env });
  if (updated.code !== 0) return updated;
  return run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], { quiet: true, env });
}

/** A server that comes with a package must not start on this machine: the tests start their own. */
async function withoutServices(work) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return work();
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return await work();
  } finally {
    rmSync(policy, { force: true });
  }
}
