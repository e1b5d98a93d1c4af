// Success is what a fresh look shows: the placement, judged again as if its final stamp stood there, must not differ.
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, Stamp } from '../../schema/state.js';
import { diff } from '../core/diff.js';
import type { Driver } from '../drivers/driver.js';

/** What is amiss after a change whose commands all succeeded; undefined: it is as git says. */
export function stillDiffers(
  desired: DesiredState,
  after: LiveState,
  drivers: Readonly<Record<string, Driver>>,
  key: PlacementKey,
  stamp: Stamp,
): string | undefined {
  const machine = key.slice(key.indexOf('@') + 1);
  const seen = after.machines[machine];
  if (seen?.state !== 'reachable') return 'the machine does not answer';
  const stamps = [...seen.stamps.filter(one => one.service !== stamp.service), stamp];
  const assumed = { ...after, machines: { [machine]: { ...seen, stamps, openSteps: [], suspends: [] } } };
  const only = {
    ...desired,
    machines: desired.machines.filter(one => one.name === machine),
    placements: desired.placements.filter(one => one.key === key),
  };
  const { differences, leftAlone } = diff(only, assumed, { drivers, busy: new Set(), again: new Set(), leaving: [] });
  return (
    differences.find(one => one.key === key)?.because ??
    leftAlone.find(one => one.key === key && one.state !== 'held')?.why
  );
}
