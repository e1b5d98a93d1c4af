// Deeds in the audit log: before and after, without secrets, refused when nobody could tell; refusals within bounds; copies in the store.
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../reconciler/engine.js';
import { audited, auditPass, type Deed } from '../../reconciler/loop/audited.js';
import { copyAudit, newestDeeds } from '../../reconciler/loop/copy-audit.js';
import { countRefusals, type Refusal } from '../../reconciler/loop/refusals.js';
import { operations, type OperationName } from '../../reconciler/operations/index.js';
import type { Operation } from '../../reconciler/operations/operation.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { deedsOf } from '../../schema/audit.js';
import { AppError } from '../../schema/errors.js';
import type { PassReport } from '../../schema/status.js';
import { createFakePorts, registryText } from '../fakes/ports.js';

const who = { name: 'ada', by: 'cli' } as const;
const deed = (more: Partial<Deed> = {}): Deed => ({ who, from: 'here', what: 'service.add', input: {}, ...more });
const full = new AppError('audit-unwritable', 'no room');

describe('a deed', () => {
  it('is told before it is done, and how it ended', async () => {
    const ports = createFakePorts();
    const input = { name: 'web', reason: 'it is broken' };
    const done = await audited(ports, deed({ input }), async () => {
      expect(ports.audit.entries).toMatchObject([
        { result: 'begun', what: 'service.add', who, input, why: 'it is broken' },
      ]);
      return { commit: 'abc', text: 'long', outcomes: [{ key: 'web@m1', result: 'skipped', why: '' }] };
    });
    expect(done.commit).toBe('abc');
    expect(ports.audit.entries[1]).toMatchObject({ result: 'done', of: 1, output: { commit: 'abc', skipped: 1 } });
    const failing = audited(ports, deed(), () => Promise.reject(new AppError('held', 'plan 1 is held')));
    await expect(failing).rejects.toMatchObject({ code: 'held' });
    expect(deedsOf(ports.audit.entries)).toMatchObject([
      { seq: 1, result: 'done' },
      { seq: 3, result: 'failed', code: 'held', message: 'plan 1 is held' },
    ]);
    expect(await ports.audit.verify([])).toMatchObject({ whole: true, records: 4 });
  });

  it('that only showed what would be is none that was done', async () => {
    const ports = createFakePorts();
    const changed = ({ edited }: { id: string; edited?: object }) => edited !== undefined;
    await audited(ports, deed(), async () => ({ id: 'd1' }), changed);
    await audited(ports, deed(), async () => ({ id: 'd1', edited: {} }), changed);
    await expect(audited(ports, deed(), () => Promise.reject(full), changed)).rejects.toBe(full);
    expect(deedsOf(ports.audit.entries)).toMatchObject([
      { result: 'shown', output: { id: 'd1' } },
      { result: 'done' },
      { result: 'failed' },
    ]);
    expect(await ports.audit.verify([])).toMatchObject({ whole: true, records: 6 });
  });

  it('holds no secret, and no long text', async () => {
    const ports = createFakePorts();
    ports.redactor.learn([{ value: 'hunter2-hunter2' }]);
    const env = ['DB_PASSWORD=correct horse', 'PIN_TOKEN=123', 'A=hunter2-hunter2'];
    const input = { env, text: 'x'.repeat(100_000), long: `${'y'.repeat(495)}hunter2-hunter2` };
    const work = () => Promise.reject(new Error('it said: correct horse'));
    await expect(audited(ports, deed({ input }), work)).rejects.toThrow('correct horse');
    const text = JSON.stringify(ports.audit.entries);
    for (const secret of ['correct horse', '123', 'hunter2']) expect(text.includes(secret), secret).toBe(false);
    expect(text).toContain('DB_PASSWORD=***');
    expect(text.length).toBeLessThan(5000);
  });

  it('makes no secret of what things are called, by it or in the registry', async () => {
    const ports = createFakePorts();
    ports.redactor.spare(['production']);
    const env = ['POSTGRES_PASSWORD=postgres', 'MODE_TOKEN=production', 'API_TOKEN=Kx7-qRt2'];
    await audited(ports, deed({ input: { name: 'postgres', env } }), async () => undefined);
    expect(ports.redactor.text('postgres@m1 production Kx7-qRt2')).toBe('postgres@m1 production ***');
  });

  it('is not done when nobody could tell later who did it', async () => {
    const ports = createFakePorts();
    ports.audit.full = full;
    let did = 0;
    const work = async () => (did += 1);
    await expect(audited(ports, deed(), work)).rejects.toBe(full);
    expect(did).toBe(0);
    expect(await audited(ports, deed({ anyway: true }), work)).toBe(1);
    expect(ports.log.lines.map(one => [one.level, one.message])).toEqual([
      ['error', 'not written into the audit log'],
      ['error', 'not written into the audit log'],
    ]);
  });

  it('that is done stays done when its end cannot be told', async () => {
    const ports = createFakePorts();
    await audited(ports, deed(), async () => (ports.audit.full = full));
    expect(deedsOf(ports.audit.entries)).toMatchObject([{ result: 'open' }]);
    expect(ports.log.lines).toMatchObject([{ level: 'error', fields: { result: 'done' } }]);
  });
});

describe('the engine', () => {
  const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
  const opened = () => {
    const ports = createFakePorts();
    ports.git.make({ 'registry.yml': registryText() });
    const world = { ports, lists: { drivers: {}, checks: {} } };
    return { ports, engine: createEngine({ settings, open: async () => world, close: async () => undefined }) };
  };
  const { signal } = new AbortController();

  it('tells what changes something, with who and from where, and not what only reads', async () => {
    const { ports, engine } = opened();
    const eve = { name: 'eve', by: 'api', from: '10.0.0.9', token: 't1' } as const;
    await engine.perform('machine.list', {}, eve, signal);
    expect(ports.audit.entries).toEqual([]);
    await engine.perform('approve', { plan: 'abcdef12' }, eve, signal);
    const told = { what: 'approve', from: '10.0.0.9', who: { name: 'eve', by: 'api', token: 't1' } };
    expect(ports.audit.entries).toMatchObject([
      { ...told, result: 'begun', input: { plan: 'abcdef12' } },
      { ...told, result: 'done', of: 1, output: { plan: 'abcdef12' } },
    ]);
  });

  it('tells a pass that broke as one that failed, and answers it', async () => {
    const ports = createFakePorts();
    const world = { ports: { ...ports, source: { path: '/lone/registry.yml' } }, lists: { drivers: {}, checks: {} } };
    const engine = createEngine({ settings, open: async () => world, close: async () => undefined });
    const report = await engine.perform('reconcile', {}, who, signal);
    expect(report).toMatchObject({ outcomes: [], error: { code: 'git-missing' } });
    expect(ports.audit.entries).toMatchObject([
      { what: 'reconcile', result: 'begun' },
      { what: 'reconcile', result: 'failed', of: 1, code: 'git-missing', message: report.error?.message },
    ]);
  });

  it('does nothing that cannot be told', async () => {
    const { ports, engine } = opened();
    ports.audit.full = full;
    await expect(engine.perform('approve', { plan: 'abcdef12' }, who, signal)).rejects.toBe(full);
    expect(ports.writes).toEqual([]);
  });

  it('is told by everything that waits for a yes whether it was said', async () => {
    const all: readonly Operation<object>[] = await Promise.all(Object.values(operations).map(load => load()));
    const asking = all.filter(one => 'accept' in (one.input as { properties: object }).properties);
    expect(asking.length).toBeGreaterThan(4);
    expect(asking.filter(one => one.changed === undefined).map(one => one.name)).toEqual([]);
  });

  it('has a world for every operation that changes something', async () => {
    const names = Object.keys(operations) as OperationName[];
    const all: readonly Operation<object>[] = await Promise.all(names.map(name => operations[name]()));
    const changing = all.filter(one => one.effect === 'changes');
    expect(changing.length).toBeGreaterThan(10);
    expect(changing.filter(one => one.bare === true)).toEqual([]);
  });
});

const report = (outcomes: object[]): PassReport => ({
  id: 'p1',
  trigger: 'new commit',
  startedAt: 0,
  endedAt: 1,
  commit: 'c1',
  diagnostics: [],
  outcomes: outcomes as never,
  findings: [],
  next: { next: 'settled' },
});

it('a pass is told when it changed something', async () => {
  const ports = createFakePorts();
  await auditPass(ports, report([]));
  await auditPass(ports, report([{ key: 'web@m1', result: 'skipped', why: 'x' }]));
  expect(ports.audit.entries).toEqual([]);
  await auditPass(ports, report([{ key: 'web@m1', result: 'applied', durationMs: 1 }]));
  expect(ports.audit.entries).toMatchObject([
    {
      what: 'pass',
      who: { by: 'loop' },
      why: 'new commit',
      result: 'done',
      output: { id: 'p1', commit: 'c1', applied: 1 },
    },
  ]);
  ports.audit.full = full;
  await auditPass(ports, report([{ key: 'web@m1', result: 'failed' }]));
  expect(ports.log.lines).toMatchObject([{ level: 'error', message: 'not written into the audit log' }]);
});

describe('refusals', () => {
  const refusal = (from: string): Refusal => ({ from, what: 'deploy', code: 'token-missing', message: 'no token' });

  it('are told at once, and counted when they are many', async () => {
    const ports = createFakePorts();
    const refusals = countRefusals(ports);
    for (let at = 0; at < 1000; at += 1) refusals.tell(refusal('10.0.0.1'));
    for (let at = 0; at < 5000; at += 1) refusals.tell(refusal(`10.1.${at >> 8}.${at & 255}`));
    await refusals.close();
    const told = ports.audit.entries;
    expect(told.length).toBeLessThanOrEqual(42);
    expect(told[0]).toMatchObject({
      from: '10.0.0.1',
      result: 'refused',
      code: 'token-missing',
      who: { name: 'nobody' },
    });
    const times = told.reduce((sum, one) => sum + (one.times ?? 1), 0);
    expect(times).toBe(6000);
    expect(told.find(one => one.times === 999)).toMatchObject({ from: '10.0.0.1' });
  });

  it('of a later hour are told by themselves', async () => {
    const ports = createFakePorts();
    const refusals = countRefusals(ports);
    for (let hour = 0; hour < 3; hour += 1) {
      refusals.tell(refusal('10.0.0.1'));
      refusals.tell(refusal('10.0.0.1'));
      await ports.clock.advance(3_600_000);
    }
    await refusals.close();
    expect(ports.audit.entries.map(one => one.times)).toEqual([undefined, 1, undefined, 1, undefined, 1]);
  });
});

describe('the copy in the store', () => {
  it('takes along what is new, once, and is asked together with the log', async () => {
    const ports = createFakePorts();
    const act = (what: string, more: Partial<Deed> = {}) => audited(ports, deed({ what, ...more }), async () => ({}));
    await act('one');
    await copyAudit(ports);
    await copyAudit(ports);
    expect(ports.store.records.map(one => one.kind)).toEqual(['audit', 'audit']);
    await act('two', { who: { name: 'eve', by: 'api', token: 't7' } });
    const whats = async (ask: object) =>
      (await newestDeeds(ports, { limit: 10, ...ask })).map(one => `${one.what} ${one.result}`);
    expect(await whats({})).toEqual(['one done', 'two done']);
    expect(await whats({ limit: 1 })).toEqual(['two done']);
    expect(await whats({ actor: 't7' })).toEqual(['two done']);
    expect(await whats({ actor: 'ada' })).toEqual(['one done']);
    expect(await whats({ since: ports.clock.now() + 1 })).toEqual([]);
    ports.store.audit = () => Promise.reject(new AppError('store-away', 'it is away'));
    ports.store.auditHead = () => Promise.reject(new AppError('store-none', 'there is none'));
    expect(await whats({})).toEqual(['one done', 'two done']);
    await copyAudit(ports);
    expect(ports.store.records).toHaveLength(2);
  });
});
