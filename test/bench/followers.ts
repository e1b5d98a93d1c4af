// What followers cost: a first apply while nobody follows live beside one with 500 who are idle and one who never reads.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import type * as Main from '../../reconciler/main.js';
import type * as Servers from '../../api/server.js';
import { built, openSmallFleet } from './embedded.js';
import type { Figure } from './figure.js';

const idle = 500;
const actor = { name: 'bench', by: 'cli' } as const;

/** They have their own process' time on this machine, as browsers elsewhere would not; what is measured is the apply. */
async function openFollowers(port: number): Promise<readonly WebSocket[]> {
  const open = async (): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    await once(socket, 'open');
    return socket;
  };
  const all = await Promise.all(Array.from({ length: idle + 1 }, open));
  const [deaf] = all;
  deaf?.send(JSON.stringify({ type: 'subscribe', topic: 'run', id: 'r' }));
  deaf?.send(JSON.stringify({ type: 'subscribe', topic: 'events', id: 'e' }));
  deaf?.pause();
  return all;
}

async function firstApply(followed: boolean): Promise<number> {
  const { openEngine } = await built<typeof Main>('main');
  const { buildServer } = await built<typeof Servers>('../api/server');
  const fleet = await openSmallFleet();
  const flags = { repo: fleet.repo, stateDir: fleet.stateDir };
  const engine = openEngine({ flags, env: { ...fleet.env, ...noDatabase }, cwd: fleet.repo, uid: 1, logs: false });
  const server = await buildServer({
    engine,
    auth: 'none',
    version: 'bench',
    ready: () => true,
    onFault: error => {
      throw error;
    },
    limits: unlimited,
  });
  let followers: readonly WebSocket[] = [];
  try {
    await fleet.commit('good day');
    await server.listen({ host: '127.0.0.1', port: 0 });
    if (followed) followers = await openFollowers((server.server.address() as AddressInfo).port);
    const began = performance.now();
    const report = await engine.perform('reconcile', {}, actor, new AbortController().signal);
    const tookMs = performance.now() - began;
    if (report.next.next !== 'settled') throw new Error(JSON.stringify(report));
    return tookMs;
  } finally {
    for (const one of followers) one.terminate();
    await server.close();
    await engine.close();
    await fleet.remove();
  }
}

/** All that a bench asks comes from one address. */
export const unlimited = { requests: { burst: 1e9, perMinute: 1e9 } };

/** Nobody answers there: what followers cost is measured without a database. */
export const noDatabase = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };

export async function measureFollowers(rounds: number): Promise<Figure> {
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await firstApply(false));
    ours.push(await firstApply(true));
  }
  return {
    name: 'first apply of 9 services with 500 idle followers and one that never reads',
    unit: 'ms',
    goal: { kind: 'ratio', most: 1.1 },
    ours,
    reference: { name: 'the same, followed by nobody', values: bare },
  };
}
