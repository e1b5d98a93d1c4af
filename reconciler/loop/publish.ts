// The record of a pass: which commit is in force, which machines there are, which approvals are used up.
import type { Outcome, Plan } from '../../schema/plan.js';
import { isStop } from '../core/plan.js';
import { appliedAfter, type AppliedNote, changeApplied, goneBy, readApplied, sameNote } from './applied.js';
import { forgetApprovals, readApprovals, removalOf } from './approvals.js';
import { changeFleet, type Fleet, fleetAfter, readFleet, sameFleet } from './fleet.js';
import { journal } from './journal.js';
import { look } from './look.js';
import type { PassContext } from './pass.js';
import type { Considered } from './preview.js';
import type { Synced } from './sync.js';

export interface Published {
  readonly synced: Synced;
  /** The rewritten head that a person had accepted when the pass began: what was accepted since is for the next one. */
  readonly accepted: string | undefined;
  /** When the pass began, in milliseconds since 1970. */
  readonly begunAt: number;
  readonly considered: Considered;
  readonly outcomes: readonly Outcome[];
}

/** A pass that changed nothing writes nothing. */
export async function publish(
  context: PassContext,
  { synced, accepted, begunAt, considered, outcomes }: Published,
): Promise<void> {
  const { ports, lists } = context;
  const { plan, desired, leaving } = considered;
  const { state } = ports;
  const write = (what: string, job: () => Promise<void>) =>
    journal(ports, { id: ports.newId(), to: 'state', where: what, what: 'note', keys: [] }, job);
  const inForce = synced.refused === undefined && synced.held === undefined && synced.outage === undefined;
  const noteGit = async (become: (note: AppliedNote) => AppliedNote): Promise<void> => {
    const note = await readApplied(state);
    if (inForce && !sameNote(note, become(note))) await write('git', () => changeApplied(state, become));
  };
  const forget = async (): Promise<void> => {
    const approvals = await readApprovals(state);
    const used = usedUp(plan, outcomes);
    // A removal that was approved since is for a commit that this pass did not see.
    if (inForce)
      for (const { key } of desired.placements)
        if ((approvals[removalOf(key)]?.at ?? begunAt) < begunAt) used.add(removalOf(key));
    if (Object.keys(approvals).some(id => used.has(id)))
      await write('approvals', () => forgetApprovals(state, used, plan.approvals?.left));
  };
  if (synced.commit === 'work-tree') return await forget();
  // Nobody was reached: what was applied stays so, and which machines left is for a pass that sees some.
  const unreached = plan.isolated !== undefined && outcomes.length === 0;
  if (plan.held !== undefined || unreached) return await noteGit(note => goneBy(note, synced.commit));
  const after =
    leaving.length === 0 || outcomes.length === 0
      ? considered.live
      : await look(ports, lists, desired, { leaving, only: new Set(leaving.map(one => one.name)) });
  // A rewritten head that was accepted is used up as soon as it is in force.
  await noteGit(note => appliedAfter(note, synced.commit, accepted));
  const fleet = (known: Fleet): Fleet => fleetAfter(desired, leaving, after, known);
  const known = await readFleet(state);
  if (!sameFleet(known, fleet(known))) await write('fleet', () => changeFleet(state, fleet));
  await forget();
}

/** Approvals that are done with: of this plan, and of what was removed. */
function usedUp(plan: Plan, outcomes: readonly Outcome[]): Set<string> {
  const gone = outcomes.filter(one => one.result === 'applied' && isStop(one));
  const done = gone.map(one => removalOf(one.key));
  const carriedOut = outcomes.some(outcome => outcome.result !== 'skipped');
  return new Set([...(carriedOut ? [plan.id, ...(plan.approvals?.used ?? [])] : []), ...done]);
}
