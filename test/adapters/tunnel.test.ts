// Looks at ports of a machine: over its SSH connection, and by curl or nc there when forwarding is refused.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedMachine, startEmbeddedMachine } from '../../reconciler/adapters/embedded-machine.js';
import { openRemoteShell } from '../../reconciler/adapters/ssh.js';
import { openTunnel } from '../../reconciler/adapters/tunnel.js';
import { sh } from '../../reconciler/commands/command.js';
import type { HttpAsk, RemoteShell, Tunnel } from '../../reconciler/ports.js';
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import { plainMachine } from '../contracts/remote-shell.js';
import { writeKey } from './ssh-key.js';

const folder = mkdtempSync(join(tmpdir(), 'portoser-tunnel-'));
let embedded: EmbeddedMachine;
let shell: RemoteShell;
let machine: Machine;

beforeAll(async () => {
  const authorizedKey = await writeKey(join(folder, 'id'));
  embedded = await startEmbeddedMachine({ name: 'm1', folder: join(folder, 'm1'), authorizedKey });
  shell = openRemoteShell({ agentSocket: '', knownHostsFiles: [] });
  const { host, port, user, hostKey } = embedded;
  machine = plainMachine({ host, port, user, hostKeys: [hostKey], sshKey: join(folder, 'id') });
});
afterAll(async () => {
  await shell.close();
  await embedded.stop();
  rmSync(folder, { recursive: true });
});

const servers: (Server | TcpServer)[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    await once(server, 'close');
  }
});

async function listen(server: Server | TcpServer): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => void sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const serve = (answer: RequestListener): Promise<number> => listen(createServer(answer));
const ask = (port: number, more: Partial<HttpAsk> = {}): HttpAsk => ({
  scheme: 'http',
  host: '127.0.0.1',
  port,
  path: '/health',
  tlsVerify: true,
  ...more,
});

async function freePort(): Promise<number> {
  const port = await listen(createTcpServer());
  const server = servers.pop()!;
  server.close();
  await once(server, 'close');
  return port;
}

/** The same shell on a machine whose sshd forwards nothing. */
function withoutForwarding(): RemoteShell {
  return {
    ...shell,
    dial: async () => {
      throw new AppError('ssh-forward-refused', 'm1 refuses forwarding');
    },
  };
}

const ways: readonly [name: string, open: () => Tunnel][] = [
  ['over SSH', () => openTunnel(shell)],
  ['by curl and nc there', () => openTunnel(withoutForwarding())],
];

describe.each(ways)('looks %s', (_name, open) => {
  const http = (question: HttpAsk, limitMs = 5000) => open().http(machine, question, limitMs);

  it('answer status and body', async () => {
    let seen: IncomingMessage | undefined;
    const port = await serve((request, response) => {
      seen = request;
      response.writeHead(201, { 'x-a': 'b' }).end('fine\r\n\r\nÄ');
    });
    expect(await http(ask(port, { path: '/a/../b?c=[1]&d=%20' }))).toEqual({ status: 201, body: 'fine\r\n\r\nÄ' });
    expect([seen?.method, seen?.url, seen?.headers.host]).toEqual(['GET', '/a/../b?c=[1]&d=%20', `127.0.0.1:${port}`]);
  });

  it('send the Host header that was asked for', async () => {
    const port = await serve((request, response) => void response.end(request.headers.host));
    expect((await http(ask(port, { hostHeader: 'web.internal' }))).body).toBe('web.internal');
  });

  it('do not follow a redirect, and judge no status', async () => {
    let asked = 0;
    const port = await serve((_request, response) => {
      asked += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect(await http(ask(port))).toEqual({ status: 302, body: '' });
    expect(asked).toBe(1);
    const failing = await serve((_request, response) => void response.writeHead(503).end('down'));
    expect(await http(ask(failing))).toEqual({ status: 503, body: 'down' });
  });

  it('read the first 64 KiB of a body that has no end', async () => {
    const port = await serve((_request, response) => {
      response.write('first');
      const write = (): void => void response.write(Buffer.alloc(100_000, 'x'), () => setImmediate(write));
      write();
    });
    const { status, body } = await http(ask(port));
    expect([status, body.length, body.startsWith('firstxxx')]).toEqual([200, 65_536, true]);
  });

  it('tell a port where nothing listens', async () => {
    const port = await freePort();
    await expect(http(ask(port))).rejects.toMatchObject({ code: 'command-failed' });
    await expect(open().connect(machine, '127.0.0.1', port, 5000)).rejects.toMatchObject({ code: 'command-failed' });
  });

  it('tell what speaks no HTTP, or hangs up', async () => {
    const talks = await listen(
      createTcpServer(socket => void socket.end('SSH-2.0-x\r\n').on('error', () => undefined)),
    );
    const hangs = await listen(createTcpServer(socket => void socket.destroy()));
    await expect(http(ask(talks))).rejects.toMatchObject({ code: 'command-failed' });
    await expect(http(ask(hangs))).rejects.toMatchObject({ code: 'command-failed' });
  });

  it('end by their time limit where nothing is answered', async () => {
    const silent = await listen(createTcpServer(socket => void socket.on('error', () => undefined).resume()));
    await expect(http(ask(silent), 500)).rejects.toMatchObject({ code: 'command-timeout' });
    await expect(http(ask(silent, { scheme: 'https' }), 500)).rejects.toMatchObject({ code: 'command-timeout' });
  });

  it('see that a port accepts', async () => {
    const port = await listen(createTcpServer(socket => void socket.on('error', () => undefined).resume()));
    await expect(open().connect(machine, '127.0.0.1', port, 5000)).resolves.toBeUndefined();
  });

  it('verify certificates unless told not to, by the name of the Host header', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=web.internal', '-addext', 'subjectAltName=DNS:web.internal'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const names: string[] = [];
    const server = createTlsServer(
      { key: readFileSync(key), cert: readFileSync(cert) },
      (_request, response) => void response.end('safe'),
    );
    server.on('secureConnection', socket => names.push(String(socket.servername)));
    const port = await listen(server);
    const question = ask(port, { scheme: 'https', hostHeader: 'web.internal' });
    await expect(http(question)).rejects.toMatchObject({ code: 'command-failed' });
    expect(await http({ ...question, tlsVerify: false })).toEqual({ status: 200, body: 'safe' });
    expect(names.at(-1)).toBe('web.internal');
  });
});

it('makes 50 looks at once', async () => {
  const port = await serve((_request, response) => void response.end('ok'));
  const tunnel = openTunnel(shell);
  const answers = await Promise.all(Array.from({ length: 50 }, () => tunnel.http(machine, ask(port), 10_000)));
  expect(answers.every(answer => answer.status === 200 && answer.body === 'ok')).toBe(true);
});

const haveCurl = spawnSync('curl', ['--version']).error === undefined;

it.skipIf(!haveCurl)('sees by curl alone that a port accepts', async () => {
  const only = join(folder, 'only-curl');
  mkdirSync(only);
  symlinkSync(execFileSync('sh', ['-c', 'command -v curl']).toString().trim(), join(only, 'curl'));
  const poor: RemoteShell = {
    ...withoutForwarding(),
    run: (where, command, limits) => shell.run(where, sh`PATH=${only}\n${command}`, limits),
  };
  const port = await listen(createTcpServer(socket => void socket.on('error', () => undefined).resume()));
  await expect(openTunnel(poor).connect(machine, '127.0.0.1', port, 1000)).resolves.toBeUndefined();
  await expect(openTunnel(poor).connect(machine, '127.0.0.1', await freePort(), 1000)).rejects.toMatchObject({
    code: 'command-failed',
  });
});

it('says that it could not look when there is neither forwarding nor curl nor nc', async () => {
  const empty: RemoteShell = {
    ...withoutForwarding(),
    run: (where, command, limits) => shell.run(where, sh`PATH=/nowhere\n${command}`, limits),
  };
  const tunnel = openTunnel(empty);
  await expect(tunnel.http(machine, ask(1), 1000)).rejects.toMatchObject({ code: 'ssh-forward-refused' });
  await expect(tunnel.connect(machine, '127.0.0.1', 1, 1000)).rejects.toMatchObject({ code: 'ssh-forward-refused' });
});

it('does not take a machine that went away for a service that does not answer', async () => {
  const silent = await listen(createTcpServer(socket => void socket.on('error', () => undefined).resume()));
  const gone: RemoteShell = {
    ...shell,
    dial: (where, host, port, limitMs) =>
      port === silent
        ? shell.dial(where, host, port, limitMs)
        : Promise.reject(new AppError('command-timeout', 'nothing came back')),
  };
  await expect(openTunnel(gone).http(machine, ask(silent), 300)).rejects.toMatchObject({ code: 'ssh-lost' });
});
