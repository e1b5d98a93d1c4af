// Connections that are begun before anybody asks: used by who asks then, told about only to them, closed where nobody does.
import { afterEach, describe, expect, it } from 'vitest';
import { sh } from '../../reconciler/commands/command.js';
import { closeAll, machineOf, openClient, startServer } from './ssh-fixture.js';

afterEach(closeAll);
const limits = { timeLimitMs: 20_000 };

describe('a connection made ahead', () => {
  it('is the one that commands go over', async () => {
    const sshd = await startServer();
    const shell = openClient();
    shell.connectAhead?.([machineOf(sshd)]);
    await expect.poll(() => sshd.log(), { timeout: 20_000 }).toContain('Accepted publickey');
    expect((await shell.run(machineOf(sshd), sh`echo here`, limits)).stdout).toBe('here\n');
    expect(sshd.log().split('Accepted publickey').length - 1).toBe(1);
  });

  it('that fails is told to who asks', async () => {
    const sshd = await startServer();
    const shell = openClient();
    const wrongKey = machineOf(sshd, { hostKeys: [`ssh-ed25519 ${'A'.repeat(68)}`] });
    shell.connectAhead?.([wrongKey]);
    await expect(shell.run(wrongKey, sh`true`, limits)).rejects.toMatchObject({ code: 'ssh-host-key-changed' });
    shell.setMachines([machineOf(sshd)]);
    expect((await shell.run(machineOf(sshd), sh`true`, limits)).code).toBe(0);
  });

  it('is closed when its machine is not among those that are named then', async () => {
    const sshd = await startServer();
    const shell = openClient();
    shell.connectAhead?.([machineOf(sshd)]);
    shell.setMachines([]);
    await expect
      .poll(() => sshd.log(), { timeout: 20_000 })
      .toMatch(/Accepted publickey[^]*(Disconnected|Connection closed)/);
  });
});
