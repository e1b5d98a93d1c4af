// Passes under a policy: what waits for a person and goes on by an approval, what is only observed.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PassReport } from '../../schema/status.js';
import { readApplied } from '../../reconciler/loop/applied.js';
import { noteApprovals, readApprovals } from '../../reconciler/loop/approvals.js';
import { preview } from '../../reconciler/loop/preview.js';
import { runController } from '../../reconciler/loop/turn.js';
import { until } from '../commands/batch-machine.js';
import { createFakeClock } from '../fakes/clock.js';
import { createWorld, outcomesOf, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const approve = (id: string | undefined) => noteApprovals(world.ports.state, [id ?? ''], { by: 'ada', at: 1 });
const approved = async () => Object.keys(await readApprovals(world.ports.state));

describe('policy.apply: approve', () => {
  it('waits, goes on by an approval of just that plan, which is used up, and asks again at the next change', async () => {
    const policy = { apply: 'approve' };
    await world.push({ web: { machine: 'm1' } }, { policy });
    const held = await world.pass();
    expect([held.outcomes, held.next]).toEqual([[], { next: 'stalled', why: 'policy.apply is approve' }]);
    await approve('0123456789ab');
    expect((await world.pass()).outcomes).toEqual([]);
    await approve(held.plan?.id);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied create']);
    expect(await approved()).toEqual(['0123456789ab']);
    expect((await world.pass()).next).toEqual({ next: 'settled' });
    await world.push({ web: { machine: 'm1', env: { A: '1' } } }, { policy });
    const again = await world.pass();
    expect([again.outcomes, again.plan?.held?.why]).toEqual([[], 'policy.apply is approve']);
    expect(again.plan?.id).not.toBe(held.plan?.id);
  });

  it('of one service lets the others go on; the approval of its part is good after that too', async () => {
    await world.push({ web: { machine: 'm1' }, db: { machine: 'm1', policy: { apply: 'approve' } } });
    const first = await world.pass();
    expect(outcomesOf(first)).toEqual(['web@m1 applied create']);
    expect(first.next).toEqual({ next: 'stalled', why: 'policy.apply is approve' });
    await approve(first.plan?.waiting?.[0]?.id);
    expect(outcomesOf(await world.pass())).toEqual(['db@m1 applied create']);
    expect(await approved()).toEqual([]);
  });

  it('is not used up by a pass that began nothing', async () => {
    await world.push({ web: { machine: 'm1' } }, { policy: { apply: 'approve' } });
    const { plan } = await world.pass();
    await approve(plan?.id);
    expect(outcomesOf(await world.pass({ superseded: () => true }))).toEqual([
      'web@m1 skipped a newer commit came; the next pass looks again',
    ]);
    expect(await approved()).toEqual([plan?.id]);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied create']);
  });
});

describe('policy.apply: observe', () => {
  it('says what it would do, and touches nothing whoever approves it', async () => {
    await world.push({ web: { machine: 'm1' } }, { policy: { apply: 'observe' } });
    const first = await world.pass();
    expect(first.plan?.waves.flat().map(one => `${one.kind} ${one.key}`)).toEqual(['create web@m1']);
    await approve(first.plan?.id);
    const second = await world.pass({ approved: first.plan?.id ?? '' });
    expect([second.outcomes, second.next.next]).toEqual([[], 'stalled']);
    expect(world.sent.filter(one => !one.endsWith('probe'))).toEqual([]);
    expect(world.readStamp('m1', 'web')).toBeUndefined();
  });
});

describe('an approval', () => {
  it('of a removal outlasts a pass that goes by an older commit', async () => {
    const policy = { approve_when: ['removes'] };
    const good = await world.push({ web: { machine: 'm1' }, api: { machine: 'm2' } }, { policy });
    await world.pass();
    await world.push({ api: { machine: 'nowhere' } }, { policy });
    await noteApprovals(world.ports.state, ['remove:web@m1'], { by: 'ada', at: 1 });
    expect(await world.pass()).toMatchObject({ commit: good, outcomes: [] });
    expect(await approved()).toEqual(['remove:web@m1']);
    await world.push({ api: { machine: 'm2' } }, { policy });
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied stop']);
    expect(await approved()).toEqual([]);
  });

  it('of a removal that was noted while a pass went on is for the next one', async () => {
    const policy = { approve_when: ['removes'] };
    await world.push({ web: { machine: 'm1' } }, { policy });
    world.before = async (_, kind) => {
      if (kind === 'batch')
        await noteApprovals(world.ports.state, ['remove:web@m1'], { by: 'ada', at: world.ports.clock.now() });
    };
    await world.pass();
    expect(await approved()).toEqual(['remove:web@m1']);
    world.before = async () => undefined;
    await world.pass();
    expect(await approved()).toEqual([]);
  });
});

describe('a freeze of everything', () => {
  const files = (page: string) => ({ files: { 'apps/web/page': page } });
  const service = { machine: 'm1', source: 'apps/web' };
  const page = () => join(world.folder('m1'), 'web/page');

  it.each(['observe', 'approve'])('by %s is in force while the commit after it is refused', async apply => {
    await world.push({ web: service }, files('1'));
    await world.pass();
    const freeze = await world.push({ web: service }, { ...files('2'), policy: { apply } });
    expect((await world.pass()).outcomes).toEqual([]);
    writeFileSync(page(), 'by hand');
    const bad = await world.push({ web: { ...service, machine: 'nowhere' } }, files('2'));
    const report = await world.pass();
    expect(report).toMatchObject({ commit: freeze, refused: bad, outcomes: [] });
    expect(readFileSync(page(), 'utf8')).toBe('by hand');
    await world.push({ web: service }, files('3'));
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
    expect(await readApplied(world.ports.state)).not.toHaveProperty('goodCommit');
  });
});

describe('policy.windows', () => {
  const never = { policy: { windows: { deny: true, cron: '* * * * *', for: '1h' } } };

  it('outside of them nothing is touched, and the plan says until when', async () => {
    await world.push({ web: { machine: 'm1' } }, never);
    const held = await world.pass();
    expect([held.outcomes, held.next]).toEqual([
      [],
      { next: 'stalled', why: 'policy.windows denies it, and nothing is allowed within a year' },
    ]);
    expect(held.plan?.waves.flat().map(one => one.key)).toEqual(['web@m1']);
    expect(world.sent.filter(one => !one.endsWith('probe'))).toEqual([]);
  });

  it('what was approved with the rest and waits for its window stays approved', async () => {
    const services = (windows: object) => ({ web: { machine: 'm1' }, db: { machine: 'm1', ...windows } });
    await world.push(services(never), { policy: { apply: 'approve' } });
    const { plan } = await world.pass();
    await approve(plan?.id);
    const first = await world.pass();
    expect(outcomesOf(first)).toEqual(['web@m1 applied create']);
    const left = first.plan?.approvals?.left;
    expect(await readApprovals(world.ports.state)).toEqual({ [left ?? '']: { by: 'ada', at: 1 } });
    expect((await world.pass()).plan?.held?.by).toBe('window');
  });

  it('the controller wakes when a window opens', async () => {
    const clock = createFakeClock(Date.parse('2026-11-28T21:30:00Z'));
    const windows = { allow: true, cron: '0 22 * * *', for: '4h' };
    await world.push({ web: { machine: 'm1' } }, { policy: { windows, interval: '24h' } });
    const over = new AbortController();
    const passes: PassReport[] = [];
    const context = {
      ports: { ...world.ports, clock },
      lists: world.lists,
      emit: () => undefined,
      signal: over.signal,
    };
    const running = runController(context, { onPass: report => void passes.push(report) });
    await until(() => passes.length === 1);
    expect([passes[0]?.outcomes, passes[0]?.plan?.held?.until]).toEqual([[], Date.parse('2026-11-28T22:00:00Z')]);
    world.sent.length = 0;
    const looked = () => world.sent.includes('m1 probe');
    while (!looked()) await clock.advance(clock.now() < Date.parse('2026-11-28T22:00:10Z') ? 1000 : 0);
    expect(clock.now()).toBeGreaterThanOrEqual(Date.parse('2026-11-28T22:00:00Z'));
    // The gate needs time of this clock, at the pace of the real process.
    for (; passes.length < 2; await pause(10)) await clock.advance(10);
    expect(passes[1] === undefined ? [] : outcomesOf(passes[1])).toEqual(['web@m1 applied create']);
    over.abort();
    await running;
  });
});

describe('a revision that fails', () => {
  it('is undone under the same approval', async () => {
    const policy = { apply: 'approve' };
    const web = (command: string) => ({ web: { machine: 'm1', command, health: { type: 'process', deadline: '8s' } } });
    await world.push(web('sleep 1000'), { policy });
    await approve((await world.pass()).plan?.id);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied create']);
    await world.push(web('false'), { policy });
    await approve((await world.pass()).plan?.id);
    const report = await world.pass();
    expect(report.outcomes).toMatchObject([
      { key: 'web@m1', error: { code: 'gate-failed' }, undone: { result: 'back' } },
    ]);
    expect((await world.pass()).plan?.waves).toEqual([]);
  });
});

describe('policy.drift', () => {
  const files = { 'apps/web/page': 'from git', 'apps/web/other': 'x' };
  const page = () => join(world.folder('m1'), 'web/page');
  const push = (drift: unknown) =>
    world.push({ web: { machine: 'm1', source: 'apps/web', policy: { drift } } }, { files });
  beforeEach(async () => {
    await push('revert');
    await world.pass();
    writeFileSync(page(), 'by hand');
  });

  it('whether it answers is asked also while its repair waits', async () => {
    await world.push({ web: { machine: 'm1', source: 'apps/web' } }, { files, policy: { apply: 'approve' } });
    const { plan, verdicts } = await preview(world.ports, world.lists, { from: 'commit', check: true });
    expect([plan?.held?.why, verdicts?.get('web@m1')?.state]).toEqual(['policy.apply is approve', 'pass']);
  });

  it('report: it is told, and left as it is', async () => {
    await push('report');
    world.sent.length = 0;
    const report = await world.pass();
    expect([report.outcomes, report.plan?.waves]).toEqual([[], []]);
    expect(report.plan?.leftAlone).toMatchObject([
      { key: 'web@m1', state: 'drifted', fields: [{ field: `file:${page()}` }] },
    ]);
    expect(report.next).toMatchObject({
      next: 'stalled',
      why: expect.stringContaining('changed by hand on m1') as string,
    });
    expect(world.sent.toSorted()).toEqual(['m1 culprit', 'm1 probe', 'm2 probe']);
    expect(readFileSync(page(), 'utf8')).toBe('by hand');
  });

  it('ignore: a repair of something else leaves it too, and a change of git does not', async () => {
    const ignoring = { ignore: [`file:${page()}`] };
    await push(ignoring);
    expect((await world.pass()).next).toEqual({ next: 'settled' });
    writeFileSync(join(world.folder('m1'), 'web/other'), 'by hand too');
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied repair']);
    expect(readFileSync(join(world.folder('m1'), 'web/other'), 'utf8')).toBe('x');
    expect(readFileSync(page(), 'utf8')).toBe('by hand');
    expect((await world.pass()).next).toEqual({ next: 'settled' });
    await world.push(
      { web: { machine: 'm1', source: 'apps/web', policy: { drift: ignoring } } },
      { files: { ...files, 'apps/web/page': 'newer' } },
    );
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
    expect(readFileSync(page(), 'utf8')).toBe('newer');
  });
});
