// Commands on the controller's own machine.
import { afterEach, expect, it, vi } from 'vitest';
import { openLocalShell } from '../../reconciler/adapters/local-shell.js';
import { openShell } from '../../reconciler/adapters/shell.js';
import { sh } from '../../reconciler/commands/command.js';
import { contractSecret, plainMachine, remoteShellContract } from '../contracts/remote-shell.js';

const machine = plainMachine({ host: 'local' });

remoteShellContract('the local shell', async () => {
  const shell = openShell({ reveal: () => contractSecret });
  return { shell, machine, stop: () => shell.close() };
});

afterEach(() => vi.unstubAllEnvs());

it('gives commands nothing of the controller’s environment but what a login gives', async () => {
  vi.stubEnv('PORTOSER_GIT_TOKEN', 'credential');
  vi.stubEnv('DATABASE_URL', 'credential');
  const { stdout } = await openLocalShell().run(machine, sh`env`, { timeLimitMs: 5000 });
  expect(stdout).toContain('PATH=');
  expect(stdout).not.toContain('credential');
});

it('has no host keys', async () => {
  expect(await openShell().hostKeys(machine)).toEqual([]);
});

it.skipIf(process.getuid?.() === 0)('refuses root where the registry says sudo: never', async () => {
  const run = openLocalShell().run({ ...machine, sudo: 'never' }, sh`true`, { timeLimitMs: 5000, root: true });
  await expect(run).rejects.toMatchObject({ code: 'sudo-refused' });
});
