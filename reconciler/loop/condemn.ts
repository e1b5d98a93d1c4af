// Writes into the stamps of revisions that became ill while they soaked that they failed: from then on they are held like any other.
import { asAppError, type ErrorReport } from '../../schema/errors.js';
import { everyChange } from '../../schema/holds.js';
import type { Change, Outcome } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { MachineSeen, Placement, Stamp } from '../../schema/state.js';
import { stampOf } from '../core/lookup.js';
import { report } from '../core/machines.js';
import { optional } from '../core/optional.js';
import { basisOf } from '../core/ownership.js';
import { condemnedStamp } from '../core/stamps.js';
import type { BatchRun } from './batch-run.js';
import type { Considered } from './preview.js';
import { restamp } from './restamp.js';
import type { Faults } from './soak.js';

export interface Condemned {
  readonly placement: Placement;
  readonly stamp: Stamp;
  readonly seen: MachineSeen;
  readonly error: ErrorReport;
}

/** Stopped or removed by somebody, or not as git says: that is drift, and no fault of the revision. Hands off is hands off. */
function isDrift(key: PlacementKey, { plan, live }: Considered): boolean {
  if (plan.leftAlone.some(one => one.key === key && (one.state === 'suspended' || one.state === 'drifted')))
    return true;
  const change = everyChange(plan).find(one => one.key === key);
  if (change === undefined) return false;
  const sighting = live.sightings[key];
  const ill = sighting?.state === 'present' && (sighting.run === 'failed' || sighting.run === 'crash-looping');
  return !(change.reason === 'stopped' && ill);
}

/** Those of the faults whose revision is still what git wants and what runs there. */
export function toCondemn(considered: Considered, faults: Faults): readonly Condemned[] {
  return considered.desired.placements.flatMap(placement => {
    const fault = faults.get(placement.key);
    const seen = considered.live.machines[placement.spec.machine];
    if (fault === undefined || seen?.state !== 'reachable' || placement.instead !== undefined) return [];
    const stamp = stampOf(seen, placement.spec.service);
    if (stamp?.fingerprint !== fault.fingerprint || placement.fingerprint !== fault.fingerprint) return [];
    if (isDrift(placement.key, considered)) return [];
    const error = report('gate-failed', `${placement.key} became unhealthy soon after its deploy: ${fault.found}`);
    return [{ placement, stamp, seen, error }];
  });
}

const because = 'it became unhealthy soon after its deploy';

/** What history calls it; nothing is restarted by it. */
export function changeOf({ placement: { key, spec }, stamp }: Condemned): Change {
  const { machine, service } = spec;
  const why = { reason: 'unhealthy', because, fields: [] } as const;
  return { key, machine, service, kind: 'restart', ...why, basis: basisOf(stamp), after: [], stamp };
}

export interface Judged {
  /** Each a failure. */
  readonly outcomes: readonly Outcome[];
  /** Those that could not be marked: they stay as they are, for a later pass. */
  readonly left: readonly PlacementKey[];
  readonly why?: ErrorReport;
}

/** One machine's. */
export async function condemn(run: BatchRun, ill: readonly Condemned[]): Promise<Judged> {
  const [first] = ill;
  if (first === undefined) return { outcomes: [], left: [] };
  const all = ill.map(({ stamp }) => ({ from: stamp, to: condemnedStamp(stamp), because }));
  const { refused, failures } = await restamp(run, all, first.seen).catch((thrown: unknown) => {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    return { refused: error.report(), failures: new Map<number, ErrorReport>() };
  });
  const why = refused ?? [...failures.values()][0];
  if (why !== undefined)
    run.ports.log.warn({ machine: run.machine.name, code: why.code }, 'a failed revision could not be marked');
  const isLeft = (_: Condemned, index: number): boolean => refused !== undefined || failures.has(index);
  const marked = ill.filter((one, index) => !isLeft(one, index));
  return {
    outcomes: marked.map(({ placement, error }) => ({ key: placement.key, result: 'failed', error })),
    left: ill.filter(isLeft).map(one => one.placement.key),
    ...optional('why', why),
  };
}
