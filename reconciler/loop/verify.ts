// Success is what a fresh look shows: the placement, judged again as if its final stamp stood there, must not differ.
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, Stamp } from '../../schema/state.js';
import { diff, type Differences } from '../core/diff.js';
import type { Driver } from '../drivers/driver.js';

/** How one placement would be judged if this stamp stood on its machine; undefined: the machine does not answer. */
export function judgedWith(
  desired: DesiredState,
  after: LiveState,
  drivers: Readonly<Record<string, Driver>>,
  key: PlacementKey,
  stamp: Stamp,
): Differences | undefined {
  const machine = key.slice(key.indexOf('@') + 1);
  const seen = after.machines[machine];
  if (seen?.state !== 'reachable') return undefined;
  const stamps = [...seen.stamps.filter(one => one.service !== stamp.service), stamp];
  const assumed = { ...after, machines: { [machine]: { ...seen, stamps, openSteps: [], suspends: [] } } };
  const only = {
    ...desired,
    machines: desired.machines.filter(one => one.name === machine),
    placements: desired.placements.filter(one => one.key === key),
  };
  return diff(only, assumed, { drivers, busy: new Set(), again: new Set(), leaving: [] });
}

/** What is amiss after a change whose commands all succeeded; undefined: it is as git says. */
export function stillDiffers(
  desired: DesiredState,
  after: LiveState,
  drivers: Readonly<Record<string, Driver>>,
  key: PlacementKey,
  stamp: Stamp,
): string | undefined {
  const judged = judgedWith(desired, after, drivers, key, stamp);
  if (judged === undefined) return 'the machine does not answer';
  return (
    judged.differences.find(one => one.key === key)?.because ??
    judged.leftAlone.find(one => one.key === key && one.state !== 'held')?.why
  );
}
