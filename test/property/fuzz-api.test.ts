// Every address and every message of the API with whatever can be sent to it: no answer is a bug of ours, and nothing ends it. PORTOSER_FUZZ_SEED
// throws the same dice again; PORTOSER_FUZZ_MINUTES goes on for so long.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { allows, type Role } from '../../schema/access.js';
import { closeCodes } from '../../schema/live-messages.js';
import { type OpenApi, operationsOf, problemFaults } from '../api/openapi-document.js';
import { type Ask, requests } from './api/requests.js';
import { converse, type Talk, talks } from './api/sockets.js';
import { type Answered, exchange } from './api/wire.js';
import { type FuzzWorld, openFuzzWorld, secret } from './api/world.js';

const minutes = Number(process.env['PORTOSER_FUZZ_MINUTES'] ?? 0);
const seed = Number(process.env['PORTOSER_FUZZ_SEED'] ?? 1);
const limitMs = minutes * 60_000;
/** Without a time: a share that takes some seconds. */
const rounds = 60;

let world: FuzzWorld;
let document: OpenApi;
beforeAll(async () => {
  world = await openFuzzWorld();
  document = (await world.server.inject('/api/openapi.json')).json<OpenApi>();
});
afterAll(async () => {
  await world.close();
  if (minutes > 0)
    console.log(
      [...tally]
        .map(([what, times]) => `${what}: ${times}`)
        .toSorted(compare)
        .join('\n'),
    );
});
const compare = (one: string, other: string): number => (one < other ? -1 : 1);

/** Of those that are no bug of ours: no machine here can be reached but by its shell, and no controller takes webhooks. */
const expected: readonly string[] = [
  'webhook-away',
  'not-supported',
  'command-failed',
  'ssh-unreachable',
  'interrupted',
];

function codeOf(answered: Answered): string | undefined {
  if (!answered.type.startsWith('application/problem+json')) return undefined;
  return (JSON.parse(answered.body) as { readonly code?: string }).code;
}

/** How often each operation was answered how. */
const tally = new Map<string, number>();
const count = (what: string): unknown => tally.set(what, (tally.get(what) ?? 0) + 1);

/** What is wrong with the answer; undefined: nothing. */
function amiss(ask: Ask, answered: Answered | undefined): string | undefined {
  if (answered === undefined)
    return ask.cutAt === undefined && ask.headers['content-length'] === undefined ? 'no answer' : undefined;
  const { status, type, body } = answered;
  if (ask.method === 'HEAD') return status >= 500 ? `status ${status}` : undefined; // without a body
  if (status >= 500 && !expected.includes(codeOf(answered) ?? '')) return `status ${status}: ${body.slice(0, 400)}`;
  const needs = operationsOf(document).find(one => one.operation.operationId === ask.operation)?.operation['x-role'] as
    Role | undefined;
  const isItself = ask.operation !== 'nothing' && ask.headers['authorization'] === `Bearer ${ask.role ?? ''}`;
  if (isItself && needs !== undefined && ask.role !== undefined && status < 300 && ask.cutAt === undefined) {
    const own = operationsOf(document).some(
      one => one.operation.operationId === ask.operation && one.method === ask.method,
    );
    if (own && !allows(ask.role as Role, needs)) return `done for a ${ask.role}`;
  }
  // What is no HTTP is refused by Node, before there is anybody to tell it as a problem.
  if (status < 400 || !type.startsWith('application/problem+json')) return undefined;
  return problemFaults(document, JSON.parse(body));
}

async function checkAsks(asks: readonly Ask[]): Promise<void> {
  const told = await Promise.all(
    asks.map(async ask => {
      const answered = await exchange(world.port, ask);
      count(`${ask.operation} ${answered?.status ?? 'nothing'}`);
      return [ask, amiss(ask, answered)] as const;
    }),
  );
  const wrong = told.find(([, what]) => what !== undefined);
  if (wrong !== undefined) throw new Error(`${wrong[1] ?? ''}\n${JSON.stringify(wrong[0]).slice(0, 3000)}`);
  expect(world.faults.splice(0).map(one => [one.message, (one.cause as Error | undefined)?.stack])).toEqual([]);
  expect(Object.keys(Object.prototype)).toEqual([]);
}

const allowed = new Set<number | undefined>([undefined, 1000, 1006, ...Object.values(closeCodes)]);

async function checkTalks(all: readonly Talk[]): Promise<void> {
  const heard = await Promise.all(all.map(one => converse(world.port, one)));
  for (const { closed, messages } of heard) {
    expect(allowed).toContain(closed);
    const problems = messages.flatMap(one => (one['type'] === 'error' ? [one['problem']] : []));
    for (const one of problems) expect(problemFaults(document, one)).toBeUndefined();
    expect(problems.filter(one => (one as { code?: string }).code === 'internal')).toEqual([]);
  }
  expect(world.faults.splice(0).map(one => [one.message, (one.cause as Error | undefined)?.stack])).toEqual([]);
  expect(Object.keys(Object.prototype)).toEqual([]);
}

const how = (share: number) => ({
  seed,
  endOnFailure: true, // the world has moved on: what is smaller would be asked of another one
  ...(minutes > 0
    ? { numRuns: 1e9, interruptAfterTimeLimit: limitMs * share, markInterruptAsFailure: false }
    : { numRuns: Math.round(rounds * share) }),
});

it(`takes every request, seed ${seed}`, { timeout: limitMs + 240_000 }, async () => {
  const several = fc.array(requests(document, world.meaning, secret), { minLength: 1, maxLength: 10 });
  await fc.assert(fc.asyncProperty(several, checkAsks), how(0.8));
});

it(`takes every message, seed ${seed}`, { timeout: limitMs + 120_000 }, async () => {
  const several = fc.array(talks(world.meaning.known), { minLength: 1, maxLength: 5 });
  await fc.assert(fc.asyncProperty(several, checkTalks), how(0.2));
});

it('and answers as before', async () => {
  const ask = { method: 'GET', target: '/api/status', headers: { authorization: 'Bearer viewer' }, body: undefined };
  const answered = await exchange(world.port, ask);
  expect(answered?.status, answered?.body).toBe(200);
});
