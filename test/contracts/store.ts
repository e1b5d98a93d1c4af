// What every Store does, in memory or in PostgreSQL: keeps what it is given once, and answers it in order.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deploymentId } from '../../reconciler/loop/record.js';
import type { Store } from '../../reconciler/ports.js';
import type { AuditRecord } from '../../schema/audit.js';
import type { Deployment, DeploymentEnd, HistoryEvent, HistoryRecord, Transition } from '../../schema/history.js';
import type { Plan } from '../../schema/plan.js';

export interface StoreUnderTest {
  readonly store: Store;
  /** Resolves when all that was handed in can be read. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

const began = 1_764_300_000_000;
const plan = (id: string): Plan => ({ id, commit: 'c1', waves: [], leftAlone: [], machines: [] });
const actor = { name: 'ada', by: 'cli' } as const;

/** A run with one deployment for each key. */
export function runRecord(
  id: string,
  at: number,
  ends: Readonly<Record<string, DeploymentEnd>>,
): Extract<HistoryRecord, { kind: 'run' }> {
  const times = { startedAt: at, endedAt: at + 1500 };
  const deployments = Object.entries(ends).map(([key, end]): Deployment => {
    const [service = '', machine = ''] = key.split('@');
    return {
      id: deploymentId(id, key as Deployment['key']),
      runId: id,
      key: key as Deployment['key'],
      service,
      machine,
      kind: 'update',
      reason: 'changed',
      because: 'env.A changed in git',
      fields: [{ field: 'env.A', from: '1', to: '2' }],
      commit: `commit-${id}`,
      fingerprint: `print-${id}`,
      previousCommit: 'c0',
      trigger: 'new commit',
      actor,
      ...times,
      ...end,
    };
  });
  const run = { id, trigger: 'new commit', actor, commit: `commit-${id}`, ...times, plan: plan(id), next: settled };
  return { kind: 'run', run, deployments };
}

const settled = { next: 'settled' } as const;
const applied: DeploymentEnd = {
  result: 'applied',
  durationMs: 1200,
  images: { web: { id: 'sha256:1', digest: 'lab/web@sha256:2' }, db: { id: 'sha256:3' } },
};
const failed: DeploymentEnd = {
  result: 'failed',
  error: { code: 'gate-failed', message: 'HTTP 502', hint: 'Look.', retry: 'human', details: { port: 80 } },
  outputTail: 'a\nb "quoted" ü\n',
  undone: { result: 'back', commit: 'c0' },
};

export const eventRecord = (
  id: string,
  at: number,
  more: Partial<HistoryEvent> = {},
): Extract<HistoryRecord, { kind: 'event' }> => ({
  kind: 'event',
  event: { id, at, kind: 'health', text: `event ${id}`, ...more },
});

const transition = (id: string, at: number, more: Partial<Transition> = {}): Transition => ({
  id,
  at,
  key: 'web@m1',
  machine: 'm1',
  from: 'healthy',
  to: 'unhealthy',
  lastedMs: 90_000_000_000,
  found: 'HTTP 502',
  planned: false,
  ...more,
});

export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as Store`, () => {
    let under: StoreUnderTest;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under.stop());
    const keep = async (...records: readonly HistoryRecord[]): Promise<void> => {
      records.forEach(record => under.store.record(record));
      await under.settle();
    };
    const ids = (list: readonly { readonly id: string }[]) => list.map(one => one.id);

    it('answers deployments as they were noted, newest first, by service, placement and machine', async () => {
      const [old, newer] = [
        runRecord('aa01', began, { 'web@m1': applied, 'db@m1': { result: 'skipped', why: 'web@m1 failed' } }),
        runRecord('aa02', began + 60_000, { 'web@m1': failed, 'web@m2': applied }),
      ];
      await keep(old, newer);
      const all = await under.store.deployments({ limit: 10 });
      expect(all).toEqual([...newer.deployments.toReversed(), ...old.deployments.toReversed()]);
      const keys = async (ask: object) =>
        (await under.store.deployments({ limit: 10, ...ask })).map(one => `${one.runId} ${one.key}`);
      expect(await keys({ service: 'web@m1' })).toEqual(['aa02 web@m1', 'aa01 web@m1']);
      expect(await keys({ service: 'web', machine: 'm2' })).toEqual(['aa02 web@m2']);
      expect(await keys({ service: 'web', limit: 1 })).toEqual(['aa02 web@m2']);
      expect(await keys({ service: 'we' })).toEqual([]);
    });

    it('keeps copies of audit logs, each record once, and knows up to where none is missing', async () => {
      const record = (seq: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
        seq,
        at: began + seq,
        who: { name: 'ada', by: 'cli' },
        from: 'here',
        what: 'deploy',
        input: { services: ['web'] },
        result: 'begun',
        prev: `p${seq}`,
        hash: `h${seq}`,
        ...more,
      });
      const eve = { who: { name: 'eve', by: 'api', token: 't7' } } as const;
      const all = [record(1), record(2, eve), record(3), record(5)];
      await keep(...all.map(one => ({ kind: 'audit', log: 'one', record: one }) as const));
      await keep({ kind: 'audit', log: 'one', record: record(1, { hash: 'forged' }) });
      await keep({ kind: 'audit', log: 'two', record: record(1, { at: began + 9 }) });
      expect(await under.store.auditHead('one')).toEqual({ seq: 3, hash: 'h3' });
      expect(await under.store.auditHead('none')).toBeUndefined();
      const hashes = async (ask: object) => (await under.store.audit({ limit: 10, ...ask })).map(one => one.hash);
      expect(await hashes({})).toEqual(['h1', 'h5', 'h3', 'h2', 'h1']);
      expect(await hashes({ since: began + 5, limit: 1 })).toEqual(['h1']);
      expect(await hashes({ actor: 'eve' })).toEqual(['h2']);
      expect(await under.store.audit({ limit: 10, actor: 't7' })).toEqual([all[1]]);
    });

    it('shows one deployment with its run, by the beginning of its id', async () => {
      const record = runRecord('bb01', began + 120_000, { 'web@m1': applied, 'db@m1': failed });
      await keep(record);
      const [web, db] = record.deployments;
      const found = await under.store.deployment(web?.id.slice(0, 12) ?? '');
      expect(found).toEqual({ deployment: web, run: record.run, others: [db], writes: [] });
      await keep(runRecord('bb02', began + 121_000, { 'web@m1': applied }));
      expect((await under.store.deployment('bb02')).run.id).toBe('bb02');
      for (const wrong of ['bb01', 'zz', '%', '', "x' or true --"])
        await expect(under.store.deployment(wrong), wrong).rejects.toMatchObject({ code: 'unknown-name' });
    });

    it('shows the steps of one deployment, which lists leave out, and what the journal had for it', async () => {
      const steps = [
        { what: 'claim the placement', result: 'done' },
        { what: 'start it', result: 'failed', code: 3, outputTail: 'no\n' },
        { what: 'enable it', result: 'not-run' },
      ] as const;
      const record = runRecord('be01', began + 130_000, {
        'step@m1': { ...failed, steps },
        'other@m1': { ...applied, steps },
      });
      const write = { to: 'machine', where: 'm1', what: 'batch', keys: ['step@m1'], run: 'be01' } as const;
      const writes = [
        { ...write, id: 'be-1', at: began + 130_001, endedAt: began + 130_900 },
        { ...write, id: 'be-2', at: began + 130_950, what: 'stamps', error: 'ssh-lost', endedAt: began + 131_000 },
        { ...write, id: 'be-3', at: began + 130_960, end: 'again', text: 'it was killed' },
      ] as const;
      const elsewhere = { ...write, id: 'be-4', at: began, keys: ['other@m1'] };
      const all = [...writes.toReversed(), elsewhere, { ...write, id: 'be-5', at: began, run: 'be02' }];
      await keep(...all.map(one => ({ kind: 'write', write: one }) as const), record);
      await keep({ kind: 'write', write: { ...writes[0], text: 'again' } });
      const [step, other] = record.deployments;
      const shown = await under.store.deployment(step?.id ?? '');
      expect(shown.writes).toEqual(writes);
      expect(shown.deployment).toEqual(step);
      expect(shown.others).toEqual([{ ...other, steps: undefined }]);
      expect((await under.store.deployments({ service: 'step', limit: 1 }))[0]).not.toHaveProperty('steps');
    });

    it('keeps deliveries of webhooks, newest first, with their highest count', async () => {
      const push = {
        id: 'w1',
        at: began,
        lastAt: began,
        times: 1,
        forge: 'github',
        kind: 'push',
        verdict: 'folded',
        why: 'main is looked at',
        repository: 'https://github.com/ada/fleet',
        branch: 'main',
      } as const;
      const again = { ...push, lastAt: began + 60_000, times: 400 };
      const pull = { ...push, id: 'w2', lastAt: began + 5, kind: 'pull-request', number: 2 ** 40 } as const;
      const stranger = {
        id: 'w3',
        at: began,
        lastAt: began + 1,
        times: 1,
        forge: 'generic',
        verdict: 'refused',
        why: '',
      };
      const of = (...all: readonly object[]) => all.map(delivery => ({ kind: 'delivery', delivery }) as HistoryRecord);
      await keep(...of(push, pull, again, stranger));
      await keep(...of(push));
      expect(await under.store.deliveries(10)).toEqual([again, pull, stranger]);
      expect(await under.store.deliveries(1)).toEqual([again]);
    });

    it('keeps what comes twice once', async () => {
      const record = runRecord('cc01', began + 180_000, { 'once@m1': applied });
      const event = eventRecord('cc-event', began, { key: 'once@m1' });
      const moved = { kind: 'transition', transition: transition('cc-move', began, { key: 'once@m1' }) } as const;
      await keep(record, event, moved);
      await keep(record, event, moved, event);
      expect(await under.store.deployments({ service: 'once', limit: 10 })).toHaveLength(1);
      expect(ids(await under.store.events({ service: 'once', limit: 10 }))).toEqual(['cc-event']);
      expect(ids(await under.store.transitions('once@m1', 0))).toEqual(['cc-move']);
    });

    it('ends what was in progress, once', async () => {
      const record = runRecord('dd01', began + 240_000, { 'slow@m1': { result: 'in-progress', why: 'it goes on' } });
      const deployment = record.deployments[0]?.id ?? '';
      const endedAt = began + 500_000;
      await keep(record, { kind: 'ended', deployment, end: { ...applied, durationMs: 1200.4 }, endedAt });
      await keep({ kind: 'ended', deployment, end: failed, endedAt: endedAt + 1 });
      const [slow] = await under.store.deployments({ service: 'slow', limit: 1 });
      expect(slow).toMatchObject({ result: 'applied', durationMs: expect.closeTo(1200.4, 0), endedAt });
      expect(slow).not.toHaveProperty('why');
      expect(slow).not.toHaveProperty('error');
    });

    it('gives an end that nobody saw a truer one, and no other end another', async () => {
      const cut: DeploymentEnd = {
        result: 'failed',
        error: { code: 'interrupted', message: 'killed', hint: 'Look.', retry: 'never' },
      };
      const open = { result: 'in-progress', why: 'it goes on' } as const;
      const told = { ...cut, outputTail: 'what it said' };
      const keys = ['cut@m1', 'open@m1', 'told@m1', 'done@m1', 'still@m1'];
      const run = (ends: readonly DeploymentEnd[]) =>
        runRecord('df01', began + 250_000, Object.fromEntries(ends.map((end, index) => [keys[index] ?? '', end])));
      const truer = run([applied, failed, applied, failed, cut]);
      await keep(run([cut, open, told, applied, cut]));
      await keep(truer, truer);
      await keep(run([failed, applied, failed, cut, open]));
      const ends = keys.map(async key => (await under.store.deployments({ service: key, limit: 9 }))[0]);
      const [first, second, third, fourth, fifth] = await Promise.all(ends);
      expect(first).toEqual(truer.deployments[0]);
      expect(second).toEqual(truer.deployments[1]);
      expect([third?.outputTail, fourth?.result, fifth?.result]).toEqual(['what it said', 'applied', 'failed']);
      expect(fourth).not.toHaveProperty('error');
    });

    it('tells when a record is kept', async () => {
      const order: string[] = [];
      await new Promise<void>(resolve => {
        under.store.record(eventRecord('kept-1', began, { key: 'kept@m1' }), () => void order.push('first'));
        under.store.record(eventRecord('kept-2', began, { key: 'kept@m1' }), resolve);
      });
      expect(order).toEqual(['first']);
      expect(ids(await under.store.events({ service: 'kept', limit: 9 }))).toEqual(['kept-1', 'kept-2']);
    });

    it('answers events in the order they were noted, by time, place and what came after one', async () => {
      const place = { key: 'ev@m1', machine: 'm1', data: { from: 'healthy', planned: false, times: 2 } };
      const records = [
        eventRecord('e1', began, place),
        eventRecord('e3', began + 3000, { ...place, key: 'ev@m2', machine: 'm2' }),
        eventRecord('e2', began + 2000, place),
      ];
      await keep(...records);
      const ask = { service: 'ev', limit: 10 };
      expect(await under.store.events(ask)).toEqual(records.map(one => one.event));
      expect(ids(await under.store.events({ ...ask, limit: 2 }))).toEqual(['e3', 'e2']);
      expect(ids(await under.store.events({ ...ask, since: began + 2000 }))).toEqual(['e3', 'e2']);
      expect(ids(await under.store.events({ ...ask, machine: 'm2' }))).toEqual(['e3']);
      expect(ids(await under.store.events({ ...ask, service: 'ev@m1' }))).toEqual(['e1', 'e2']);
      expect(ids(await under.store.events({ ...ask, kinds: ['deploy.done', 'git.commit'] }))).toEqual([]);
      expect(ids(await under.store.events({ ...ask, kinds: ['health', 'git.commit'], machine: 'm2' }))).toEqual(['e3']);
      expect(ids(await under.store.events({ ...ask, after: 'e1', limit: 1 }))).toEqual(['e3']);
      expect(ids(await under.store.events({ ...ask, after: 'e2' }))).toEqual([]);
      await expect(under.store.events({ limit: 1, after: 'nobody' })).rejects.toMatchObject({ code: 'unknown-name' });
    });

    it('answers the transitions of a placement from an instant on, oldest first', async () => {
      const moves = [
        transition('t2', began + 2000, { from: 'unhealthy', to: 'healthy', planned: true }),
        transition('t1', began + 1000),
      ];
      await keep(...moves.map(one => ({ kind: 'transition', transition: one }) as const));
      expect(await under.store.transitions('web@m1', began + 1000)).toEqual(moves.toReversed());
      expect(ids(await under.store.transitions('web@m1', began + 1001))).toEqual(['t2']);
      expect(await under.store.transitions('web@m9', 0)).toEqual([]);
    });

    it('answers the transitions of all since an instant, with how each placement stood just then', async () => {
      const at = began + 900_000;
      const of = (key: string, id: string, when: number) =>
        transition(id, when, { key: key as Transition['key'], machine: key.slice(3) });
      const moves = [
        of('up@m1', 'u1', at - 3000),
        of('up@m1', 'u2', at - 2000),
        of('up@m1', 'u3', at),
        of('up@m1', 'u4', at + 1000),
        of('up@m2', 'u5', at - 500_000),
        of('up2@m1', 'u6', at + 500),
      ];
      await keep(...moves.toReversed().map(one => ({ kind: 'transition', transition: one }) as const));
      const since = (service?: string, from = at) =>
        under.store.transitionsSince({ since: from, ...(service === undefined ? {} : { service }) });
      expect(ids(await since('up'))).toEqual(['u5', 'u2', 'u3', 'u4']);
      expect(await since('up@m1')).toEqual(moves.slice(1, 4));
      expect(ids(await since('up@m2', at + 1_000_000))).toEqual(['u5']);
      expect(ids(await since('nobody'))).toEqual([]);
      expect(ids((await since()).filter(one => one.id.startsWith('u')))).toEqual(['u5', 'u2', 'u3', 'u6', 'u4']);
    });

    it('answers samples as they were measured, in steps, by machine and measure, each once', async () => {
      const hourMs = 3_600_000;
      const now = Date.now();
      const from = now - 2 * hourMs;
      const measured = [
        { machine: 'm1', at: from + 1001, values: { load1: 1, 'disk_used_bytes:/': 5e12 } },
        { machine: 'm1', at: from + 61_002, values: { load1: 0.1 + 0.2 } },
        { machine: 'm2', at: from + 61_002, values: { load1: 4 } },
        { machine: 'm1', at: from + hourMs, values: { load1: -7.5, 'disk_used_bytes:/': 6e12 } },
        { machine: 'm3', at: now - 25 * hourMs, values: { load1: 9 } },
      ];
      const all = measured.map(measurement => ({ kind: 'samples', measurement }) as const);
      await keep(...all.toReversed());
      await keep(all[0] ?? eventRecord('none', 0));
      const ask = { machine: 'm1', name: 'load1', from, to: now };
      const single = (at: number, value: number) => ({ at, count: 1, avg: value, min: value, max: value });
      expect(await under.store.samples(ask)).toEqual({
        resolution: 'raw',
        points: [single(from + 1001, 1), single(from + 61_002, 0.1 + 0.2), single(from + hourMs, -7.5)],
      });
      expect((await under.store.samples({ ...ask, from: from + 1002, to: from + hourMs })).points).toHaveLength(1);
      const hours = await under.store.samples({ ...ask, stepMs: 24 * hourMs });
      expect(hours).toMatchObject({ resolution: '1h', stepMs: 24 * hourMs });
      expect(hours.points.reduce((sum, one) => sum + one.count, 0)).toBe(3);
      expect(await under.store.samples({ ...ask, name: 'load' })).toEqual({ resolution: 'raw', points: [] });
      const spans = await under.store.spans({ from, to: now });
      expect(spans.map(one => [one.machine, one.name, one.count, one.min, one.max])).toEqual([
        ['m1', 'disk_used_bytes:/', 2, 5e12, 6e12],
        ['m1', 'load1', 3, -7.5, 1],
        ['m2', 'load1', 1, 4, 4],
      ]);
      expect(spans[1]?.avg).toBeCloseTo((1.3 - 7.5) / 3);
      expect((await under.store.spans({ machine: 'm2', from, to: now })).map(one => one.machine)).toEqual(['m2']);
      expect(await under.store.newest()).toEqual([measured[3], measured[2]]);
      expect(await under.store.newest('m2')).toEqual([measured[2]]);
      expect(await under.store.newest('m3')).toEqual([]);
    });

    it('keeps every text, also what JSON and databases dislike', async () => {
      const text = 'a\0b \ud800 c\u2028 💥 \\u0000 $1';
      await keep(eventRecord('odd', began, { key: 'odd@m1', text }));
      const [odd] = await under.store.events({ service: 'odd', limit: 1 });
      expect(odd?.text.replaceAll(/[\0\p{Surrogate}]/gu, '\uFFFD')).toBe('a\uFFFDb \uFFFD c\u2028 💥 \\u0000 $1');
    });
  });
}
