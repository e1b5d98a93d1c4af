// How something that was amiss ended, by a pass that does not see it any more; undefined where that pass cannot tell.
import { everyChange } from '../../schema/holds.js';
import type { MachineNote, Plan } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import type { Finding } from '../../schema/status.js';
import type { Seen } from './amiss-pass.js';
import type { Incident, Look } from './incidents.js';
import { lookupOf } from './lookup.js';

const gone = 'it is not in the registry any more';

/** What git itself had against a pass; a registry that is not there is no outage. */
export function gitFindings(findings: Seen['findings']): {
  readonly held: Finding | undefined;
  readonly outage: Finding | undefined;
} {
  const found = findings.filter(one => one.kind === 'git' && one.key === undefined);
  return {
    held: found.find(one => one.code === 'git-held'),
    outage: found.find(one => one.code !== 'git-held' && one.code !== 'registry-missing'),
  };
}

export function endedBy(report: Seen, desired: DesiredState | undefined): Look['ended'] {
  const { error, plan, findings } = report;
  const { held, outage } = gitFindings(findings);
  const had = error === undefined && outage === undefined;
  const gitKnown = had && held === undefined;
  const seen = plan === undefined || plan.isolated !== undefined ? undefined : plan;
  return incident => {
    switch (incident.kind) {
      case 'controller.failed':
        return error === undefined ? 'passes come to their end again' : undefined;
      case 'controller.isolated':
        return seen && 'machines can be reached again';
      case 'git.down':
        return had ? 'it can be had again' : undefined;
      case 'git.held':
        return gitKnown ? 'the branch is followed' : undefined;
      case 'registry.refused':
        return gitKnown && seen && !findings.some(one => one.kind === 'registry')
          ? 'a valid registry is in force'
          : undefined;
      case 'machine.down':
        return seen && machineEnded(seen, incident.subject, desired);
      case 'approval.needed':
        return seen && isWhole(seen) ? 'it was approved, or is not asked for any more' : undefined;
      case 'service.down':
        return seen && serviceEnded(seen, incident.subject as PlacementKey, desired);
      case 'deploy.failed':
      case 'deploy.blocked':
      case 'drift':
        return seen && placementEnded(report, seen, incident, desired);
      case 'deploy.done':
      case 'problem.open':
      case 'problem.solved':
      case 'cert.expiring':
        return undefined;
      default:
        return incident.kind satisfies never;
    }
  };
}

const noteOf = (plan: Plan, machine: string): MachineNote | undefined =>
  plan.machines.find(one => one.machine === machine);

/** A plan that lacks what cannot be seen just now has another id, though the same is asked. */
const isWhole = ({ machines }: Plan): boolean =>
  machines.every(one => one.state === 'suspended' || one.state === 'leaving');

function machineEnded(plan: Plan, machine: string, desired: DesiredState | undefined): string | undefined {
  const note = noteOf(plan, machine);
  if (note?.state === 'suspended') return `hands are off it: ${note.why}`;
  if (note !== undefined && note.state !== 'leaving') return undefined;
  const there = desired?.machines.some(one => one.name === machine) ?? true;
  return there ? 'it can be worked on again' : gone;
}

function suspendedText(plan: Plan, key: PlacementKey): string | undefined {
  const machine = noteOf(plan, key.slice(key.indexOf('@') + 1));
  const why =
    machine?.state === 'suspended'
      ? machine.why
      : plan.leftAlone.find(one => one.key === key && one.state === 'suspended')?.why;
  return why === undefined ? undefined : `hands are off it: ${why}`;
}

const isWanted = (key: PlacementKey, desired: DesiredState | undefined): boolean =>
  desired === undefined || lookupOf(desired).byKey.has(key);

function serviceEnded(plan: Plan, key: PlacementKey, desired: DesiredState | undefined): string | undefined {
  return isWanted(key, desired) ? suspendedText(plan, key) : gone;
}

/** Whether a placement stands as it should is known of those that were looked at and have nothing left to do. */
function placementEnded(
  report: Seen,
  plan: Plan,
  { kind, subject }: Incident,
  desired: DesiredState | undefined,
): string | undefined {
  const key = subject as PlacementKey;
  const suspended = suspendedText(plan, key);
  if (suspended !== undefined) return suspended;
  const machine = noteOf(plan, key.slice(key.indexOf('@') + 1));
  if (machine !== undefined && machine.state !== 'leaving') return undefined;
  const outcome = report.outcomes.findLast(one => one.key === key);
  if (outcome !== undefined) return outcome.result === 'applied' ? 'it is as the registry says' : undefined;
  if (everyChange(plan).some(one => one.key === key)) return undefined;
  const left = plan.leftAlone.find(one => one.key === key);
  if (left !== undefined && left.state !== 'drifted' && left.state !== 'kept') return undefined;
  if (!isWanted(key, desired)) return gone;
  // It counts as applied, however it does: whether it is well its health tells.
  const leaves = desired && lookupOf(desired).byKey.get(key)?.spec.policy.onFailure === 'leave';
  return kind === 'deploy.failed' && leaves ? undefined : 'it is as the registry says';
}
