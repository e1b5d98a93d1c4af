// One host of the lab: what a test can do to it, over the network and behind its back.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun, runProgram, type Ended } from './run-program.js';

const labDir = process.env['LAB_DIR'] ?? '/var/tmp/portoser-lab';
/** The private key that root and all users of every host accept. */
export const keyFile = join(labDir, 'id_ed25519');
export const labProgram = fileURLToPath(new URL('lab', import.meta.url));

/** `deploy`: docker group and sudo. `plain`: neither. `tc`: login shell tcsh, sudo. `bb`: busybox shell and tools, sudo. */
export type LabUser = 'root' | 'deploy' | 'plain' | 'tc' | 'bb';

export interface Host {
  readonly index: number;
  /** Its host name: h1, h2 … */
  readonly name: string;
  readonly address: string;
  /** Runs a POSIX script over SSH, whatever the login shell is. Code 255: SSH itself failed (after 5 s when the host is cut off). */
  ssh(script: string, options?: { user?: LabUser; timeoutMs?: number }): Promise<Ended>;
  /** Runs a POSIX script as root without the network: quick (20 ms), and works on a host that is cut off. */
  inside(script: string): Promise<Ended>;
  /** Like `inside`, gives the standard output, throws when the script fails. */
  must(script: string): Promise<string>;
  /** Copies the contents of a folder of this machine (or of the lab's apps, by name) into a folder of the host. */
  put(folder: string, into: string, owner?: LabUser): Promise<void>;
  /** Drops every packet, silently, both ways. */
  cut(): Promise<void>;
  join(): Promise<void>;
  /** Pulls the plug. The disk keeps what was written (also what was not synced); its kernel still closes its connections: `cut` it first where nobody is to hear that. */
  crash(): Promise<void>;
  /** Powers on after `crash`; resolves when systemd has finished booting. */
  boot(): Promise<void>;
  /** Back to the ground state, without Docker and uv, booted. About 1.5 s. */
  reset(): Promise<void>;
  /** Starts Docker, with the images lab/web:1 and lab/web:2. About 1.5 s. */
  docker(): Promise<void>;
  /** Puts uv in /usr/local/bin and wheels of six and idna in /opt/wheels. */
  uv(): Promise<void>;
}

const askNothing = ['-q', '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no'];
const sshWords = [
  ...askNothing,
  '-o',
  'UserKnownHostsFile=/dev/null',
  '-o',
  'ConnectTimeout=5',
  '-o',
  'ServerAliveInterval=5',
];
/** The script comes in on standard input, so that no login shell reads it, and is read whole, so that it has none itself. */
const readScript = `exec /bin/sh -c 'script=$(cat); eval "$script" </dev/null'`;

export function openHost(index: number): Host {
  const address = `10.77.0.${10 + index}`;
  const lab = async (word: string): Promise<void> => {
    await mustRun(labProgram, [word, String(index)], { timeoutMs: 120_000 });
  };
  return {
    index,
    name: `h${index}`,
    address,
    ssh: (script, { user = 'root', timeoutMs } = {}) =>
      runProgram('ssh', [...sshWords, '-i', keyFile, `${user}@${address}`, readScript], {
        stdin: script,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      }),
    inside: script => runProgram(labProgram, ['inside', String(index), 'sh', '-c', script]),
    must: script => mustRun(labProgram, ['inside', String(index), 'sh', '-c', script]),
    put: (folder, into, owner = 'root') => putFolder(index, folder, into, owner),
    cut: () => lab('cut'),
    join: () => lab('join'),
    crash: () => lab('crash'),
    boot: () => lab('boot'),
    reset: () => lab('reset'),
    docker: () => lab('docker'),
    uv: () => lab('uv'),
  };
}

/** Small applications that run on a host: `uv-app` (pyproject.toml, uv.lock), `pip-app` (requirements.txt). */
const appsDir = fileURLToPath(new URL('apps', import.meta.url));

async function putFolder(index: number, folder: string, into: string, owner: LabUser): Promise<void> {
  const tar = await mustRun('tar', ['-C', resolve(appsDir, folder), '-cf', '-', '.'], { encoding: 'latin1' });
  const script = 'mkdir -p "$1" && tar -C "$1" --no-same-owner -xf - && chown -R "$2:" "$1"';
  const words = ['inside', String(index), 'sh', '-c', script, 'sh', into, owner];
  await mustRun(labProgram, words, { stdin: Buffer.from(tar, 'latin1') });
}

/** The host's public key as `host_key` of a registry takes it: `ssh-ed25519 AAAA…`. The same at every boot and reset. */
export function hostKey(index: number): string {
  const line = readFileSync(join(labDir, 'hostkeys', `${index}.pub`), 'utf8');
  return line.split(' ').slice(0, 2).join(' ').trim();
}
