// A controller in the middle of its life, with a little of everything: for what is told of it to Prometheus.
import type { LiveParts } from '../../reconciler/loop/measures.js';
import { openTally } from '../../reconciler/loop/tally.js';
import type { HealthRecord } from '../../reconciler/core/health.js';
import type { Change, Plan, Reason } from '../../schema/plan.js';
import type { HealthState } from '../../schema/state.js';

const change = (service: string, reason: Reason) =>
  ({ key: `${service}@m1`, service, machine: 'm1', reason }) as unknown as Change;
const record = (state: HealthState): HealthRecord => ({ state, since: 0, failuresInARow: 0, found: '' });

const plan = (held: boolean): Plan => ({
  id: 'p1',
  commit: 'c0ffee',
  machines: [],
  waves: [[change('web', 'changed'), change('api', 'drifted')]],
  waiting: [
    { id: 'w1', why: 'night only', by: 'window', changes: [change('gone', 'missing'), change('more', 'missing')] },
    { id: 'w2', why: 'somebody must agree', changes: [change('new', 'missing')] },
  ],
  leftAlone: [
    { key: 'edited@m1', why: 'policy leaves it', state: 'drifted' },
    { key: 'bad@m1', why: 'it failed', state: 'held' },
    { key: 'off@m1', why: 'suspended', state: 'suspended' },
    { key: 'lost@m2', why: 'm2 is off', state: 'unknown' },
  ],
  ...(held ? { held: { why: 'it removes too much' } } : {}),
});

const names = ['web@m1', 'api@m1', 'edited@m1', 'bad@m1', 'gone@m1', 'off@m1', 'lost@m2'];

/** `first`: before its first pass has ended. `held`: the plan waits as a whole. */
export function liveParts(wish: { readonly first?: boolean; readonly held?: boolean } = {}): LiveParts {
  const tally = openTally();
  const common = {
    id: 'p',
    trigger: 'interval',
    startedAt: 2_000_000,
    endedAt: 2_002_000,
    diagnostics: [],
    findings: [],
  };
  const outcomes = [
    { key: 'web@m1', result: 'applied', kind: 'update', durationMs: 5 },
    { key: 'api@m1', result: 'skipped', why: 'db failed' },
  ] as const;
  const next = { next: 'again', afterMs: 5, why: 'api failed' } as const;
  if (!wish.first) tally.note({ ...common, commit: 'c0ffee', outcomes, next, plan: plan(false) });
  const network = { eth0: { receivedBytes: 7, sentBytes: 8 }, veth1: { receivedBytes: 1, sentBytes: 1 } };
  const considered = {
    desired: {
      machines: [{ name: 'm1' }, { name: 'm2' }],
      placements: names.map(key => {
        const [service, machine] = key.split('@');
        return { key, spec: { service, machine } };
      }),
    },
    live: {
      machines: { m1: { state: 'reachable', facts: { network } }, m2: { state: 'unknown' } },
      sightings: { 'lost@m2': { state: 'unknown' } },
    },
    plan: plan(wish.held === true),
  } as unknown as NonNullable<LiveParts['considered']>;
  const values = {
    cpu_ratio: 0.5,
    memory_total_bytes: 8000,
    'disk_used_bytes:/a:b': 60,
    'received_bytes_per_second:eth0': 1,
    'service_cpu_cores:web': 0.25,
    'service_memory_bytes:web': 900,
    'service_restarts:web': 3,
  };
  const looked = [
    ['web@m1', record('healthy')],
    ['api@m1', record('unhealthy')],
    ['off@m2', record('unknown')],
  ] as const;
  const health = new Map(wish.first ? [] : looked);
  const away = { state: 'away', why: 'refused', hint: 'Start it.', waiting: 12, dropped: 0 } as const;
  return {
    context: { ports: { store: { state: () => away } as unknown as LiveParts['context']['ports']['store'] } },
    since: 1_000_000,
    git: { status: () => ({ checkedAt: 1_999_000, result: 'the address does not answer' }) },
    tally,
    monitor: { status: () => health },
    sample: { newest: () => new Map([['m1', { machine: 'm1', at: 0, values }]]) },
    considered,
  };
}
