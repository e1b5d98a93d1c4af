// Real checks on this machine: the local shell, the real tunnel, ports that a server here opens.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../reconciler/adapters/clock.js';
import { openLocalShell } from '../../reconciler/adapters/local-shell.js';
import { openTunnel } from '../../reconciler/adapters/tunnel.js';
import { checks } from '../../reconciler/checks/index.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { checkOnce } from '../../reconciler/loop/check.js';
import { gate } from '../../reconciler/loop/gate.js';
import { type MonitorTransition, startMonitor } from '../../reconciler/loop/monitor.js';
import type { Tunnel } from '../../reconciler/ports.js';
import { createFakeLog } from '../fakes/log.js';
import { aMachine, checked, httpOn, tcpOn } from '../fakes/specs.js';

const here = { machine: aMachine('here', { host: 'local' }), cluster: `test-${process.pid}` };
const lists = { drivers, checks };
const shell = openLocalShell();
const ports = {
  shell,
  tunnel: openTunnel(shell),
  clock: systemClock,
  log: createFakeLog(),
  newId: () => randomUUID().replaceAll('-', ''),
};

let folder: string;
let servers: (Server | ReturnType<typeof createTcpServer>)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portoser-here-'));
  servers = [];
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  for (const server of servers) if (server.listening) await new Promise(resolve => server.close(resolve));
});

async function listen(server: Server | ReturnType<typeof createTcpServer>, port = 0): Promise<number> {
  servers.push(server);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const answering = (status: number, body: string) =>
  createServer((request, response) => {
    response.writeHead(request.url === '/health' ? status : 404, { connection: 'close' });
    response.end(body);
  });

/** A port that nothing listens on, as far as this test can know. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise(resolve => server.close(resolve));
  return port;
}

test('http, tcp, command and pid file, once', async () => {
  const port = await listen(answering(200, 'all is up'));
  const closed = await freePort();
  writeFileSync(join(folder, 'own.pid'), `${process.pid}\n`);
  writeFileSync(join(folder, 'gone.pid'), `999999999\n`);
  const spec = { path: folder };
  const placements = [
    checked('web@here', [httpOn(port, { expectedBody: 'is up' })], {}, spec),
    checked('lost@here', [httpOn(port, { endpoint: '/other' })], {}, spec),
    checked('closed@here', [httpOn(closed)], {}, spec),
    checked('tcp@here', [tcpOn(port)], {}, spec),
    checked('shut@here', [tcpOn(closed)], {}, spec),
    checked('command@here', [{ type: 'command', command: ['test', '-e', 'own.pid'] }], {}, spec),
    checked('pid@here', [{ type: 'process', pidFile: 'own.pid' }], {}, spec),
    checked('gone@here', [{ type: 'process', pidFile: 'gone.pid' }], {}, spec),
    checked('bare@here', [{ type: 'process' }], {}, { ...spec, type: 'local', scope: 'none' }),
  ];
  const verdicts = await checkOnce(placements, [here], lists, ports);
  const states = Object.fromEntries([...verdicts].map(([key, verdict]) => [key.split('@')[0], verdict.state]));
  expect(states).toEqual({
    web: 'pass',
    lost: 'fail',
    closed: 'fail',
    tcp: 'pass',
    shut: 'fail',
    command: 'pass',
    pid: 'pass',
    gone: 'fail',
    bare: 'fail',
  });
  expect(verdicts.get('lost@here')?.found).toBe('HTTP 404');
  expect(verdicts.get('bare@here')?.found).toBe('nothing of it is there');
});

test('a gate passes when the service comes up, and not before', async () => {
  const port = await freePort();
  const events: string[] = [];
  const tunnel: Tunnel = {
    ...ports.tunnel,
    http: async (...ask) => {
      events.push('asked');
      return ports.tunnel.http(...ask);
    },
  };
  const files = { path: folder };
  const both = [httpOn(port), { type: 'command' as const, command: ['test', '-e', 'ready'] }];
  const options = { onResult: () => void events.push('decided') };
  const waiting = gate(
    [checked('web@here', both, {}, files)],
    here,
    { drivers: {}, checks },
    { ...ports, tunnel },
    options,
  );
  await vi.waitFor(() => expect(events).toContain('asked'));
  writeFileSync(join(folder, 'ready'), '');
  await listen(answering(200, ''), port);
  events.push('up');
  expect(Object.fromEntries(await waiting)).toEqual({ 'web@here': { result: 'passed' } });
  expect(events.filter(event => event !== 'asked')).toEqual(['up', 'decided']);
});

test('the monitor sees a service go and come back', async () => {
  const server = answering(200, '');
  const port = await listen(server);
  const seen: string[] = [];
  const next = (count: number) => vi.waitFor(() => expect(seen).toHaveLength(count), 10_000);
  const onTransition = ({ from, to }: MonitorTransition) => void seen.push(`${from} → ${to}`);
  const monitor = startMonitor(ports, lists, { onTransition });
  monitor.update([checked('web@here', [httpOn(port)], { intervalMs: 50, retries: 2 })], [here]);
  await next(1);
  await new Promise(resolve => server.close(resolve));
  await next(2);
  await listen(answering(200, ''), port);
  await next(3);
  await monitor.stop();
  expect(seen).toEqual(['unknown → healthy', 'healthy → unhealthy', 'unhealthy → healthy']);
});
