// Gives a test file real hosts, clean ones, and takes them away again whatever happens.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { holdLab, lab, longestWaitMs } from './hold.js';
import { keyFile, openHost, type Host } from './host.js';

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
