// Gives a test file real hosts, clean ones, and takes them away again whatever happens.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { keyFile, labProgram, openHost, type Host } from './host.js';
import { mustRun } from './run-program.js';

export * from './evidence.js';
export * from './fresh-repo.js';
export * from './host.js';
export * from './run-program.js';

export interface Lab {
  /** Host I, counted from 1. */
  host(index: number): Host;
  readonly keyFile: string;
}

export interface LabWish {
  /** How many hosts boot: h1 … hN. */
  readonly hosts: number;
  /** On which of them Docker runs, with lab/web:1 and lab/web:2. */
  readonly docker?: readonly number[];
  /** On which of them uv is installed. */
  readonly uv?: readonly number[];
}

/** The first run on a machine builds the base, and another run may have the lab. */
const longestWaitMs = 1_800_000;

/** Call at the top of a test file (or of a describe): the hosts are up from its first test to its last. */
export function withLab(wish: LabWish): Lab {
  let release: () => Promise<void> = async () => undefined;
  beforeAll(async () => {
    release = await holdLab();
    await lab('up', String(wish.hosts));
    await Promise.all([
      wish.docker?.length ? lab('docker', ...wish.docker.map(String)) : undefined,
      ...(wish.uv ?? []).map(index => lab('uv', String(index))),
    ]);
  }, longestWaitMs);
  afterAll(() => release(), 120_000);
  const hosts = Array.from({ length: wish.hosts }, (_, index) => openHost(index + 1));
  return { keyFile, host: index => hosts[index - 1] ?? outside(index, wish.hosts) };
}

function outside(index: number, hosts: number): never {
  throw new Error(`withLab asked for ${hosts} hosts, there is no host ${index}`);
}

async function lab(...words: string[]): Promise<void> {
  await mustRun(labProgram, words, { timeoutMs: longestWaitMs });
}

/** Takes the lab for this process; when it ends in any way, even by SIGKILL, the pipe closes and the lab cleans up. */
async function holdLab(): Promise<() => Promise<void>> {
  const holder = spawn(labProgram, ['hold'], { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(holder, 'close');
  const said: string[] = [];
  holder.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const ready = once(createInterface(holder.stdout), 'line');
  await Promise.race([ready, closed]);
  if (holder.exitCode !== null) throw new Error(`no lab: ${said.join('')}`);
  return async () => {
    holder.stdin.end();
    await closed;
  };
}

/** Waits until `probe` gives something other than undefined, false or null; what it gave. Throws after `timeoutMs` (20 s). */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | null | false>,
  timeoutMs = 20_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(50);
  }
}
