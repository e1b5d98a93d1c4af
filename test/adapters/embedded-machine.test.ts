// The embedded machine: an SSH server in this process that behaves as a machine without a service manager.
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedMachine, startEmbeddedMachine } from '../../reconciler/adapters/embedded-machine.js';
import { findProcesses } from '../../reconciler/adapters/embedded-processes.js';
import { openRemoteShell, type ShellSettings } from '../../reconciler/adapters/ssh.js';
import { sh } from '../../reconciler/commands/command.js';
import type { RemoteShell } from '../../reconciler/ports.js';
import type { Machine } from '../../schema/registry-types.js';
import { contractSecret, isAlive, plainMachine, remoteShellContract } from '../contracts/remote-shell.js';
import { writeKey } from './ssh-key.js';

let folder: string;
let keyFile: string;
let publicKey: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portoser-embedded-'));
  keyFile = join(folder, 'id');
  publicKey = await writeKey(keyFile);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const start = (name: string, more: object = {}): Promise<EmbeddedMachine> =>
  startEmbeddedMachine({ name, folder: join(folder, name), authorizedKey: publicKey, ...more });

function machineOf(embedded: EmbeddedMachine, more: Partial<Machine> = {}): Machine {
  const { host, port, user, hostKey } = embedded;
  return plainMachine({ host, port, user, hostKeys: [hostKey], sshKey: keyFile, ...more });
}

function open(settings: ShellSettings = {}): RemoteShell {
  return openRemoteShell({
    agentSocket: '',
    home: folder,
    knownHostsFiles: [],
    reveal: () => contractSecret,
    ...settings,
  });
}

remoteShellContract('the embedded machine', async () => {
  const embedded = await start('contract');
  const shell = open();
  return {
    shell,
    machine: machineOf(embedded),
    stop: async () => {
      await shell.close();
      await embedded.stop();
    },
  };
});

describe('the embedded machine', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  async function openWith(
    name: string,
    more: object = {},
  ): Promise<{ embedded: EmbeddedMachine; shell: RemoteShell; machine: Machine }> {
    const embedded = await start(name, more);
    const shell = open();
    stops.push(
      () => embedded.stop(),
      () => shell.close(),
    );
    return { embedded, shell, machine: machineOf(embedded) };
  }

  it('keeps HOME and state in its folder, and nothing of our environment but PATH', async () => {
    const { shell, machine, embedded } = await openWith('home', { env: { EXTRA: 'x y' } });
    const { stdout } = await shell.run(machine, sh`env`, { timeLimitMs: 5000 });
    const names = stdout.split('\n').map(line => line.split('=')[0]);
    expect(stdout).toContain(`HOME=${join(folder, 'home', 'home')}\n`);
    expect(stdout).toContain(`XDG_STATE_HOME=${join(folder, 'home', 'state')}\n`);
    expect(stdout).toContain(`PORTOSER_MACHINE=${embedded.marker}\n`);
    expect(stdout).toContain('EXTRA=x y\n');
    const known = /^(|PATH|HOME|XDG_STATE_HOME|USER|LOGNAME|SHELL|EXTRA|PORTOSER_MACHINE|PWD|OLDPWD|SHLVL|_|LC_ALL)$/;
    expect(names.filter(name => !known.test(name ?? ''))).toEqual([]);
  });

  it('is the same machine after a restart, on the same port', async () => {
    const first = await start('again');
    await first.stop();
    const second = await start('again', { port: first.port });
    await second.stop();
    expect([second.hostKey, second.marker, second.port]).toEqual([first.hostKey, first.marker, first.port]);
    expect((await stat(join(folder, 'again', 'host_key'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(folder, 'again', 'host_key'), 'utf8')).toContain('PRIVATE KEY');
  });

  it('lets in nobody else', async () => {
    const { shell, machine } = await openWith('strict');
    const stranger = join(folder, 'stranger');
    await writeKey(stranger);
    const wrongKey = shell.run({ ...machine, sshKey: stranger }, sh`true`, { timeLimitMs: 5000 });
    await expect(wrongKey).rejects.toMatchObject({ code: 'ssh-auth' });
    const wrongUser = shell.run({ ...machine, user: 'mallory' }, sh`true`, { timeLimitMs: 5000 });
    await expect(wrongUser).rejects.toMatchObject({ code: 'ssh-auth' });
  });

  it('shows its key to whom asks', async () => {
    const { shell, machine, embedded } = await openWith('keys');
    const [shown, ...others] = await shell.hostKeys(machine);
    expect([shown?.key, others]).toEqual([embedded.hostKey, []]);
    expect(shown?.fingerprint).toMatch(/^SHA256:[\w+/]{43}$/);
  });

  it('forwards to its loopback only', async () => {
    const { shell, machine } = await openWith('loopback');
    await expect(shell.dial(machine, '192.0.2.1', 80, 5000)).rejects.toMatchObject({ code: 'command-failed' });
  });

  it('lets daemons outlive command and connection, and ends them when it stops', async () => {
    const { shell, machine, embedded } = await openWith('daemons');
    const daemon = sh`trap '' TERM; (setsid sh -c ${'trap "" TERM; while :; do sleep 60; done'} </dev/null >/dev/null 2>&1 & echo $!)`;
    const { stdout } = await shell.run(machine, daemon, { timeLimitMs: 5000 });
    const pid = Number(stdout);
    embedded.cut();
    await expect.poll(() => findProcesses(embedded.marker, new Set())).toContain(pid);
    expect((await shell.run(machine, sh`kill -0 ${pid}`, { timeLimitMs: 5000 })).code).toBe(0);
    await embedded.stop();
    expect(await findProcesses(embedded.marker, new Set())).toEqual([]);
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });

  it('ends nothing that is not its own', async () => {
    const one = await openWith('one');
    const two = await openWith('two');
    const { stdout } = await two.shell.run(two.machine, sh`sleep 60 </dev/null >/dev/null 2>&1 & echo $!`, {
      timeLimitMs: 5000,
    });
    await one.embedded.stop();
    expect(isAlive(Number(stdout))).toBe(true);
  });

  it('answers the plain ssh2 client, commands and all', async () => {
    const { embedded } = await openWith('plain');
    const client = new ssh2.Client();
    const output = await new Promise<string>((resolve, reject) => {
      client.on('error', reject);
      client.on('ready', () => {
        client.exec('echo "$0"; exit 4', (error, channel) => {
          if (error !== undefined) return reject(error);
          let text = '';
          channel.on('data', (chunk: Buffer) => (text += chunk.toString()));
          channel.on('close', (code: number) => resolve(`${text.trim()} ${code}`));
        });
      });
      client.connect({
        host: embedded.host,
        port: embedded.port,
        username: embedded.user,
        privateKey: readFileSync(keyFile),
      });
    });
    client.end();
    expect(output).toBe('/bin/sh 4');
    expect(existsSync(join(folder, 'plain', 'home'))).toBe(true);
  });
});
