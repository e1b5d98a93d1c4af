// A real OpenSSH server keeps the contract of every RemoteShell.
import { remoteShellContract } from '../contracts/remote-shell.js';
import { closeAll, machineOf, openClient, startServer } from './ssh-fixture.js';

remoteShellContract('OpenSSH', async () => {
  const sshd = await startServer();
  return { shell: openClient(), machine: machineOf(sshd), stop: closeAll };
});
