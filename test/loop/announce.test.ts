// Telling people beside the passes: what is sent when, what a start in between or a destination that is away does to it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Announcer, startAnnouncer } from '../../reconciler/loop/announce.js';
import { AppError, catalogue, type ErrorCode } from '../../schema/errors.js';
import type { EventKind } from '../../schema/history.js';
import type { Destination } from '../../schema/notify.js';
import type { Outcome, Plan } from '../../schema/plan.js';
import type { DesiredState } from '../../schema/state.js';
import type { PassReport } from '../../schema/status.js';
import { desire } from '../core/thinking.js';
import { settlePromises } from '../fakes/clock.js';
import { createFakePorts, type FakePorts } from '../fakes/ports.js';
import { createFakePost, type FakePost } from '../fakes/post.js';

const minuteMs = 60_000;
let ports: FakePorts & { readonly post: FakePost };
let announcer: Announcer;

beforeEach(() => {
  ports = { ...createFakePorts(), post: createFakePost() };
  announcer = startAnnouncer(ports);
});
afterEach(() => announcer.stop());

const hook = (more: Partial<Destination> = {}): Destination => ({
  name: 'hook',
  type: 'webhook',
  url: 'https://hook.test/',
  on: ['deploy.failed', 'deploy.done', 'machine.down', 'service.down', 'drift', 'approval.needed'],
  urgent: [],
  ...more,
});

const wanted = (notify: readonly Destination[] = [hook()]): DesiredState => ({
  ...desire({ services: { web: {}, api: {} } }),
  notify,
});

const aPlan = (more: Partial<Plan> = {}): Plan => ({
  id: 'p1',
  commit: 'c1',
  waves: [],
  leftAlone: [],
  machines: [],
  ...more,
});

const aReport = (more: Partial<PassReport> = {}): PassReport => ({
  id: 'pass',
  trigger: 'interval',
  startedAt: ports.clock.now(),
  endedAt: ports.clock.now(),
  commit: 'c1c1c1c1c1c1c1c1',
  diagnostics: [],
  plan: aPlan(),
  outcomes: [],
  findings: [],
  next: { next: 'settled' },
  ...more,
});

const errorOf = (code: ErrorCode, message: string) => ({ code, message, ...catalogue[code] });
const failed = (key: `${string}@${string}`): Outcome => ({
  key,
  result: 'failed',
  error: errorOf('gate-failed', 'it answered 500'),
});
const held = (key: `${string}@${string}`) =>
  ({ key, state: 'held', why: 'this revision did not become healthy', error: errorOf('gate-failed', 'held') }) as const;

/** Until all that needs no more time is done. */
async function still(): Promise<void> {
  for (let round = 0; round < 6; round += 1) await settlePromises();
}

async function pass(report: PassReport, desired: DesiredState | undefined = wanted()): Promise<void> {
  announcer.passEnded(report, desired);
  await still();
}

async function later(ms: number): Promise<void> {
  await ports.clock.advance(ms);
  await still();
}

async function startAnew(): Promise<void> {
  const stopped = announcer.stop();
  await still();
  await ports.clock.advance(5000);
  await stopped;
  announcer = startAnnouncer(ports);
  await still();
}

const titles = (): readonly string[] => ports.post.taken.map(one => one.title);
const boxes = () => (ports.notes.get('notify') as { readonly boxes: object }).boxes;

describe('a deploy that fails', () => {
  it('is one message however many passes see it, hourly one more, and one when it is over', async () => {
    await pass(aReport({ outcomes: [failed('web@m1')] }));
    expect(ports.post.taken).toMatchObject([{ title: '[c] web@m1 could not be deployed' }]);
    expect(ports.post.taken[0]?.text).toMatch(/It answered 500[^]*Commit c1c1c1c1c1c1[^]*portoser why web/);
    for (let count = 0; count < 20; count += 1) {
      await later(2 * minuteMs);
      await pass(aReport({ plan: aPlan({ leftAlone: [held('web@m1')] }) }));
    }
    expect(titles().length).toBe(1);
    await later(20 * minuteMs);
    expect(titles()[1]).toBe('[c] web@m1 could not be deployed (for 1 h now)');
    expect(ports.post.taken[1]?.text).toContain('It answered 500');
    await pass(aReport());
    await pass(aReport());
    expect(titles().slice(2)).toEqual(['[c] web@m1 could not be deployed: over after 1 h']);
  });

  it('of several services is one message', async () => {
    await pass(aReport({ outcomes: [failed('web@m1'), failed('api@m1')] }));
    expect(titles()).toEqual(['[c] web@m1 and 1 more: a change failed, until it stands as the registry says']);
    expect(ports.post.taken[0]?.text).toMatch(/web@m1[^]*api@m1/);
  });
});

describe('a start in between', () => {
  it('neither repeats nor loses what is amiss', async () => {
    await pass(aReport({ outcomes: [failed('web@m1')] }));
    await startAnew();
    await pass(aReport({ plan: aPlan({ leftAlone: [held('web@m1')] }) }));
    expect(titles().length).toBe(1);
    await startAnew();
    await pass(aReport());
    expect(titles()[1]).toBe('[c] web@m1 could not be deployed: over after 10 s');
  });

  it('still sends what could not be sent before, and the reminder that came due meanwhile', async () => {
    ports.post.before = async () => {
      throw new AppError('notify-away', 'it is off');
    };
    await pass(aReport({ outcomes: [failed('web@m1')] }));
    await startAnew();
    ports.post.before = async () => undefined;
    await later(minuteMs);
    expect(titles()).toEqual(['[c] web@m1 could not be deployed']);
    await startAnew();
    await later(60 * minuteMs);
    expect(titles()[1]).toMatch(/for 1 h now/);
  });

  it('at which there is no registry to read tells whom the last one named', async () => {
    await pass(aReport());
    await startAnew();
    const error = errorOf('state-dir-unusable', 'the disk is full');
    const { plan: _, ...without } = aReport({ error });
    announcer.passEnded(without, undefined);
    await later(3 * minuteMs);
    expect(titles()).toEqual([]);
    await pass(aReport({ outcomes: [failed('web@m1')] }), undefined);
    expect(titles()).toEqual(['[c] web@m1 could not be deployed']);
  });
});

describe('a destination that is away', () => {
  it('holds up neither passes nor others, and gets all in order when it is back', async () => {
    const both = wanted([hook(), hook({ name: 'other', url: 'env:OTHER' })]);
    let away = true;
    ports.post.before = async url => {
      if (away && url.includes('hook')) throw new AppError('notify-away', 'it is off');
    };
    await pass(aReport({ outcomes: [failed('web@m1')] }), both);
    await later(minuteMs);
    await pass(aReport(), both);
    await later(1000);
    expect(ports.post.taken.map(one => `${one.url} ${one.state}`)).toEqual([
      'https://other.test/ open',
      'https://other.test/ over',
    ]);
    away = false;
    await later(5 * minuteMs);
    expect(ports.post.taken.slice(2).map(one => `${one.url} ${one.state}`)).toEqual([
      'https://hook.test/ open',
      'https://hook.test/ over',
    ]);
    expect(ports.log.lines.filter(one => one.level === 'warn')).toMatchObject([
      { message: 'a message did not get there', fields: { destination: 'hook', code: 'notify-away' } },
    ]);
  });

  it('is asked again when it says, and after a refusal only now and then', async () => {
    const asked: number[] = [];
    const begun = ports.clock.now();
    ports.post.before = async () => {
      asked.push(ports.clock.now() - begun);
      if (asked.length === 1) throw new AppError('notify-away', 'too many', { details: { retryAfterMs: 40_000 } });
      if (asked.length === 2) throw new AppError('notify-refused', 'no');
    };
    await pass(aReport({ outcomes: [failed('web@m1')] }));
    await later(16 * minuteMs);
    expect(asked).toEqual([0, 40_000, 940_000]);
    expect(titles().length).toBe(1);
  });

  it('for a day loses what is older', async () => {
    ports.post.before = async () => {
      throw new AppError('notify-refused', 'no');
    };
    await pass(aReport({ outcomes: [failed('web@m1')] }));
    await pass(aReport());
    await later(25 * 60 * minuteMs);
    expect(boxes()).toEqual({});
    expect(ports.log.lines.filter(one => one.message === 'a message was given up').length).toBe(2);
  });

  it('and never answers does not hold up the end', async () => {
    ports.post.before = (_, { signal }) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
    await pass(aReport({ outcomes: [failed('web@m1')] }));
    await startAnew();
    expect(Object.keys(boxes())).toEqual(['hook']);
    ports.post.before = async () => undefined;
    await later(1000);
    expect(titles()).toEqual(['[c] web@m1 could not be deployed']);
  });
});

describe('beside that', () => {
  it('a run is one message, and what outlasted its pass is told when it came up', async () => {
    const change = {
      machine: 'm1',
      kind: 'create',
      reason: 'missing',
      because: 'it is not there',
      fields: [],
      basis: '',
      after: [],
    } as const;
    const changes = ['web', 'api'].map(service => ({ ...change, key: `${service}@m1` as const, service }));
    const outcomes: Outcome[] = [
      { key: 'web@m1', result: 'applied', kind: 'create', durationMs: 1 },
      { key: 'api@m1', result: 'in-progress', why: 'it goes on' },
    ];
    announcer.progress({ kind: 'change', key: 'web@m1', text: 'healthy', event: 'deploy.done' });
    await pass(aReport({ plan: aPlan({ waves: [changes] }), outcomes }));
    expect(titles()).toEqual(['[c] web@m1 was created']);
    announcer.progress({ kind: 'change', key: 'api@m1', text: 'healthy', event: 'deploy.done' });
    await pass(aReport());
    await later(1000);
    expect(titles()[1]).toBe('[c] api@m1 came up');
    await pass(aReport());
    expect(titles().length).toBe(2);
  });

  it('what failed while it outlasted its pass is told when what was healthy is back, with its commit and why', async () => {
    const key = 'web@m1';
    await pass(aReport({ commit: 'bad', outcomes: [{ key, result: 'in-progress', why: 'it goes on' }] }));
    announcer.progress({ kind: 'change', key, text: 'failed: it answered 500', event: 'deploy.failed' });
    await pass(aReport({ plan: aPlan({ machines: [{ machine: 'm1', state: 'in-progress', why: 'it goes on' }] }) }));
    announcer.progress({ kind: 'change', key, text: 'rolled back', event: 'deploy.undone' });
    expect(titles()).toEqual([]);
    await pass(aReport({ commit: 'newer', plan: aPlan({ leftAlone: [held(key)] }) }));
    await later(1000);
    expect(titles()).toEqual(['[c] web@m1 could not be deployed']);
    expect(ports.post.taken[0]?.text).toMatch(
      /^It answered 500; this revision did not become healthy\n[^]*^Commit bad$/m,
    );
  });

  it('what failed there tells why, and why nothing could be brought back; not when it came up at another try', async () => {
    const key = 'web@m1';
    const said = (text: string, event: EventKind, data = {}) =>
      announcer.progress({ kind: 'change', key, text, event, data });
    await pass(aReport({ commit: 'bad', outcomes: [{ key, result: 'in-progress', why: 'it goes on' }] }));
    said('failed: it answered 500', 'deploy.failed');
    said('failed: what was healthy at commit c could not be brought back: no image', 'deploy.failed', { back: 'c' });
    await pass(aReport({ plan: aPlan({ leftAlone: [held(key)] }) }));
    await later(1000);
    expect(ports.post.taken.map(one => one.text)).toEqual([
      expect.stringMatching(/^It answered 500; what was healthy at commit c could not be brought back: no image/),
    ]);
    said('failed: the connection was lost', 'deploy.failed');
    said('healthy', 'deploy.done');
    await pass(aReport());
    await later(1000);
    expect(titles().slice(1)).toEqual(['[c] web@m1 could not be deployed: over after 1 s', '[c] web@m1 came up']);
  });

  it('drift that comes back is told of hourly, however often it is put back', async () => {
    const change = {
      key: 'web@m1',
      service: 'web',
      machine: 'm1',
      kind: 'repair',
      reason: 'drifted',
      because: 'app.conf was edited on m1',
      fields: [],
      basis: '',
      after: [],
    } as const;
    const report = aReport({
      plan: aPlan({ waves: [[change]] }),
      outcomes: [{ key: 'web@m1', result: 'applied', kind: 'repair', durationMs: 1 }],
    });
    for (let count = 0; count < 7; count += 1) {
      await pass(report);
      await later(10 * minuteMs);
    }
    expect(titles()).toEqual(Array(2).fill('[c] web@m1 was changed by hand, and put back'));
    expect(ports.post.taken[0]?.text).toContain('app.conf was edited on m1');
  });

  it('health tells of what became ill by itself, and of its recovery', async () => {
    await pass(aReport());
    announcer.healthChanged({ key: 'web@m1', to: 'unhealthy', found: 'it answered 503', planned: false });
    await later(minuteMs);
    announcer.healthChanged({ key: 'web@m1', to: 'starting', found: '', planned: true });
    announcer.healthChanged({ key: 'web@m1', to: 'healthy', found: '', planned: false });
    await later(1000);
    expect(titles()).toEqual(['[c] web@m1 is unhealthy', '[c] web@m1 is unhealthy: over after 1 min']);
  });

  it('quiet hours end with one message', async () => {
    // It is 22:13 UTC.
    const quiet = wanted([hook({ quiet: { from: 22 * 60, to: 23 * 60, zone: 'UTC' } })]);
    await pass(aReport({ outcomes: [failed('web@m1')] }), quiet);
    announcer.healthChanged({ key: 'api@m1', to: 'unhealthy', found: 'it answered 503', planned: false });
    await later(46 * minuteMs);
    expect(titles()).toEqual([]);
    await later(2 * minuteMs);
    expect(titles()).toEqual(['[c] 2 things during quiet hours']);
    expect(ports.post.taken[0]?.text).toMatch(/web@m1 could not be deployed[^]*api@m1 is unhealthy/);
  });

  it('who tells nobody keeps nothing', async () => {
    await pass(aReport({ outcomes: [failed('web@m1')] }), wanted([]));
    expect(ports.writes).toEqual([]);
  });

  it('a pass that sees nothing new writes nothing', async () => {
    await pass(aReport({ outcomes: [failed('web@m1')] }));
    const before = ports.writes.length;
    await pass(aReport({ plan: aPlan({ leftAlone: [held('web@m1')] }) }));
    const first = ports.writes.length;
    await pass(aReport({ plan: aPlan({ leftAlone: [held('web@m1')] }) }));
    expect([first - before <= 1, ports.writes.length - first]).toEqual([true, 0]);
  });

  it('a disk that takes nothing keeps nobody from being told', async () => {
    const refusing = {
      ...ports,
      state: { ...ports.state, write: () => Promise.reject(new AppError('state-dir-unusable', 'full')) },
    };
    await announcer.stop();
    announcer = startAnnouncer(refusing);
    await pass(aReport({ outcomes: [failed('web@m1')] }));
    expect(titles().length).toBe(1);
    expect(ports.log.lines).toMatchObject([{ level: 'warn', message: 'what is told is not noted' }, {}]);
  });
});

it('no message holds a secret, and none waits with one', async () => {
  ports.redactor.learn([{ value: 'Sentinel-One' }]);
  const error = errorOf('gate-failed', 'it answered Sentinel-One');
  await pass(aReport({ outcomes: [{ key: 'web@m1', result: 'failed', error }] }));
  expect(ports.post.taken.map(one => one.text).join()).toContain('It answered ***');
  expect(JSON.stringify([ports.post.taken, ports.writes])).not.toContain('Sentinel');
});
