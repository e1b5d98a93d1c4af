// What is ours on the machines and no longer in the registry: removed services, moved ones, machines that left.
import type { Difference, LeftAlone, MachineNote } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen, Placement, Stamp } from '../../schema/state.js';
import { durationText } from './durations.js';
import { lookupOf, stampOf } from './lookup.js';
import { identityOf } from './machines.js';
import { resumes } from './moves.js';
import { handsOff, suspendOf } from './suspends.js';

interface OrphanAsk {
  readonly leaving: readonly string[];
  /** Placements that are left as they are. */
  readonly left: ReadonlyMap<PlacementKey, LeftAlone>;
  /** Machines on which this controller is changing something right now. */
  readonly busy: ReadonlySet<string>;
}

/** A successor that cannot be started, or that nobody can see: until then the old one stays. */
function notThere(successors: readonly Placement[], live: LiveState, ask: OrphanAsk): LeftAlone | undefined {
  return successors
    .filter(({ spec }) => {
      const view = live.machines[spec.machine];
      const stamp = view?.state === 'reachable' ? stampOf(view, spec.service) : undefined;
      return stamp?.fingerprint === undefined || stamp.prunedAt !== undefined;
    })
    .flatMap(one => ask.left.get(one.key) ?? [])[0];
}

/** Stopped for a move that was not finished. */
function unfinishedMove(key: PlacementKey, stamp: Stamp): Difference | undefined {
  if (!resumes(stamp)) return undefined;
  const because = `its move to ${stamp.move?.to} was not finished: it runs here again`;
  return { key, reason: 'stopped', because, fields: [], stamp, resumes: true };
}

function judgeMoved(
  key: PlacementKey,
  stamp: Stamp,
  successors: readonly Placement[],
  live: LiveState,
  ask: OrphanAsk,
): Difference | LeftAlone {
  const unfinished = unfinishedMove(key, stamp);
  if (unfinished !== undefined) return unfinished;
  const missing = notThere(successors, live, ask);
  if (missing !== undefined)
    return { key, state: missing.state, why: `it stays as it is, since ${missing.key} is left alone: ${missing.why}` };
  return {
    key,
    reason: 'moved',
    because: `it moved to ${successors.map(one => one.spec.machine).join(', ')}`,
    fields: [{ field: 'machine', from: key.slice(key.indexOf('@') + 1), to: successors[0]?.spec.machine ?? '' }],
    stamp,
  };
}

function judgeOrphan(
  desired: DesiredState,
  live: LiveState,
  { machine, stamp, clock }: { readonly machine: string; readonly stamp: Stamp; readonly clock: number },
  ask: OrphanAsk,
): Difference | LeftAlone | undefined {
  const key: PlacementKey = `${stamp.service}@${machine}`;
  const successors = lookupOf(desired).byService.get(stamp.service) ?? [];
  if (stamp.prunedAt !== undefined) {
    const { pruneAfterMs } = desired.policy;
    if ((clock - stamp.prunedAt) * 1000 < pruneAfterMs) return undefined;
    const because = `it was stopped more than ${durationText(pruneAfterMs)} ago (policy.prune_after)`;
    return { key, reason: 'orphaned', because, fields: [], stamp };
  }
  if (successors.length > 0) return judgeMoved(key, stamp, successors, live, ask);
  if (desired.policy.prune === 'keep')
    return { key, state: 'kept', why: 'it left the registry; policy.prune keeps it running' };
  return { key, reason: 'orphaned', because: 'it is no longer in the registry', fields: [], stamp };
}

/** Another repository claimed the cluster's name there since. */
function isAnothers(view: MachineSeen, desired: DesiredState): boolean {
  return view.identity !== undefined && view.identity !== identityOf(desired);
}

const isChanging = (machine: string, view: MachineSeen, ask: OrphanAsk): boolean =>
  ask.busy.has(machine) || view.openSteps.length > 0;

function leavingWhy(machine: string, view: MachineSeen, desired: DesiredState, ask: OrphanAsk): string {
  if (isAnothers(view, desired))
    return 'it left the registry, and another repository has it now: nothing is touched there';
  if (isChanging(machine, view, ask)) return 'it left the registry, and a change is running there';
  if (suspendOf(view) !== undefined) return 'it left the registry, and is suspended: nothing is touched there';
  return 'it left the registry: what is ours there is stopped';
}

/** Machines that left the registry are worked on at their old address, until nothing of ours runs there. */
export function diffOrphans(
  desired: DesiredState,
  live: LiveState,
  notes: ReadonlyMap<string, MachineNote>,
  ask: OrphanAsk,
): { readonly findings: readonly (Difference | LeftAlone)[]; readonly machines: readonly MachineNote[] } {
  const known = new Set([...desired.machines.map(machine => machine.name), ...ask.leaving]);
  const findings = [...known].flatMap(machine => {
    const view = live.machines[machine];
    if (view?.state !== 'reachable' || notes.has(machine) || isAnothers(view, desired)) return [];
    if (isChanging(machine, view, ask)) return [];
    const wanted = lookupOf(desired).servicesOn.get(machine);
    const orphans = view.stamps.filter(stamp => wanted?.has(stamp.service) !== true);
    return orphans.flatMap(stamp => {
      const suspend = suspendOf(view, stamp.service);
      if (suspend === undefined)
        return judgeOrphan(desired, live, { machine, stamp, clock: view.facts.clock }, ask) ?? [];
      if (stamp.prunedAt !== undefined) return [];
      return { key: `${stamp.service}@${machine}`, state: 'suspended', ...handsOff(suspend, view, live) } as const;
    });
  });
  const machines = ask.leaving.map((machine): MachineNote => {
    const view = live.machines[machine];
    if (view?.state === 'reachable') return { machine, state: 'leaving', why: leavingWhy(machine, view, desired, ask) };
    const why =
      'it left the registry and cannot be reached; it stays listed until it answers or `portoser machine forget`';
    return { machine, state: 'leaving', why, ...(view === undefined ? {} : { error: view.error }) };
  });
  return { findings, machines };
}
