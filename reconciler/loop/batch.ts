// Makes one batch of one machine: what was stopped for a move starts again, places that are left are released, the rest is prepared and carried out.
import { asAppError } from '../../schema/errors.js';
import type { Change, ChangeKind, Outcome } from '../../schema/plan.js';
import type { MachineSeen } from '../../schema/state.js';
import { withKnown } from '../core/culprit-words.js';
import { report } from '../core/machines.js';
import { type BatchRun, failed, type Prepared } from './batch-run.js';
import { carryOut } from './carry-out.js';
import { prepareAll, prepareStop, splitFull } from './prepare.js';
import { resume } from './resume.js';

/** The places that replaced placements leave are released first, so that their names and ports are free. */
async function releaseReplaced(
  run: BatchRun,
  changes: readonly Change[],
  seen: MachineSeen,
): Promise<readonly Outcome[]> {
  const replaced = changes.filter(change => change.kind === 'replace' && change.stamp !== undefined);
  if (replaced.length === 0) return [];
  const prepared = replaced.flatMap(change =>
    change.stamp === undefined ? [] : [prepareStop(run, change, change.stamp, seen)],
  );
  const going = new Set(replaced.map(change => change.key));
  const placements = run.desired.placements.filter(one => !going.has(one.key));
  const outcomes = await carryOut(run, prepared, seen, { ...run.desired, placements });
  return outcomes.filter(outcome => outcome.result === 'failed');
}

/** What was stopped for a move that came to nothing, one after the other. */
async function resumeAll(run: BatchRun, changes: readonly Change[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const change of changes) {
    if (change.resumes === undefined || change.stamp === undefined) continue;
    run.told(change.key, 'starting again: its move was not finished');
    outcomes.push(await resume(run, change, change.stamp, false));
  }
  return outcomes;
}

/** Never throws for what the machine does: every change has its outcome. */
export async function makeBatch(run: BatchRun, changes: readonly Change[]): Promise<readonly Outcome[]> {
  const seen = run.live.machines[run.machine.name];
  if (seen?.state !== 'reachable')
    return changes.map(change =>
      failed(change, seen?.error ?? report('ssh-unreachable', `${run.machine.name} was not looked at`)),
    );
  try {
    const resumed = await resumeAll(run, changes);
    const lost = [...resumed, ...(await releaseReplaced(run, changes, seen))];
    const rest = changes.filter(change => !lost.some(outcome => outcome.key === change.key));
    const { prepared, refused } = await prepareAll(run, rest, seen);
    const { fitting, refused: full } = splitFull(run, prepared, seen);
    for (const one of fitting) run.told(one.change.key, toldOf(one));
    const outcomes = fitting.length === 0 ? [] : await carryOut(run, fitting, seen);
    return [...lost, ...refused, ...full, ...outcomes];
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') run.ports.log.error({ err: thrown, machine: run.machine.name }, 'batch broke');
    return changes.map(change => failed(change, error.report()));
  }
}

function toldOf({ change, placement }: Prepared): string {
  if (placement?.instead !== undefined)
    return `going back to what was healthy at commit ${placement.instead.commit.slice(0, 12)}`;
  const words: Readonly<Record<ChangeKind, string>> = {
    create: 'creating',
    update: 'updating',
    restart: 'restarting',
    repair: 'repairing',
    replace: 'moving to its new place',
    stop: 'stopping',
    remove: 'removing',
    release: 'releasing',
  };
  return withKnown(words[change.kind], change.culprits);
}
