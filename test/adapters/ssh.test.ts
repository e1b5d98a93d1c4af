// The SSH adapter before embedded machines: sudo, connections that break, the choice between here and there.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type EmbeddedMachine, startEmbeddedMachine } from '../../reconciler/adapters/embedded-machine.js';
import { openShell } from '../../reconciler/adapters/shell.js';
import type { ShellSettings } from '../../reconciler/adapters/ssh.js';
import { secret, sh } from '../../reconciler/commands/command.js';
import type { RemoteShell } from '../../reconciler/ports.js';
import type { Machine } from '../../schema/registry-types.js';
import { isAlive, plainMachine } from '../contracts/remote-shell.js';
import { writeKey } from './ssh-key.js';

const folder = mkdtempSync(join(tmpdir(), 'portoser-ssh-'));
const limits = { timeLimitMs: 10_000 };
let embedded: EmbeddedMachine;
let machine: Machine;

/** Stands in for sudo, which need not be installed here: allows, or refuses as `sudo -n` does without NOPASSWD. */
function writeSudo(body: string): void {
  writeFileSync(join(folder, 'bin/sudo'), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}
const allow = '[ "$1" = -n ] || exit 9; shift; AS_ROOT=yes; export AS_ROOT; exec "$@"';
const refuse = 'echo "sudo: a password is required" >&2; exit 1';

beforeAll(async () => {
  mkdirSync(join(folder, 'bin'));
  const authorizedKey = await writeKey(join(folder, 'id'));
  const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` };
  embedded = await startEmbeddedMachine({ name: 'm1', folder: join(folder, 'm1'), authorizedKey, env });
  const { host, port, user, hostKey } = embedded;
  machine = plainMachine({ host, port, user, hostKeys: [hostKey], sshKey: join(folder, 'id') });
});
afterAll(async () => {
  await embedded.stop();
  rmSync(folder, { recursive: true });
});

const shells: RemoteShell[] = [];
afterEach(async () => {
  for (const shell of shells.splice(0)) await shell.close();
});
function open(settings: ShellSettings = {}): RemoteShell {
  const shell = openShell({ agentSocket: '', knownHostsFiles: [], home: folder, ...settings });
  shells.push(shell);
  return shell;
}

describe('sudo', () => {
  const asked = sh`echo "\${AS_ROOT:-no}"`;

  it.each([
    ['auto', undefined, 'no'],
    ['auto', true, 'yes'],
    ['always', undefined, 'yes'],
    ['always', false, 'no'],
    ['never', undefined, 'no'],
  ] as const)('%s with root %s: %s', async (sudo, root, found) => {
    writeSudo(allow);
    const result = await open().run({ ...machine, sudo }, asked, root === undefined ? limits : { ...limits, root });
    expect(result.stdout).toBe(`${found}\n`);
  });

  it('that the registry forbids is refused before anything is sent', async () => {
    const run = open().run({ ...machine, sudo: 'never', port: 1 }, asked, { ...limits, root: true });
    await expect(run).rejects.toMatchObject({ code: 'sudo-refused' });
  });

  it('that the machine refuses is told apart from a failed command', async () => {
    writeSudo(refuse);
    await expect(open().run(machine, asked, { ...limits, root: true })).rejects.toMatchObject({
      code: 'sudo-refused',
      details: { said: 'sudo: a password is required' },
    });
    writeSudo(allow);
    expect((await open().run(machine, sh`exit 1`, { ...limits, root: true })).code).toBe(1);
  });

  it('ends what ran as root by sudo too', async () => {
    writeSudo(allow);
    const result = await open().run(machine, sh`echo $$; sleep 60`, { timeLimitMs: 500, root: true });
    expect([result.timedOut, result.lost]).toEqual([true, false]);
    await expect.poll(() => isAlive(Number(result.stdout)), { timeout: 10_000 }).toBe(false);
  });
});

describe('a connection', () => {
  it('that is cut gives no success; the next command connects anew', async () => {
    const shell = open();
    const result = await shell.run(machine, sh`echo there; sleep 60`, { ...limits, onOutput: () => embedded.cut() });
    expect([result.code, result.lost, result.timedOut]).toEqual([null, true, false]);
    expect((await shell.run(machine, sh`echo back`, limits)).stdout).toBe('back\n');
  });

  it('that is cut in the middle of many commands loses some and stands up again', async () => {
    const shell = open();
    let answered = 0;
    const results = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const result = await shell.run(machine, sh`echo ${index}`, limits);
        answered += 1;
        if (answered === 20) embedded.cut();
        return result;
      }),
    );
    for (const [index, result] of results.entries()) {
      expect(result).toMatchObject(result.lost ? { code: null } : { code: 0, stdout: `${index}\n` });
    }
    expect(results.filter(result => result.lost).length).toBeLessThanOrEqual(5);
  });

  it('that is lost after the exit code and before the last output was told is lost', async () => {
    let pid = 0;
    const onOutput = (chunk: Uint8Array): void => {
      pid ||= Number(/pid (\d+)/.exec(Buffer.from(chunk).toString())?.[1] ?? 0);
    };
    // The background process holds the outputs open: the shell's exit code is told, the end of its outputs is not.
    const run = open().run(machine, sh`echo "pid $$"; sleep 30 &\nexit 0`, { ...limits, onOutput });
    await vi.waitFor(() => expect(pid).toBeGreaterThan(0));
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false));
    embedded.cut();
    expect(await run).toMatchObject({ code: null, lost: true });
  });

  it('that is still being made can be interrupted', async () => {
    const silent: Server = createServer(socket => void socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const controller = new AbortController();
    silent.once('connection', () => controller.abort());
    const port = (silent.address() as { port: number }).port;
    const run = open().run({ ...machine, port }, sh`true`, {
      ...limits,
      signal: controller.signal,
    });
    await expect(run).rejects.toMatchObject({ code: 'interrupted' });
    silent.close();
  });

  it('that is still being made ends with close', async () => {
    const silent: Server = createServer(socket => void socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const shell = open();
    const port = (silent.address() as { port: number }).port;
    const outcome = shell.run({ ...machine, port }, sh`true`, limits).catch((thrown: unknown) => thrown);
    await once(silent, 'connection');
    await shell.close();
    expect(await outcome).toMatchObject({ code: 'interrupted' });
    silent.close();
  });

  it('is refused after close', async () => {
    const shell = open();
    await shell.run(machine, sh`true`, limits);
    await shell.close();
    await expect(shell.run(machine, sh`true`, limits)).rejects.toMatchObject({ code: 'interrupted' });
  });
});

it('runs here and there by the host’s name', async () => {
  const shell = open();
  shell.setMachines([machine]);
  const where = sh`echo "\${PORTOSER_MACHINE:-here}"`;
  const here = await shell.run({ ...machine, host: 'local' }, where, limits);
  const there = await shell.run(machine, where, limits);
  expect([here.stdout, there.stdout]).toEqual(['here\n', `${embedded.marker}\n`]);
});

it('refuses a command with a secret where nobody can reveal it, and says nothing of its value elsewhere', async () => {
  const command = sh`echo ${secret({ source: 'vault', name: 'db' })}`;
  await expect(open().run(machine, command, limits)).rejects.toThrow('no secret source for vault:db');
});
