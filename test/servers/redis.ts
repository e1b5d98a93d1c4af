// A real redis-server on a Unix socket and a loopback port of its own: may be stopped, started anew, and made to hang.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { type Child, startChild } from './child.js';
import { freePort, untilListening } from './ports.js';

export interface TestRedis {
  /** Over TCP, with its password. */
  readonly url: string;
  readonly port: number;
  readonly password: string;
  /** By its socket. */
  readonly socket: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Connections are accepted by the kernel, and nobody answers. */
  hang(): void;
  goOn(): void;
  remove(): Promise<void>;
}

export async function startRedis(): Promise<TestRedis> {
  const dir = mkdtempSync(join(tmpdir(), 'portoser-redis-'));
  const port = await freePort();
  const password = 'canary-of-redis';
  const pidFile = join(dir, 'pid');
  let child: Child | undefined;
  const log = () => child?.log() ?? '';
  const signal = (name: NodeJS.Signals) => process.kill(Number(readFileSync(pidFile, 'utf8').trim()), name);
  const words = {
    port,
    bind: '127.0.0.1',
    unixsocket: join(dir, 'socket'),
    pidfile: pidFile,
    dir,
    requirepass: password,
    appendonly: 'no',
  };
  const redis: TestRedis = {
    url: `redis://:${password}@127.0.0.1:${port}/1`,
    port,
    password,
    socket: `${join(dir, 'socket')}?password=${password}&db=1`,
    start: async () => {
      rmSync(pidFile, { force: true });
      const options = Object.entries(words).flatMap(([name, value]) => [`--${name}`, String(value)]);
      child = startChild('redis-server', [...options, '--save', '']);
      await untilListening(port, log);
      for (const end = performance.now() + 10_000; !existsSync(pidFile); await sleep(10))
        if (performance.now() > end) throw new Error(`no ${pidFile}: ${log()}`);
    },
    stop: async () => {
      await child?.stop();
      child = undefined;
    },
    hang: () => signal('SIGSTOP'),
    goOn: () => signal('SIGCONT'),
    remove: async () => {
      if (child !== undefined) signal('SIGCONT');
      await redis.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await redis.start();
  return redis;
}
