// Takes the mark of a failed revision off placements, so that the next pass tries it again.
import { AppError } from '../../schema/errors.js';
import type { PlacementKey, ServiceSpec } from '../../schema/registry-types.js';
import { stampOf } from '../core/lookup.js';
import { clearedStamp } from '../core/stamps.js';
import type { Lists } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { holderOf } from './apply.js';
import { desire } from './desired.js';
import { look } from './look.js';
import { restamp } from './restamp.js';
import type { Synced } from './sync.js';

export interface Cleared {
  readonly key: PlacementKey;
  /** `clean`: nothing was held there. */
  readonly state: 'cleared' | 'clean';
}

/** Throws what stands in the way: a machine that does not answer, a lock of somebody else. */
export async function clearFailed(
  ports: Ports,
  lists: Lists,
  synced: Synced,
  specs: readonly ServiceSpec[],
): Promise<readonly Cleared[]> {
  const desired = await desire(ports, lists, synced);
  const live = await look(ports, lists, desired, { only: new Set(specs.map(one => one.machine)) });
  const holder = await holderOf(ports);
  return await Promise.all(
    specs.map(async ({ key, machine: name, service }): Promise<Cleared> => {
      const machine = desired.machines.find(one => one.name === name);
      const seen = live.machines[name];
      if (machine === undefined || seen === undefined)
        throw new AppError('unknown-name', `there is no machine ${name}`);
      if (seen.state === 'unknown') throw new AppError(seen.error.code, seen.error.message, { hint: seen.error.hint });
      const stamp = stampOf(seen, service);
      if (stamp?.failed === undefined) return { key, state: 'clean' };
      const because = 'a person wants it tried again';
      const run = { ports, lists, desired, machine, holder };
      const { refused, failures } = await restamp(run, [{ from: stamp, to: clearedStamp(stamp), because }], seen);
      const error = refused ?? failures.get(0);
      if (error !== undefined) throw new AppError(error.code, error.message, { hint: error.hint });
      return { key, state: 'cleared' };
    }),
  );
}
