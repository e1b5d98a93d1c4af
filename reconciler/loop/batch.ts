// Makes one batch of one machine: prepares the changes, sends them, waits at the gates, looks again, and writes the stamps.
import { asAppError, type ErrorReport } from '../../schema/errors.js';
import type { Change, ChangeKind, Outcome, StepEnd } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, MachineSeen } from '../../schema/state.js';
import { withKnown } from '../core/culprit-words.js';
import { report } from '../core/machines.js';
import { parseStamps, stampText } from '../core/ownership.js';
import { faultsOfRevision, refusedStamp } from '../core/stamps.js';
import { type BatchRun, failed, isStart, type Prepared } from './batch-run.js';
import type { StepFailure } from './batch-result.js';
import { gateStep, tellGates } from './follow.js';
import { gateAll, type GateFailure, judgeStart, judgeStop, logTail } from './judge.js';
import { look } from './look.js';
import { nameImages } from './name-images.js';
import { prepareAll, prepareStop, splitFull } from './prepare.js';
import { renewing } from './renew.js';
import { resume } from './resume.js';
import { type Ended, finish, sendLocked } from './send.js';

/** All outcomes of a batch that the machine refused, or that got lost. */
const allFailed = (prepared: readonly Prepared[], error: ErrorReport): readonly Outcome[] =>
  prepared.map(one => failed(one.change, error));

/** `judgedBy`: what is looked at afterwards; what is released is looked at where its stamp says, not where it is wanted. */
export async function carryOut(
  run: BatchRun,
  prepared: readonly Prepared[],
  seen: MachineSeen,
  judgedBy: DesiredState = run.desired,
): Promise<readonly Outcome[]> {
  const startedAt = run.ports.clock.monotonic();
  const reading = await sendLocked(run, prepared, seen);
  if (reading.refused !== undefined) return allFailed(prepared, reading.refused);
  const ended: Ended = { stamps: [], forget: [] };
  const outcomes = await renewing(run, reading.fence, async () => {
    const through = prepared.filter((_, index) => !reading.failures.has(index));
    const starts = through.filter(isStart);
    const waited = starts.map(one => one.change.key);
    tellGates(run, run.machine.name, waited);
    const gates = await gateAll(run, starts, seen);
    tellGates(run, run.machine.name, waited, key => gates.has(key));
    run.ports.crashPoint?.('after the gates');
    const { leaving } = run;
    const after = await look(run.ports, run.lists, judgedBy, { only: new Set([run.machine.name]), leaving });
    const judged: Outcome[] = [];
    for (const [index, one] of prepared.entries()) {
      const failure = reading.failures.get(index);
      if (failure !== undefined) {
        refuse(one, failure, ended);
        judged.push(await failedStep(run, one, failure, seen));
      } else if (isStart(one))
        judged.push(await judgeStart(run, one, after, gates.get(one.change.key), startedAt, ended));
      else judged.push(judgeStop(run, one, after, startedAt, ended));
    }
    return judged.map((outcome, index) => withSteps(prepared[index], outcome, reading.steps.get(index), gates));
  });
  // No renewal is under way any more: one that came after the release would leave a lock that nobody holds.
  const [named] = await Promise.all([nameImages(run, prepared, outcomes), finish(run, ended, reading, seen)]);
  return named;
}

/** What history tells of how it was done; the gate is the last step of a start that went through. */
function withSteps(
  one: Prepared | undefined,
  outcome: Outcome,
  made: readonly StepEnd[] | undefined,
  gates: ReadonlyMap<PlacementKey, GateFailure>,
): Outcome {
  if (made === undefined || (outcome.result !== 'applied' && outcome.result !== 'failed')) return outcome;
  const through = made.every(step => step.result === 'done');
  if (one === undefined || !isStart(one) || !through) return { ...outcome, steps: made };
  const gate: StepEnd = { what: gateStep, result: gates.has(outcome.key) ? 'failed' : 'done' };
  return { ...outcome, steps: [...made, gate] };
}

/** Such a revision is held; an older one that was to run instead is not tried again whatever a person would have to do. */
function refuse(one: Prepared, { error }: StepFailure, ended: Ended): void {
  if (!isStart(one)) return;
  const older = one.placement.instead !== undefined;
  const refused = faultsOfRevision.has(error.code) || (older && error.retry === 'human');
  const [claim] = parseStamps(one.batch.claim.split('\n'));
  if (refused && claim !== undefined)
    ended.stamps.push({ service: one.change.service, text: stampText(refusedStamp(claim, one.placement)) });
}

/** What came of the tool that was called; behind it, where a start failed and nobody could say why, the log. */
async function failedStep(run: BatchRun, one: Prepared, failure: StepFailure, seen: MachineSeen): Promise<Outcome> {
  const unclear = failure.started === true && failure.error.code === 'command-failed';
  const [claim] = unclear ? parseStamps(one.batch.claim.split('\n')) : [];
  const log = claim === undefined ? '' : await logTail(run, one, claim, seen);
  return failed(one.change, failure.error, `${failure.output.trim()}\n${log}`);
}

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
