// What failed for a cause that may pass is tried again, within a pass or by the next ones; what needs a person never is.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, type ErrorCode } from '../../schema/errors.js';
import { dueInMs } from '../../schema/holds.js';
import { noteApprovals } from '../../reconciler/loop/approvals.js';
import { parseStamp } from '../../reconciler/core/ownership.js';
import { nextTryInMs, noteTries } from '../../reconciler/loop/retries.js';
import { sessionOf } from '../../reconciler/loop/session.js';
import type { DesiredState } from '../../schema/state.js';
import { until } from '../commands/batch-machine.js';
import { createWorld, outcomesOf, type World } from './world.js';

let world: World;
let batches: number;
beforeEach(async () => {
  world = await createWorld();
  batches = 0;
});
afterEach(() => world.close());

const soon = { retries: 2, backoff: '50ms…100ms' };
const later = { retries: 2, backoff: '1h…2h' };

/** The first batches on m1 fail so. */
function failing(times: number, code: ErrorCode = 'ssh-lost'): void {
  batches = 0;
  world.before = async (machine, kind) => {
    if (machine !== 'm1' || kind !== 'batch') return;
    batches += 1;
    if (batches <= times) throw new AppError(code, `try ${batches} on m1`);
  };
}

describe('a pass that somebody waits for', () => {
  it('tries again as often as policy grants, and says for what it waits', async () => {
    await world.push({ web: { machine: 'm1' } }, { policy: soon });
    failing(2);
    const report = await world.pass();
    expect([outcomesOf(report), report.next]).toEqual([['web@m1 applied create'], { next: 'settled' }]);
    expect(batches).toBe(3);
    const waits = world.told.filter(one => one.kind === 'waiting' && one.text.startsWith('the next try'));
    expect(waits.map(one => one.key)).toEqual(['web@m1', 'web@m1']);
  });

  it('takes along what was left out because of it, and leaves alone what was done', async () => {
    const other = { machine: 'm2', path: join(world.folder('m2'), 'api') };
    const services = { db: { machine: 'm1' }, web: { machine: 'm1', depends_on: ['db'] }, api: other };
    await world.push(services, { policy: soon });
    failing(1);
    expect(outcomesOf(await world.pass())).toEqual([
      'api@m2 applied create',
      'db@m1 applied create',
      'web@m1 applied create',
    ]);
    expect(world.sent.filter(one => one === 'm2 batch')).toHaveLength(1);
  });

  it('tries what was removed again too, and tells of all that was done', async () => {
    const other = (version: string) => ({
      api: { machine: 'm2', path: join(world.folder('m2'), 'api'), env: { V: version } },
    });
    await world.push({ web: { machine: 'm1' }, ...other('1') }, { policy: soon });
    await world.pass();
    await world.push(other('2'), { policy: soon });
    failing(1);
    const report = await world.pass();
    expect([outcomesOf(report), report.error]).toEqual([['api@m2 applied update', 'web@m1 applied stop'], undefined]);
    expect(batches).toBe(2);
  });

  it('gives up when the tries are used up', async () => {
    await world.push({ web: { machine: 'm1' } }, { policy: soon });
    failing(9);
    const report = await world.pass();
    expect([outcomesOf(report), batches]).toEqual([['web@m1 failed ssh-lost'], 3]);
    expect(report.next.next).toBe('again');
  });

  it.each<[string, ErrorCode, object]>([
    ['what a person has to see to', 'machine-disk-full', soon],
    ['what cannot be helped by trying', 'machine-fenced', soon],
    ['anything where policy grants no try', 'ssh-lost', { ...soon, retries: 0 }],
  ])('does not try again %s', async (_, code, policy) => {
    await world.push({ web: { machine: 'm1' } }, { policy });
    failing(1, code);
    expect(outcomesOf(await world.pass())).toEqual([`web@m1 failed ${code}`]);
    expect(batches).toBe(1);
  });

  it('does not take the way back from a failed revision for its next try', async () => {
    await world.push({ web: { machine: 'm1' } }, { policy: soon });
    let desired: DesiredState | undefined;
    await world.pass({ onConsidered: one => (desired = one.desired) });
    if (desired === undefined) throw new Error('nothing was wanted');
    const failed = (code: ErrorCode) =>
      ({ key: 'web@m1', result: 'failed', error: { code, message: '', hint: '', retry: 'backoff' } }) as const;
    noteTries(world.ports, desired, [failed('image-missing')]);
    expect(nextTryInMs(world.ports)).toBe(Number.POSITIVE_INFINITY);
    noteTries(world.ports, desired, [failed('ssh-lost')]);
    expect(nextTryInMs(world.ports)).toBeLessThanOrEqual(100);
  });

  it('has brought back what serves before it waits for anything else', async () => {
    const api = (version: string) => ({ machine: 'm2', path: join(world.folder('m2'), 'api'), env: { V: version } });
    const web = { machine: 'm1', env: { V: '1' } };
    await world.push({ web, api: api('1') }, { policy: later });
    await world.pass();
    const ill = { type: 'command', command: ['false'], deadline: '1s', interval: '100ms' };
    await world.push({ web: { ...web, env: { V: '2' }, health: ill }, api: api('2') }, { policy: later });
    let lost = false;
    world.before = async (machine, kind) => {
      if (machine !== 'm2' || kind !== 'batch' || lost) return;
      lost = true;
      throw new AppError('ssh-lost', 'm2 is lost');
    };
    const held: boolean[] = [];
    world.sleeps = ms => {
      if (ms < 3_000_000) return undefined;
      const stamp = parseStamp(world.readStamp('m1', 'web') ?? '');
      held.push(stamp?.failed !== undefined && stamp.fingerprint !== undefined);
      return Promise.resolve();
    };
    const report = await world.pass();
    expect(held).toEqual([true]);
    expect(report.outcomes.find(one => one.key === 'web@m1')).toMatchObject({ undone: { result: 'back' } });
    expect(outcomesOf(report)[0]).toBe('api@m2 applied update');
  });

  it('ends with its signal, and what failed stays said', async () => {
    await world.push({ web: { machine: 'm1', policy: later } });
    failing(9);
    world.sleeps = ms => (ms > 3_000_000 ? Promise.reject(new AppError('interrupted', 'enough')) : undefined);
    await expect(world.pass()).resolves.toMatchObject({ error: { code: 'interrupted' } });
    expect(batches).toBe(1);
  });

  it('under an approval needs no second one', async () => {
    await world.push({ web: { machine: 'm1' } }, { policy: { ...soon, apply: 'approve' } });
    const { plan } = await world.pass();
    await noteApprovals(world.ports.state, [plan?.id ?? ''], { by: 'ada', at: 1 });
    failing(1);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied create']);
  });
});

describe('the controller', () => {
  const turn = () => world.pass({ toTheEnd: false });

  it('leaves a change alone until its next try, with what comes after it, and goes on with others', async () => {
    const services = { db: { machine: 'm1' }, web: { machine: 'm1', depends_on: ['db'] } };
    await world.push(services, { policy: later });
    failing(1);
    expect(outcomesOf(await turn())).toEqual(['db@m1 failed ssh-lost', 'web@m1 skipped db@m1 failed']);
    expect(nextTryInMs(world.ports)).toBeLessThanOrEqual(3_600_000);
    const second = await turn();
    expect([second.outcomes, batches]).toEqual([[], 1]);
    expect(second.plan?.waiting).toMatchObject([{ by: 'backoff', why: 'it failed: try 1 on m1' }]);
    expect(second.plan?.waiting?.[0]?.changes.map(one => one.key)).toEqual(['db@m1', 'web@m1']);
    expect(second.next).toMatchObject({ next: 'again', why: 'it failed: try 1 on m1' });
    expect(dueInMs(second.plan, world.ports.clock.now())).toBeLessThanOrEqual(3_600_000);
  });

  it('does not take another change, which nobody has approved, for the next try of one that was', async () => {
    const policy = { ...later, apply: 'approve' };
    const page = join(world.folder('m1'), 'web/page');
    const pass = () => world.pass({ toTheEnd: false });
    const approve = async () =>
      await noteApprovals(world.ports.state, [(await pass()).plan?.id ?? ''], { by: 'ada', at: 1 });
    await world.push({ web: { machine: 'm1', source: 'apps/web' } }, { policy, files: { 'apps/web/page': 'git' } });
    await approve();
    await pass();
    writeFileSync(page, 'by hand');
    await approve();
    failing(1);
    expect(outcomesOf(await pass())).toEqual(['web@m1 failed ssh-lost']);
    writeFileSync(page, 'git');
    expect((await pass()).next).toEqual({ next: 'settled' });
    writeFileSync(page, 'by somebody else');
    expect((await world.pass()).outcomes).toEqual([]);
    expect(readFileSync(page, 'utf8')).toBe('by somebody else');
  });

  it('tries at once what git changed since, or what a person asks for', async () => {
    await world.push({ web: { machine: 'm1' } }, { policy: later });
    failing(1);
    await turn();
    await world.push({ web: { machine: 'm1', env: { A: '1' } } }, { policy: later });
    expect(outcomesOf(await turn())).toEqual(['web@m1 applied create']);
    failing(1);
    await world.push({ web: { machine: 'm1', env: { A: '2' } } }, { policy: later });
    expect(outcomesOf(await turn())).toEqual(['web@m1 failed ssh-lost']);
    expect((await turn()).outcomes).toEqual([]);
    expect(outcomesOf(await world.pass({ toTheEnd: false, again: true }))).toEqual(['web@m1 applied update']);
    expect(nextTryInMs(world.ports)).toBe(Number.POSITIVE_INFINITY);
  });

  describe('where it outlasts its pass', () => {
    const long = { ...later, interval: '10m' };

    /** A pass whose interval is over as soon as m1 is at work; the answer lets that come to its end, which is a lost connection. */
    async function outlasted(ask: Parameters<World['pass']>[0] = {}): Promise<() => Promise<void>> {
      let go: () => void = () => undefined;
      const open = new Promise<void>(resolve => (go = resolve));
      const before = batches;
      world.before = async (machine, kind) => {
        if (machine !== 'm1' || kind !== 'batch') return;
        batches += 1;
        await open;
        throw new AppError('ssh-lost', `try ${batches} on m1`);
      };
      world.sleeps = ms => (ms === 600_000 ? until(() => batches > before) : undefined);
      expect(outcomesOf(await world.pass({ toTheEnd: false, ...ask }))).toEqual([
        'web@m1 in-progress it goes on; m1 is left out until it ends',
      ]);
      world.sleeps = () => undefined;
      const running = sessionOf(world.ports).busy.get('m1');
      return async () => {
        go();
        await running;
      };
    }

    it('leaves it alone as well, and counts on', async () => {
      await world.push({ web: { machine: 'm1' } }, { policy: long });
      await (
        await outlasted()
      )();
      const next = await turn();
      expect([next.outcomes, batches]).toEqual([[], 1]);
      expect(next.plan?.waiting).toMatchObject([{ by: 'backoff', why: 'it failed: try 1 on m1' }]);
      await (
        await outlasted({ again: true })
      )();
      expect((await turn()).plan?.waiting).toMatchObject([{ why: 'it failed 2 times: try 2 on m1' }]);
    });

    it('does not forget for it what a newer commit has failed with meanwhile', async () => {
      const services = (version: string) => ({
        web: { machine: 'm1' },
        api: { machine: 'm2', path: join(world.folder('m2'), 'api'), env: { VERSION: version } },
      });
      await world.push({ api: services('1').api }, { policy: long });
      await turn();
      await world.push(services('1'), { policy: long });
      const end = await outlasted();
      await world.push(services('2'), { policy: long });
      let tries = 0;
      const before = world.before;
      world.before = async (machine, kind) => {
        await before(machine, kind);
        if (machine !== 'm2' || kind !== 'batch') return;
        tries += 1;
        throw new AppError('ssh-lost', 'm2 is lost');
      };
      expect(outcomesOf(await turn())).toEqual(['api@m2 failed ssh-lost']);
      await end();
      const next = await turn();
      expect([next.outcomes, tries]).toEqual([[], 1]);
      expect(next.plan?.waiting?.flatMap(part => part.changes.map(one => one.key)).toSorted()).toEqual([
        'api@m2',
        'web@m1',
      ]);
    });
  });
});
