// wrk, which asks one address as often as it gets answers, and a Fastify that answers it a constant.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { fastify, type FastifyInstance } from 'fastify';

export const hasWrk = (): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, 'wrk')));

const words = (address: string, seconds: number): readonly string[] => [
  '--threads',
  '1',
  '--connections',
  '10',
  '--timeout',
  '10s',
  '--duration',
  `${seconds}s`,
  `http://${address}`,
];

function microsecondsOf(output: string): number {
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(output);
  return 1e6 / Number(/^Requests\/sec:\s+([\d.]+)/m.exec(output)?.[1]);
}

/** Microseconds for one answer, of which wrk got as many as it could, asking ten at a time. */
export async function microsecondsEach(address: string, seconds = 3): Promise<number> {
  return microsecondsOf((await promisify(execFile)('wrk', words(address, seconds))).stdout);
}

/** The same for as long as `work` goes on. */
export async function microsecondsWhile(address: string, work: () => Promise<void>): Promise<number> {
  const asking = promisify(execFile)('wrk', words(address, 3600));
  asking.catch(() => undefined);
  try {
    await work();
  } finally {
    // It counts what it got until then.
    asking.child.kill('SIGINT');
  }
  return microsecondsOf((await asking).stdout);
}

/** Listens, and answers at `/constant` JSON of that length. */
export async function constantServer(length: number): Promise<FastifyInstance> {
  const server = fastify();
  const constant = { text: 'x'.repeat(Math.max(0, length - 11)) };
  server.get('/constant', async () => constant);
  await server.listen({ host: '127.0.0.1', port: 0 });
  return server;
}
