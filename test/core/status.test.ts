// Sync and Health of a placement, from plan, sighting and one look.
import { describe, expect, it } from 'vitest';
import { machineStatuses, placementStatuses, type StatusParts } from '../../reconciler/core/status.js';
import type { Change, LeftAlone, Plan } from '../../schema/plan.js';
import type { DesiredState, MachineSeen, Placement, RunState, Sighting, Stamp, Verdict } from '../../schema/state.js';
import { fakeFacts } from '../fakes/fleet.js';
import { aMachine, aSpec, someHealth } from '../fakes/specs.js';

const key = 'web@m1';
const emptyPlan: Plan = { id: 'p', commit: 'c', waves: [], leftAlone: [], machines: [] };
const unreachable = { code: 'ssh-unreachable', message: 'm1: refused', hint: '', retry: 'backoff' } as const;

const stamp = (service: string, scope: Stamp['scope'] = 'system'): Stamp => ({
  service,
  driver: 'native',
  scope,
  path: `/opt/${service}`,
  commit: 'c',
  fields: {},
  files: [],
  own: {},
  images: {},
  ports: [80],
  dependsOn: [],
  adopted: false,
  stopTimeoutMs: 1,
});

const runs = (run: RunState): Sighting => ({
  state: 'present',
  run,
  settings: {},
  pids: [],
  startedAt: 5,
  images: {},
  files: {},
  own: {},
});

interface Case {
  readonly plan?: Partial<Plan>;
  readonly sighting?: Sighting;
  readonly verdict?: Verdict;
  readonly spec?: Partial<Placement['spec']>;
  readonly stamps?: readonly Stamp[];
  readonly machine?: Parameters<typeof aMachine>[1];
  readonly seen?: Partial<MachineSeen>;
}

function parts(one: Case): StatusParts {
  const placement: Placement = {
    key,
    spec: aSpec(key, someHealth([]), one.spec),
    source: [],
    texts: {},
    fields: {},
    fingerprint: 'f',
    dependsOn: [],
  };
  const desired: DesiredState = {
    commit: 'c',
    cluster: 'x',
    rootCommit: '',
    machines: [aMachine('m1', one.machine)],
    placements: [placement],
    policy: placement.spec.policy,
  };
  const seen: MachineSeen = {
    state: 'reachable',
    facts: fakeFacts('m1'),
    stateFolder: { path: '/s', exists: true },
    stamps: one.stamps ?? [],
    listeners: [],
    openSteps: [],
    ...one.seen,
  };
  return {
    desired,
    live: { takenAt: 1, machines: { m1: seen }, sightings: { [key]: one.sighting ?? runs('running') } },
    plan: { ...emptyPlan, ...one.plan },
    verdicts: new Map(one.verdict === undefined ? [] : [[key, one.verdict]]),
  };
}

const left = (state: LeftAlone['state']): Partial<Plan> => ({ leftAlone: [{ key, state, why: 'so' }] });
const change: Change = {
  key,
  machine: 'm1',
  service: 'web',
  kind: 'update',
  reason: 'changed',
  because: 'env.A changed',
  fields: [],
  basis: '',
  after: [],
};
const pass: Verdict = { state: 'pass', found: 'HTTP 200' };
const fail: Verdict = { state: 'fail', found: 'HTTP 502' };

describe('a placement', () => {
  it.each([
    ['as git says, and answers', { verdict: pass }, 'synced', 'healthy'],
    ['as git says, and does not answer', { verdict: fail }, 'synced', 'not-answering'],
    ['not asked', {}, 'synced', 'unknown'],
    ['could not be asked', { verdict: { state: 'unknown', found: 'no forwarding' } }, 'synced', 'unknown'],
    ['coming up', { verdict: fail, sighting: runs('starting') }, 'synced', 'starting'],
    ['would be changed', { plan: { waves: [[change]] }, verdict: pass }, 'differs', 'healthy'],
    [
      'not there',
      { sighting: { state: 'absent', files: {}, own: {} }, plan: { waves: [[change]] }, verdict: pass },
      'differs',
      'not-answering',
    ],
    ['not seen', { sighting: { state: 'unknown', error: unreachable }, verdict: pass }, 'unknown', 'unknown'],
    [
      'waiting for a person',
      { plan: { waiting: [{ id: 'f', why: 'policy', changes: [change] }] }, verdict: pass },
      'differs',
      'healthy',
    ],
    ['blocked', { plan: left('blocked') }, 'blocked', 'unknown'],
    ['held', { plan: left('held') }, 'differs', 'unknown'],
    ['in progress', { plan: left('in-progress') }, 'differs', 'unknown'],
    ['suspended', { spec: { suspend: 'moving house' }, plan: left('suspended') }, 'synced', 'suspended'],
    ['on a suspended machine', { machine: { suspend: true }, verdict: fail }, 'synced', 'suspended'],
  ] as readonly (readonly [string, Case, string, string])[])('%s', (_, one, sync, health) => {
    expect(placementStatuses(parts(one))).toMatchObject([{ key, sync, health }]);
  });

  it.each([
    ['a unit', {}, true],
    ['a local service under systemd', { spec: { type: 'local' } }, true],
    ['a bare one', { spec: { type: 'local', scope: 'none' } }, false],
    ['one whose stamp says that it is bare', { spec: { type: 'local' }, stamps: [stamp('web', 'none')] }, false],
    [
      'one on a machine without a service manager',
      { spec: { type: 'local' }, seen: { facts: { ...fakeFacts('m1'), serviceManager: 'none' } } },
      false,
    ],
  ] as readonly (readonly [string, Case, boolean])[])('%s survives a reboot or not', (_, one, survivesReboot) => {
    expect(placementStatuses(parts(one))).toMatchObject([{ survivesReboot }]);
  });

  it('what is ours and no longer wanted is leaving; what was stopped by prune is gone', () => {
    const stamps = [stamp('web'), stamp('old'), { ...stamp('gone'), prunedAt: 1 }];
    expect(placementStatuses(parts({ stamps }))).toMatchObject([
      { key },
      { key: 'old@m1', sync: 'leaving', ports: [80] },
    ]);
  });
});

describe('a machine', () => {
  it.each([
    ['that answers', {}, 'reachable'],
    ['that is left alone', { plan: { machines: [{ machine: 'm1', state: 'blocked', why: 'claimed' }] } }, 'blocked'],
    [
      'where something is going on',
      { plan: { machines: [{ machine: 'm1', state: 'in-progress', why: 'deploy' }] } },
      'reachable',
    ],
  ] as readonly (readonly [string, Case, string])[])('%s', (_, one, state) => {
    expect(machineStatuses(parts(one))).toMatchObject([{ machine: 'm1', state }]);
  });

  it('that does not answer says why', () => {
    const silent = parts({});
    const live = { ...silent.live, machines: { m1: { state: 'unknown', error: unreachable } as const } };
    expect(machineStatuses({ ...silent, live })).toEqual([
      { machine: 'm1', host: '127.0.0.1', state: 'unknown', why: 'm1: refused' },
    ]);
  });
});
