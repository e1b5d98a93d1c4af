// Logins and host keys before a real OpenSSH server: which keys are used, and which servers are believed.
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sh } from '../../reconciler/commands/command.js';
import { writeKey } from '../adapters/ssh-key.js';
import { startChild } from './child.js';
import { closeAll, machineOf, openClient, startServer } from './ssh-fixture.js';
import type { Sshd } from './sshd.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portoser-login-'));
  await mkdir(join(folder, '.ssh'));
});
afterEach(async () => {
  await closeAll();
  await rm(folder, { recursive: true, force: true });
});

const limits = { timeLimitMs: 20_000 };
const file = (name: string): string => join(folder, name);

function keygen(name: string, ...words: string[]): string {
  execFileSync('ssh-keygen', ['-q', '-f', file(name), '-C', 'test', ...words]);
  return execFileSync('cat', [`${file(name)}.pub`])
    .toString()
    .trim();
}

describe('private keys', () => {
  it.each([
    ['ed25519', ['-t', 'ed25519', '-N', '']],
    ['ecdsa', ['-t', 'ecdsa', '-N', '']],
    ['rsa, signed with SHA-2', ['-t', 'rsa', '-b', '2048', '-N', '']],
    ['rsa in PEM', ['-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', '']],
  ])('of type %s', async (_name, words) => {
    const sshd = await startServer({ authorizedKeys: [keygen('key', ...words)] });
    const result = await openClient().run(machineOf(sshd, { sshKey: file('key') }), sh`echo in`, limits);
    expect(result.stdout).toBe('in\n');
  });

  it.each([
    ['in the OpenSSH format', ['-t', 'ed25519']],
    ['in PEM', ['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
  ])('encrypted %s', async (_name, words) => {
    const sshd = await startServer({ authorizedKeys: [keygen('key', ...words, '-N', 'right')] });
    const machine = machineOf(sshd, { sshKey: file('key') });
    const run = (passphrase?: string) =>
      openClient(passphrase === undefined ? {} : { passphrase }).run(machine, sh`true`, limits);
    expect((await run('right')).code).toBe(0);
    await expect(run('wrong')).rejects.toMatchObject({
      code: 'ssh-key-unusable',
      message: expect.stringContaining('wrong passphrase'),
    });
    await expect(run()).rejects.toMatchObject({
      code: 'ssh-key-unusable',
      message: expect.stringContaining('encrypted'),
    });
  });

  it('that are not there, open to others, or no keys', async () => {
    const sshd = await startServer();
    const shell = openClient();
    const run = (sshKey: string) => shell.run(machineOf(sshd, { sshKey }), sh`true`, limits);
    await writeFile(file('text'), 'no key', { mode: 0o600 });
    await copyFile(sshd.keyFile, file('open'));
    await chmod(file('open'), 0o640);
    for (const [name, why] of [
      ['none', 'absent'],
      ['text', 'not a private key'],
      ['open', 'readable by others'],
    ] as const) {
      await expect(run(file(name))).rejects.toMatchObject({
        code: 'ssh-key-unusable',
        message: expect.stringContaining(why),
      });
    }
  });

  it('that the machine does not know', async () => {
    const sshd = await startServer();
    await writeKey(file('stranger'));
    const run = openClient().run(machineOf(sshd, { sshKey: file('stranger') }), sh`true`, limits);
    await expect(run).rejects.toMatchObject({ code: 'ssh-auth', details: { machine: 'm1', tried: file('stranger') } });
  });

  it('by default from ~/.ssh, and by ~ in ssh_key', async () => {
    const sshd = await startServer();
    await copyFile(sshd.keyFile, file('.ssh/id_rsa'));
    await chmod(file('.ssh/id_rsa'), 0o600);
    await writeKey(file('.ssh/id_ed25519'));
    const { sshKey, ...machine } = machineOf(sshd);
    expect(sshKey).toBe(sshd.keyFile);
    expect((await openClient({ home: folder }).run(machine, sh`true`, limits)).code).toBe(0);
    const byTilde = { ...machine, sshKey: '~/.ssh/id_rsa' };
    expect((await openClient({ home: folder }).run(byTilde, sh`true`, limits)).code).toBe(0);
    await expect(openClient({ home: file('none') }).run(machine, sh`true`, limits)).rejects.toMatchObject({
      code: 'ssh-key-unusable',
    });
  });
});

describe('the agent', () => {
  it.each([
    ['ed25519', ['-t', 'ed25519', '-N', '']],
    ['rsa', ['-t', 'rsa', '-b', '2048', '-N', '']],
  ])('logs in with its %s key where there is no file', async (_name, words) => {
    const sshd = await startServer({ authorizedKeys: [keygen('key', ...words)] });
    const agentSocket = file('agent');
    const agent = startChild('ssh-agent', ['-D', '-a', agentSocket]);
    try {
      await expect.poll(() => addKey(agentSocket, file('key'))).toBe(true);
      const { sshKey: _file, ...machine } = machineOf(sshd);
      const result = await openClient({ agentSocket }).run(machine, sh`echo "$SSH_AUTH_SOCK"`, limits);
      expect([result.code, result.stdout]).toEqual([0, '\n']);
    } finally {
      await agent.stop();
    }
  });

  it('that does not run leaves the key files', async () => {
    const sshd = await startServer();
    await copyFile(sshd.keyFile, file('.ssh/id_ed25519'));
    await chmod(file('.ssh/id_ed25519'), 0o600);
    const { sshKey: _file, ...machine } = machineOf(sshd);
    const settings = { agentSocket: file('nothing'), home: folder };
    expect((await openClient(settings).run(machine, sh`true`, limits)).code).toBe(0);
    await expect(openClient({ agentSocket: file('nothing') }).run(machine, sh`true`, limits)).rejects.toMatchObject({
      code: 'ssh-auth',
    });
  });
});

function addKey(socket: string, key: string): boolean {
  try {
    execFileSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('host keys', () => {
  const types = ['ed25519', 'ecdsa', 'rsa'] as const;
  const keyOf = (sshd: Sshd, type: (typeof types)[number]): string => sshd.hostKey(type);

  it.each(types)('pinned, of type %s, though the server has others', async type => {
    const sshd = await startServer({ hostKeys: types });
    expect((await openClient().run(machineOf(sshd, { hostKeys: [keyOf(sshd, type)] }), sh`true`, limits)).code).toBe(0);
  });

  it.each(types)('in known_hosts, of type %s, though the server has others', async type => {
    const sshd = await startServer({ hostKeys: types });
    await writeFile(file('known'), `[127.0.0.1]:${sshd.port} ${keyOf(sshd, type)}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file('known')], { stdio: 'ignore' });
    const shell = openClient({ knownHostsFiles: [file('known')] });
    expect((await shell.run(machineOf(sshd, { hostKeys: [] }), sh`true`, limits)).code).toBe(0);
  });

  it('that nobody told us are refused, with fingerprint and the command that trusts', async () => {
    const sshd = await startServer();
    const fingerprint =
      execFileSync('ssh-keygen', ['-lf', join(sshd.dir, 'host_ed25519.pub')])
        .toString()
        .split(' ')[1] ?? '';
    const error = await openClient()
      .run(machineOf(sshd, { hostKeys: [] }), sh`true`, limits)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ssh-host-key-unknown',
      message: expect.stringContaining(fingerprint),
      hint: expect.stringContaining('portoser machine trust m1'),
    });
    expect(sshd.log()).not.toContain('Accepted publickey');
  });

  it('that changed are never accepted, by pin or by known_hosts', async () => {
    const sshd = await startServer();
    const old = sshd.hostKey();
    await writeFile(file('known'), `[127.0.0.1]:${sshd.port} ${old}\n`);
    await sshd.stop();
    await sshd.changeHostKey();
    await sshd.start();
    const shell = openClient({ knownHostsFiles: [file('known')] });
    for (const hostKeys of [[], [old]]) {
      await expect(shell.run(machineOf(sshd, { hostKeys }), sh`true`, limits)).rejects.toMatchObject({
        code: 'ssh-host-key-changed',
      });
    }
    expect(sshd.log()).not.toContain('Accepted publickey');
  });

  it('that were revoked are refused', async () => {
    const sshd = await startServer();
    await writeFile(file('known'), `[127.0.0.1]:${sshd.port} ${sshd.hostKey()}\n@revoked * ${sshd.hostKey()}\n`);
    const shell = openClient({ knownHostsFiles: [file('known')] });
    await expect(shell.run(machineOf(sshd, { hostKeys: [] }), sh`true`, limits)).rejects.toMatchObject({
      code: 'ssh-host-key-changed',
      details: { verdict: 'revoked' },
    });
  });

  it('are all shown to whom asks, and trusted by nobody', async () => {
    const sshd = await startServer({ hostKeys: types });
    const shown = await openClient().hostKeys(machineOf(sshd, { hostKeys: [] }));
    expect(shown.map(one => one.key).sort()).toEqual(types.map(type => keyOf(sshd, type)).sort());
    expect(shown.every(one => one.fingerprint.startsWith('SHA256:'))).toBe(true);
    expect(sshd.log()).not.toContain('Accepted publickey');
  });
});

describe('algorithms', () => {
  it.each([
    'KexAlgorithms diffie-hellman-group14-sha1',
    'Ciphers aes128-cbc',
    'Ciphers aes128-ctr\nMACs hmac-sha1',
    'HostKeyAlgorithms ssh-rsa',
  ])('refuses %s', async line => {
    const sshd = await startServer({ hostKeys: ['rsa'], config: line.split('\n') });
    const run = openClient().run(machineOf(sshd, { hostKeys: [sshd.hostKey('rsa')] }), sh`true`, limits);
    await expect(run).rejects.toMatchObject({ code: 'ssh-unreachable' });
  });

  it.each(['chacha20-poly1305@openssh.com', 'aes256-gcm@openssh.com', 'aes256-ctr'])('speaks %s', async cipher => {
    const sshd = await startServer({ config: [`Ciphers ${cipher}`] });
    expect((await openClient().run(machineOf(sshd), sh`true`, limits)).code).toBe(0);
  });

  it('refuses SHA-1 signatures of its own RSA key', async () => {
    const sshd = await startServer({
      authorizedKeys: [keygen('key', '-t', 'rsa', '-b', '2048', '-N', '')],
      config: ['PubkeyAcceptedAlgorithms ssh-rsa'],
    });
    const run = openClient().run(machineOf(sshd, { sshKey: file('key') }), sh`true`, limits);
    await expect(run).rejects.toMatchObject({ code: 'ssh-auth' });
  });
});

describe('machines that cannot be reached', () => {
  async function listen(answer: (server: Server) => void): Promise<Server> {
    const server = createServer();
    answer(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }
  const portOf = (server: Server): number => (server.address() as { port: number }).port;

  it('are told from each other', async () => {
    const sshd = await startServer();
    const shell = openClient({ loginLimitMs: 500 });
    const silent = await listen(() => undefined);
    const rude = await listen(server => server.on('connection', socket => void socket.end()));
    const closed = await listen(() => undefined);
    const free = portOf(closed);
    closed.close();
    const cases = [
      [{ port: free }, 'nothing listens there'],
      [{ host: 'no-such-host.invalid' }, 'name cannot be resolved'],
      [{ port: portOf(silent) }, 'did not finish the SSH handshake'],
      [{ port: portOf(rude) }, 'cannot be reached'],
    ] as const;
    for (const [more, words] of cases) {
      const run = shell.run(machineOf(sshd, more), sh`true`, limits);
      await expect(run).rejects.toMatchObject({ code: 'ssh-unreachable', message: expect.stringContaining(words) });
    }
    silent.close();
    rude.close();
  });

  it('are not asked again at once, until a new pass', async () => {
    let asked = 0;
    const rude = await listen(server => server.on('connection', socket => void (asked++, socket.end())));
    const sshd = await startServer();
    const machine = machineOf(sshd, { port: portOf(rude) });
    const shell = openClient();
    const run = () => shell.run(machine, sh`true`, limits);
    await Promise.all([1, 2, 3].map(() => expect(run()).rejects.toMatchObject({ code: 'ssh-unreachable' })));
    await expect(run()).rejects.toMatchObject({ code: 'ssh-unreachable' });
    expect(asked).toBe(1);
    shell.setMachines([machine]);
    await expect(run()).rejects.toMatchObject({ code: 'ssh-unreachable' });
    expect(asked).toBe(2);
    rude.close();
  });
});

it('keeps a passphrase out of what it throws', async () => {
  const sshd = await startServer({ authorizedKeys: [keygen('key', '-t', 'ed25519', '-N', 'right')] });
  const machine = machineOf(sshd, { sshKey: file('key') });
  const error = await openClient({ passphrase: 'the wrong one' })
    .run(machine, sh`true`, limits)
    .catch((thrown: unknown) => thrown);
  expect(JSON.stringify([error, String(error)])).not.toContain('the wrong one');
  expect(await readFile(file('key'), 'utf8')).toContain('PRIVATE KEY');
});
