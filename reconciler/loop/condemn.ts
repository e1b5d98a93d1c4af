// Writes into the stamps of revisions that became ill while they soaked that they failed: from then on they are held like any other.
import { asAppError, type ErrorReport } from '../../schema/errors.js';
import { everyChange } from '../../schema/holds.js';
import type { Change, Outcome } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { MachineSeen, Placement, Stamp } from '../../schema/state.js';
import { type Became, becameOf } from '../core/became.js';
import { stampOf } from '../core/lookup.js';
import { report } from '../core/machines.js';
import { optional } from '../core/optional.js';
import { basisOf } from '../core/ownership.js';
import { condemnedStamp } from '../core/stamps.js';
import type { BatchRun } from './batch-run.js';
import { type Ill, intendedIll } from './intended.js';
import { look } from './look.js';
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

/** Those of the faults that nobody can judge now: git wants their revision still, and its machine does not answer. */
export function toJudgeLater({ desired, live }: Considered, faults: Faults): readonly PlacementKey[] {
  return desired.placements.flatMap(({ key, spec, fingerprint }) =>
    faults.get(key)?.fingerprint === fingerprint && live.machines[spec.machine]?.state !== 'reachable' ? [key] : [],
  );
}

const because = 'it became unhealthy soon after its deploy';

/** What history calls it; nothing is restarted by it. */
function changeOf({ placement: { key, spec }, stamp }: Condemned): Change {
  const { machine, service } = spec;
  const why = { reason: 'unhealthy', because, fields: [] } as const;
  return { key, machine, service, kind: 'restart', ...why, basis: basisOf(stamp), after: [], stamp };
}

export const illOf = (one: Condemned): Ill => ({ change: changeOf(one), error: one.error });

export interface Judged {
  /** Each a failure. */
  readonly outcomes: readonly Outcome[];
  /** Those that could not be marked: they stay as they are, for a later pass. */
  readonly left: readonly PlacementKey[];
  /** Those that may be marked, or not: the answer was lost, and nobody could look. */
  readonly unclear: readonly PlacementKey[];
  readonly why?: ErrorReport;
}

const failedAs = ({ placement, error }: Condemned): Outcome => ({ key: placement.key, result: 'failed', error });

const keysOf = (ill: readonly Condemned[]): readonly PlacementKey[] => ill.map(one => one.placement.key);

/** What was sent may have been done, though no answer came: a fresh look says which. */
async function lookAfter(run: BatchRun, ill: readonly Condemned[], why: ErrorReport): Promise<Judged> {
  const { ports, lists, desired, leaving, machine } = run;
  const live = await look(ports, lists, desired, { only: new Set([machine.name]), leaving });
  const ends = ill.map(one => ({ one, became: becameOf(intendedIll(illOf(one), undefined), live) }));
  const those = (is: (became: Became) => boolean) => ends.flatMap(({ one, became }) => (is(became) ? [one] : []));
  return {
    outcomes: those(({ open, end }) => open === undefined && end.result === 'failed').map(failedAs),
    left: keysOf(those(({ open, end }) => open === undefined && end.result !== 'failed')),
    unclear: keysOf(those(({ open }) => open !== undefined)),
    why,
  };
}

/** One machine's. */
export async function condemn(run: BatchRun, ill: readonly Condemned[]): Promise<Judged> {
  const [first] = ill;
  if (first === undefined) return { outcomes: [], left: [], unclear: [] };
  const all = ill.map(({ stamp }) => ({ from: stamp, to: condemnedStamp(stamp), because }));
  try {
    const { refused, failures } = await restamp(run, all, first.seen);
    const isLeft = (_: Condemned, index: number): boolean => refused !== undefined || failures.has(index);
    const marked = ill.filter((one, index) => !isLeft(one, index));
    const why = refused ?? [...failures.values()][0];
    if (why !== undefined) warn(run, why);
    return { outcomes: marked.map(failedAs), left: keysOf(ill.filter(isLeft)), unclear: [], ...optional('why', why) };
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    warn(run, error.report());
    return await lookAfter(run, ill, error.report());
  }
}

const warn = ({ ports, machine }: BatchRun, { code }: ErrorReport): void =>
  ports.log.warn({ machine: machine.name, code }, 'a failed revision could not be marked');
