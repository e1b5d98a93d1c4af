// Makes what runs on a machine ours: writes its stamps, which say of it what was seen, and touches nothing else.
import { asAppError, type ErrorReport } from '../../schema/errors.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import { stampOf } from '../core/lookup.js';
import { report } from '../core/machines.js';
import { adoptionOf, type AdoptRun, type Adoption, needFree } from './adopt-survey.js';
import { holderOf } from './apply.js';
import { desire } from './desired.js';
import { look } from './look.js';
import { restamp } from './restamp.js';
import { judgedWith } from './verify.js';

export interface TakenOver {
  readonly key: PlacementKey;
  /** Absent: it is ours. */
  readonly error?: ErrorReport;
  /** What the next pass changes of it all the same. */
  readonly changes?: string;
}

const because = 'a person had it taken over as it runs';

interface Stamping extends AdoptRun {
  readonly adoptions: readonly Adoption[];
}

/** By key, why it was not written. */
async function writeStamps(run: Stamping): Promise<ReadonlyMap<PlacementKey, ErrorReport>> {
  const { ports, lists, synced, machine, adoptions } = run;
  const desired = await desire(ports, lists, synced);
  const seen = needFree(machine, desired, await look(ports, lists, desired, { only: new Set([machine.name]) }), ports);
  const missing = adoptions.filter(one => stampOf(seen, one.stamp.service) === undefined);
  if (missing.length === 0) return new Map();
  const all = missing.map(({ stamp }) => ({ to: stamp, because }));
  const sending = { ports, lists, desired, machine, holder: await holderOf(ports) };
  const { refused, failures } = await restamp(sending, all, seen);
  return new Map(
    missing.flatMap(({ placement }, index) => {
      const error = refused ?? failures.get(index);
      return error === undefined ? [] : [[placement.key, error] as const];
    }),
  );
}

/** Without a stamp it is as it was, and can be taken over another time. */
async function stampAll(run: Stamping): Promise<ReadonlyMap<PlacementKey, ErrorReport>> {
  try {
    return await writeStamps(run);
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    return new Map(run.adoptions.map(one => [one.placement.key, error.report()]));
  }
}

/** `services` stand in the registry by now. Each has its answer; throws only for what cannot be looked at at all. */
export async function takeOver(run: AdoptRun, services: readonly string[]): Promise<readonly TakenOver[]> {
  const { ports, lists, synced, machine } = run;
  const only = { only: new Set([machine.name]) };
  const desired = await desire(ports, lists, synced);
  const live = await look(ports, lists, desired, only);
  const keys = services.map((service): PlacementKey => `${service}@${machine.name}`);
  const adoptions = keys.flatMap(key => adoptionOf(key, desired, live, lists) ?? []);
  const failures = await stampAll({ ...run, adoptions });
  const after = await look(ports, lists, desired, only);
  return keys.map(key => {
    const error = failures.get(key);
    if (error !== undefined) return { key, error };
    const view = after.machines[machine.name];
    const stamp = view?.state === 'reachable' ? stampOf(view, key.slice(0, key.indexOf('@'))) : undefined;
    if (stamp === undefined) return { key, error: report('not-converged', `${key} was not there any more`) };
    const judged = judgedWith(desired, after, lists.drivers, key, stamp);
    const changes = judged?.differences.find(one => one.key === key)?.because;
    return changes === undefined ? { key } : { key, changes };
  });
}
