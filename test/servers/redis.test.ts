// Replicas over a real Redis: the contract, and what becomes of them while it is away or hangs.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../reconciler/adapters/clock.js';
import { openRedisReplicas } from '../../reconciler/adapters/replicas-redis.js';
import type { Replicas } from '../../reconciler/ports.js';
import { acquainted, eventTold, hearing, replicasContract } from '../contracts/replicas.js';
import { createFakeLog, type FakeLog } from '../fakes/log.js';
import { until } from '../scenarios/until.js';
import { startRedis, type TestRedis } from './redis.js';
import { slowWayTo } from './slow-way.js';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.remove());

let scopes = 0;
const scope = () => `s${(scopes += 1)}`;
let ids = 0;
const parts = { newId: () => `id${(ids += 1)}`, deadlineMs: 300, firstRetryMs: 20 };

replicasContract('over a Redis', async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  const of = { ...parts, scope: scope(), clock, log: createFakeLog() };
  return { open: async () => openRedisReplicas({ ...of, url: redis.url }), pass: ms => void (aheadMs += ms) };
});

describe('a Redis', () => {
  let log: FakeLog;
  const open = (url: string, of = scope()): Replicas =>
    openRedisReplicas({ ...parts, scope: of, clock: systemClock, log, url });
  const warnings = () => log.lines.filter(line => line.level === 'warn');
  const turns = (one: Replicas, to: string) =>
    until(
      `it is ${to}`,
      () => one.state().state === to,
      () => JSON.stringify([one.state(), log.lines]),
    );
  beforeEach(() => {
    log = createFakeLog();
  });

  it('is reached by its socket as well', async () => {
    const of = scope();
    const [one, other] = [open(redis.socket, of), open(redis.url, of)];
    await acquainted(one, other);
    await acquainted(other, one);
    expect([one.state(), other.state()]).toEqual([{ state: 'shared' }, { state: 'shared' }]);
    await Promise.all([one.close(), other.close()]);
  });

  it('keeps fleets apart', async () => {
    const [one, other] = [open(redis.url), open(redis.url)];
    one.put('newest', 'm1', 1, 60_000);
    await turns(one, 'shared');
    expect((await one.all('newest')).size).toBe(1);
    expect((await other.all('newest')).size).toBe(0);
    await Promise.all([one.close(), other.close()]);
  });

  it('that answers late is asked within its deadline, also by who tells without a pause', async () => {
    const way = await slowWayTo({ port: redis.port });
    const of = scope();
    const one = open(redis.url.replace(/:\d+\//, `:${way.port}/`), of);
    one.put('newest', 'm1', 'mine', 60_000);
    await turns(one, 'shared');
    way.delayMs = 150;
    const telling = setInterval(() => one.tell(eventTold('again')), 5);
    try {
      for (let call = 0; call < 3; call += 1) expect((await one.all('newest')).get('m1')).toBe('mine');
      expect(one.state()).toEqual({ state: 'shared' });
    } finally {
      clearInterval(telling);
      await one.close();
      await way.close();
    }
  });

  const away: readonly (readonly [string, () => Promise<void>, () => Promise<void>])[] = [
    ['is stopped', () => redis.stop(), () => redis.start()],
    ['hangs', async () => redis.hang(), async () => redis.goOn()],
  ];
  it.each(away)('that %s leaves each with what is its own, and is there again by itself', async (_, take, bring) => {
    const of = scope();
    const [one, other] = [open(redis.url, of), open(redis.url, of)];
    await acquainted(one, other);
    await take();
    one.put('newest', 'm1', 'mine', 60_000);
    for (let n = 0; n < 5_000; n += 1) one.tell(eventTold(`${n}`));
    await turns(one, 'away');
    expect(one.followed()).toBe(false);
    expect([...(await one.all('newest'))]).toEqual([['m1', 'mine']]);
    expect([...(await other.all('newest'))]).toEqual([]);
    await bring();
    await turns(one, 'shared');
    await acquainted(one, other);
    expect(warnings()).toHaveLength(2);
    expect(log.lines.filter(line => line.level === 'info')).toHaveLength(2);
    await Promise.all([one.close(), other.close()]);
  });

  it('that never was there holds nobody up, not at the end either', async () => {
    await redis.stop();
    const one = open(redis.url);
    one.tell(eventTold('a'));
    one.put('newest', 'm1', 1, 60_000);
    expect((await one.all('newest')).get('m1')).toBe(1);
    await turns(one, 'away');
    await one.close();
    await redis.start();
  });

  it('that hangs from the beginning holds nobody up either', async () => {
    redis.hang();
    const one = open(redis.url);
    one.put('newest', 'm1', 1, 60_000);
    expect((await one.all('newest')).get('m1')).toBe(1);
    await one.close();
    redis.goOn();
  });

  it('that refuses the password says so, and not the password', async () => {
    const one = open(redis.url.replace(redis.password, 'wrong-canary'));
    one.tell(eventTold('a'));
    await turns(one, 'away');
    const told = JSON.stringify([one.state(), log.lines]);
    expect(told).toMatch(/WRONGPASS|invalid username-password/);
    expect(told).not.toContain('canary');
    await one.close();
  });

  it.each([
    ['wants a password', () => redis.url.replace(/:[^@]*@/, '')],
    ['has an address that nobody understands', () => `redis://:${redis.password}@127.0.0.1:99999/1`],
  ])('that %s is away, and that is all', async (_, url) => {
    const one = open(url());
    one.follow(() => undefined);
    one.tell(eventTold('a'));
    one.put('newest', 'm1', 1, 60_000);
    await turns(one, 'away');
    expect(Object.fromEntries(await one.all('newest'))).toEqual({ m1: 1 });
    expect(JSON.stringify([one.state(), log.lines])).not.toContain('canary');
    expect(warnings()).toHaveLength(1);
    await one.close();
    expect(warnings()).toHaveLength(1);
  });

  it('that refuses what it is asked says so, and is shared again once it takes it', async () => {
    const { Redis } = await import('ioredis');
    const master = new Redis(redis.url);
    const one = open(redis.url);
    one.put('newest', 'm1', 1, 60_000);
    await turns(one, 'shared');
    await master.config('SET', 'maxmemory', '1');
    one.put('newest', 'm1', 2, 60_000);
    await turns(one, 'away');
    expect(Object.fromEntries(await one.all('newest'))).toEqual({ m1: 2 });
    expect(JSON.stringify(one.state())).toContain('OOM');
    await master.config('SET', 'maxmemory', '0');
    one.put('newest', 'm1', 3, 60_000);
    await turns(one, 'shared');
    await master.quit();
    await one.close();
    expect(warnings()).toHaveLength(1);
  });

  it('in which others write what nobody can read is none the worse for it', async () => {
    const { Redis } = await import('ioredis');
    const stranger = new Redis(redis.url);
    const of = scope();
    const [one, other] = [open(redis.url, of), open(redis.url, of)];
    await acquainted(one, other);
    const heard = hearing(other);
    for (const text of [
      '',
      '{',
      'null',
      '{"from":"x"}',
      '{"from":"x","told":{"kind":"run"}}',
      `"${'x'.repeat(2_000_000)}"`,
    ])
      await stranger.publish(`portoser:${of}:told`, text);
    await stranger.hset(`portoser:${of}:newest`, {
      broken: '{',
      odd: '{"value":1}',
      m1: '{"value":1,"at":1,"until":9e15}',
    });
    expect(Object.fromEntries(await one.all('newest'))).toEqual({ m1: 1 });
    one.tell(eventTold('well'));
    await until('it is heard', () => heard.length > 0);
    expect(heard).toEqual([eventTold('well')]);
    await stranger.quit();
    await Promise.all([one.close(), other.close()]);
  });
});
