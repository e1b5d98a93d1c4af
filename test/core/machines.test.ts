// Which machines are one and the same, by id, boot, host name, user and state folder.
import { expect, it } from 'vitest';
import { judgeMachines } from '../../reconciler/core/machines.js';
import type { DesiredState, MachineSeen } from '../../schema/state.js';
import { fakeFacts } from '../fakes/fleet.js';
import { aMachine, someHealth, aSpec } from '../fakes/specs.js';

interface View {
  readonly id?: string;
  readonly hostname?: string;
  readonly bootId?: string;
  readonly user?: string;
  readonly folder?: string;
}

function seen({ id, hostname = 'box', bootId = 'boot-1', user = 'root', folder = `/home/${user}` }: View): MachineSeen {
  return {
    state: 'reachable',
    facts: { ...fakeFacts(hostname), bootId, user },
    stateFolder: { path: folder, exists: id !== undefined },
    ...(id === undefined ? {} : { id }),
    stamps: [],
    listeners: [],
    openSteps: [],
  };
}

const desired: DesiredState = {
  commit: 'c',
  cluster: 'x',
  rootCommit: '',
  machines: [aMachine('m1'), aMachine('m2'), aMachine('m3')],
  placements: [],
  policy: aSpec('web@m1', someHealth([])).policy,
};

function blockedOf(one: View, other: View): readonly string[] {
  const third = seen({ id: 'other', hostname: 'other', bootId: 'boot-2' });
  const live = { takenAt: 1, machines: { m1: seen(one), m2: seen(other), m3: third }, sightings: {} };
  return [...judgeMachines(desired, live, new Set()).values()].map(note => `${note.machine} ${note.error?.code}`);
}

const twins = ['m1 machine-duplicate', 'm2 machine-duplicate'];

it.each<[string, View, View, readonly string[]]>([
  ['one id', { id: 'a' }, { id: 'a', hostname: 'renamed' }, twins],
  ['two ids, though boot and name are the same', { id: 'a' }, { id: 'b' }, []],
  ['no id yet, the same user and folder', {}, {}, twins],
  ['no id yet, two users', {}, { user: 'deploy' }, twins],
  ['an id that only one of the users sees', { id: 'a', user: 'plain' }, {}, twins],
  ['one user with two folders: embedded machines', { folder: '/a' }, { folder: '/b' }, []],
  ['another host name', {}, { hostname: 'box-2', user: 'deploy' }, []],
  ['another boot', {}, { bootId: 'boot-3', user: 'deploy' }, []],
  ['boots that nobody knows', { bootId: '' }, { bootId: '' }, []],
])('%s', (_, one, other, expected) => {
  expect(blockedOf(one, other)).toEqual(expected);
});
