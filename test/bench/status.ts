// `GET /api/status` under load, by wrk, beside the same Fastify with a route that answers a constant of the same size.
import type { Figure } from './figure.js';
import { addressOf, openServed } from './served.js';
import { constantServer, hasWrk, microsecondsEach } from './wrk.js';

async function measure(rounds: number): Promise<Figure> {
  const served = await openServed();
  const closing = [() => served.close()];
  try {
    await served.fleet.commit('good day');
    await served.reconcile();
    const status = addressOf(served.server, '/api/status');
    const { length } = await (await fetch(`http://${status}`)).text();
    const bare = await constantServer(length);
    closing.push(() => bare.close());
    const [ours, constant]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      constant.push(await microsecondsEach(addressOf(bare, '/constant')));
      ours.push(await microsecondsEach(status));
    }
    return {
      name: '`GET /api/status`, 9 services, asked ten at a time',
      unit: 'µs',
      goal: { kind: 'ratio', most: 1 / 0.6 },
      ours,
      reference: { name: 'a constant by Fastify', values: constant },
      note: `${length} bytes; the goal is 60 % of the reference's requests a second`,
    };
  } finally {
    for (const close of closing) await close();
  }
}

/** `leave` is told why, where there is no wrk. */
export async function measureStatus(rounds: number, leave: (why: string) => void): Promise<readonly Figure[]> {
  if (hasWrk()) return [await measure(rounds)];
  leave('needs wrk');
  return [];
}
