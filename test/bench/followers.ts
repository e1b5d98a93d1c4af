// What followers cost: a first apply while nobody follows live beside one with 500 who are idle and one who never reads.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Figure } from './figure.js';
import { addressOf, openServed } from './served.js';

const idle = 500;

/** They have their own process' time on this machine, as browsers elsewhere would not; what is measured is the apply. */
async function openFollowers(address: string): Promise<readonly WebSocket[]> {
  const open = async (): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://${address}`);
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
  const served = await openServed();
  let followers: readonly WebSocket[] = [];
  try {
    await served.fleet.commit('good day');
    if (followed) followers = await openFollowers(addressOf(served.server, '/ws'));
    return await served.reconcile();
  } finally {
    for (const one of followers) one.terminate();
    await served.close();
  }
}

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
