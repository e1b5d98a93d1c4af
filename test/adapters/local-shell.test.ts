// Commands on the controller's own machine.
import { afterEach, expect, it, vi } from 'vitest';
import { openLocalShell } from '../../reconciler/adapters/local-shell.js';
import { openShell } from '../../reconciler/adapters/shell.js';
import { sh } from '../../reconciler/commands/command.js';
import type { AppError } from '../../schema/errors.js';
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

it('refuses root where the registry says sudo: never, to all who are not root already', async () => {
  const run = openLocalShell().run({ ...machine, sudo: 'never' }, sh`id -u`, { timeLimitMs: 5000, root: true });
  const outcome = await run.then(
    ({ stdout }) => stdout.trim(),
    (error: AppError) => error.code,
  );
  expect(outcome).toBe(process.getuid?.() === 0 ? '0' : 'sudo-refused');
});
