// Which machines left: known from the notes, told from those that were renamed, forgotten when nothing of ours runs there.
import { describe, expect, it } from 'vitest';
import type { Machine } from '../../schema/registry-types.js';
import type { LiveState, MachineView } from '../../schema/state.js';
import {
  fleetAfter,
  forgetIn,
  leavingOf,
  leftOf,
  readFleet,
  sameFleet,
  withoutRenamed,
  changeFleet,
} from '../../reconciler/loop/fleet.js';
import { desire, newFleet, settle } from '../core/thinking.js';
import { createFakePorts } from '../fakes/ports.js';
import { aMachine } from '../fakes/specs.js';

const desired = desire({ services: { keep: {} }, machines: { m1: {} } });
const names = (machines: readonly Machine[]) => machines.map(machine => machine.name);
const live = (machines: Readonly<Record<string, MachineView>>): LiveState => ({ takenAt: 0, machines, sightings: {} });

/** m1 with `keep`, m2 with `web`, as they are seen. */
function seenFleet(): LiveState {
  const fleet = newFleet();
  settle(fleet, desire({ services: { keep: {}, web: { machine: 'm2' } } }));
  return fleet.look(desired, ['m2']);
}

const viewOf = (state: LiveState, machine: string) => {
  const view = state.machines[machine];
  if (view?.state !== 'reachable') throw new Error(`${machine} is not seen`);
  return view;
};
const off: MachineView = {
  state: 'unknown',
  error: { code: 'ssh-unreachable', message: 'off', hint: '', retry: 'backoff' },
};

describe('machines that leave', () => {
  it('are those that were known and are not named any more, each once, with its newest address', () => {
    const fleet = {
      machines: [aMachine('m1'), aMachine('m2', { host: 'new' })],
      leaving: [aMachine('m2', { host: 'old' }), aMachine('m3')],
    };
    expect(leavingOf(fleet, desired).map(machine => `${machine.name} ${machine.host}`)).toEqual([
      'm2 new',
      'm3 127.0.0.1',
    ]);
    expect(leavingOf({ machines: [], leaving: [] }, desired)).toEqual([]);
  });

  it('are not those that answer under another name now', () => {
    const state = seenFleet();
    const renamed = live({ m1: viewOf(state, 'm1'), old: viewOf(state, 'm1'), m2: viewOf(state, 'm2'), m9: off });
    expect(names(withoutRenamed([aMachine('old'), aMachine('m2'), aMachine('m9')], renamed, desired))).toEqual([
      'm2',
      'm9',
    ]);
  });

  it('stay known while something of ours runs there, or they do not answer', () => {
    const state = seenFleet();
    const { id: _, ...fresh } = viewOf(state, 'm2');
    const pruned = {
      ...viewOf(state, 'm2'),
      stamps: viewOf(state, 'm2').stamps.map(stamp => ({ ...stamp, prunedAt: 1 })),
    };
    const of = (view: MachineView | undefined) => {
      const before = { machines: [], leaving: [aMachine('m2')] };
      const fleet = fleetAfter(desired, [aMachine('m2')], live(view === undefined ? {} : { m2: view }), before);
      return [names(fleet.leaving), names(fleet.emptied ?? [])];
    };
    expect(of(viewOf(state, 'm2'))).toEqual([['m2'], []]);
    expect(of(off)).toEqual([['m2'], []]);
    expect(of(undefined)).toEqual([['m2'], []]);
    expect(of(pruned)).toEqual([[], ['m2']]);
    expect(of({ ...fresh, stamps: [] })).toEqual([[], ['m2']]);
    expect(of({ ...viewOf(state, 'm2'), identity: 'of another repository' })).toEqual([[], []]);
  });

  it('are not noted again when a person forgot them meanwhile', () => {
    const fleet = fleetAfter(desired, [aMachine('m2')], live({ m2: off }), { machines: [aMachine('m1')], leaving: [] });
    expect(fleet.leaving).toEqual([]);
  });

  it('are known until they are forgotten, come back, or their address is another’s', () => {
    const emptied = [aMachine('m2', { host: 'two' }), aMachine('m3', { host: 'three' })];
    const known = { machines: [], leaving: [], emptied };
    const after = (machines: Readonly<Record<string, object>>) =>
      names(fleetAfter(desire({ services: {}, machines }), [], live({}), known).emptied ?? []);
    expect(after({ m1: {} })).toEqual(['m2', 'm3']);
    expect(after({ m1: {}, m2: {} })).toEqual(['m3']);
    expect(after({ new: { host: 'three', user: 'admin' } })).toEqual(['m2']);
    expect(after({ new: { host: 'three', user: 'admin', port: 2222 } })).toEqual(['m2', 'm3']);
    expect(names(leftOf(known, desired))).toEqual(['m2', 'm3']);
    expect(names(leftOf({ ...known, leaving: [aMachine('m3')] }, desired))).toEqual(['m3', 'm2']);
    expect(names(leftOf(forgetIn(known, 'm2'), desired))).toEqual(['m3']);
    expect(forgetIn(forgetIn(known, 'm2'), 'm3')).toEqual({ machines: [], leaving: [] });
  });

  it('are noted and read again; nothing known is nothing', async () => {
    const { state } = createFakePorts();
    expect(await readFleet(state)).toEqual({ machines: [], leaving: [] });
    const fleet = fleetAfter(desired, [aMachine('m2')], live({}), { machines: [aMachine('m2')], leaving: [] });
    await changeFleet(state, () => fleet);
    expect(sameFleet(await readFleet(state), fleet)).toBe(true);
    expect(names(leavingOf(await readFleet(state), desired))).toEqual(['m2']);
  });
});
