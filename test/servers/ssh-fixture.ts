// A real sshd with our SSH adapter in front of it; what a test opens is closed after it.
import { tmpdir } from 'node:os';
import { openRemoteShell, type ShellSettings } from '../../reconciler/adapters/ssh.js';
import type { RemoteShell } from '../../reconciler/ports.js';
import type { Machine } from '../../schema/registry-types.js';
import { contractSecret, plainMachine } from '../contracts/remote-shell.js';
import { type Sshd, type SshdWish, startSshd } from './sshd.js';

/** A nested bash does not read ~/.bashrc, which may cost a second on the machine that runs the test. */
const skipBashrc = 'SetEnv SHLVL=5';

const closings: (() => Promise<void>)[] = [];

export async function closeAll(): Promise<void> {
  for (const close of closings.splice(0).reverse()) await close();
}

export async function startServer(wish: SshdWish = {}): Promise<Sshd> {
  const sshd = await startSshd({ ...wish, config: [...(wish.config ?? []), skipBashrc] });
  closings.push(() => sshd.remove());
  return sshd;
}

/** Pinned to the server's host key unless the test says otherwise. */
export function machineOf(sshd: Sshd, more: Partial<Machine> = {}): Machine {
  const { port, user, keyFile } = sshd;
  const hostKeys = more.hostKeys ?? [sshd.hostKey()];
  return plainMachine({ host: '127.0.0.1', port, user, sshKey: keyFile, ...more, hostKeys });
}

/** Knows nothing of this user's own keys, agent and known hosts. */
export function openClient(settings: ShellSettings = {}): RemoteShell {
  const shell = openRemoteShell({
    agentSocket: '',
    home: tmpdir(),
    knownHostsFiles: [],
    reveal: () => contractSecret,
    ...settings,
  });
  closings.push(() => shell.close());
  return shell;
}
