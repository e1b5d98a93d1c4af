// Who is cut off: a machine, or the controller.
import { expect, it } from 'vitest';
import { isolationOf } from '../../reconciler/core/isolation.js';
import { AppError, type ErrorCode, type ErrorDetails } from '../../schema/errors.js';
import type { DesiredState, LiveState, MachineView } from '../../schema/state.js';
import { fakeFacts } from '../fakes/fleet.js';
import { aMachine, aSpec, someHealth } from '../fakes/specs.js';

const there: MachineView = {
  state: 'reachable',
  facts: fakeFacts('box'),
  stateFolder: { path: '/s', exists: true },
  stamps: [],
  listeners: [],
  openSteps: [],
};
const away = (code: ErrorCode = 'ssh-unreachable', details: ErrorDetails = {}): MachineView => ({
  state: 'unknown',
  error: new AppError(code, 'it cannot be looked at', { details }).report(),
});

function isolated(views: Readonly<Record<string, MachineView>>, machines: readonly string[]): string | undefined {
  const desired: DesiredState = {
    commit: 'c',
    cluster: 'x',
    rootCommit: '',
    machines: machines.map(name => ({ ...aMachine(name), ...(name === 'here' ? { host: 'local' } : {}) })),
    placements: [],
    policy: aSpec('web@m1', someHealth([])).policy,
  };
  const live: LiveState = { takenAt: 1, machines: views, sightings: {} };
  return isolationOf(desired, live)?.why;
}

const why = (count: number) => `the controller is isolated: none of its ${count} machines can be reached`;

it.each<[string, Readonly<Record<string, MachineView>>, readonly string[], string | undefined]>([
  ['all of several', { m1: away(), m2: away() }, ['m1', 'm2'], why(2)],
  ['in the middle of a look', { m1: away('ssh-lost'), m2: away('command-timeout') }, ['m1', 'm2'], why(2)],
  ['behind a jump', { m1: away(), m2: away('ssh-jump') }, ['m1', 'm2'], why(2)],
  ['not the one that it runs on itself', { here: there, m1: away(), m2: away() }, ['here', 'm1', 'm2'], why(2)],
  ['one that left is away as well', { m1: away(), m2: away(), old: away() }, ['m1', 'm2'], why(2)],
  ['one of two', { m1: away(), m2: there }, ['m1', 'm2'], undefined],
  ['the only one', { m1: away() }, ['m1'], undefined],
  ['the only one beyond the network', { here: there, m1: away() }, ['here', 'm1'], undefined],
  ['one that left answers', { m1: away(), m2: away(), old: there }, ['m1', 'm2'], undefined],
  ['one refuses the login', { m1: away(), m2: away('ssh-auth') }, ['m1', 'm2'], undefined],
  [
    'one refuses the port',
    { m1: away(), m2: away('ssh-unreachable', { reason: 'ECONNREFUSED' }) },
    ['m1', 'm2'],
    undefined,
  ],
  ['one was not looked at', { m1: away() }, ['m1', 'm2'], undefined],
])('%s', (_, views, machines, expected) => {
  expect(isolated(views, machines)).toBe(expected);
});
