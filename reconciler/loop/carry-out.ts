// Carries the prepared changes of a batch out: sends them, waits at the gates, looks again, and writes the stamps.
import { AppError, asAppError, type ErrorReport } from '../../schema/errors.js';
import type { Outcome, StepEnd } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, MachineSeen } from '../../schema/state.js';
import { parseStamps, stampText } from '../core/ownership.js';
import { faultsOfRevision, refusedStamp } from '../core/stamps.js';
import { type BatchRun, failed, type Held, isStart, type Prepared } from './batch-run.js';
import type { BatchReading, StepFailure } from './batch-result.js';
import { gateStep, tellGates } from './follow.js';
import { canGoBack, openGates, type Round } from './gates.js';
import { judgeStart, judgeStop, logTail } from './judge.js';
import { look } from './look.js';
import { nameImages } from './name-images.js';
import { renewing } from './renew.js';
import { type Ended, finish, sendLocked } from './send.js';

/** All outcomes of a batch that the machine refused, or that got lost. */
const allFailed = (prepared: readonly Prepared[], error: ErrorReport): readonly Outcome[] =>
  prepared.map(one => failed(one.change, error));

interface Work {
  readonly run: BatchRun;
  readonly prepared: readonly Prepared[];
  readonly seen: MachineSeen;
  readonly judgedBy: DesiredState;
  readonly reading: BatchReading;
  readonly startedAt: number;
  readonly outcomes: Map<PlacementKey, Outcome>;
  /** Those whose stamps were written while others were waited for. */
  readonly written: Set<PlacementKey>;
}

/** `judgedBy`: what is looked at afterwards; what is released is looked at where its stamp says, not where it is wanted. */
export async function carryOut(
  run: BatchRun,
  prepared: readonly Prepared[],
  seen: MachineSeen,
  judgedBy: DesiredState = run.desired,
): Promise<readonly Outcome[]> {
  const { clock } = run.ports;
  const startedAt = clock.monotonic();
  const held: Held = run.under ?? { fence: '' };
  // Until it is known what the machine made of this, nobody can say under which fence it stands.
  held.fence = '';
  const reading = await sendLocked(run, prepared, seen);
  if (reading.refused !== undefined) return allFailed(prepared, reading.refused);
  held.fence = reading.fence;
  const work: Work = { run, prepared, seen, judgedBy, reading, startedAt, outcomes: new Map(), written: new Set() };
  try {
    const ended = await renewing(run, held, () => judgeInRounds(work, held));
    const outcomes = prepared.flatMap(one => work.outcomes.get(one.change.key) ?? []);
    // No renewal is under way any more: one that came after the release would leave a lock that nobody holds.
    const [named] = await Promise.all([
      nameImages(run, prepared, outcomes),
      finish(run, ended, { ...reading, fence: held.fence }, seen, run.under === undefined),
    ]);
    return named;
  } catch (thrown) {
    return lostLater(work, thrown);
  }
}

/** What was written before stands, whatever happened to the rest; why something failed is told, though nobody knows whether it is noted there. */
function lostLater({ run, prepared, outcomes, written }: Work, thrown: unknown): readonly Outcome[] {
  const error = asAppError(thrown);
  if (error.code === 'internal') run.ports.log.error({ err: thrown, machine: run.machine.name }, 'batch broke');
  return prepared.map(({ change }) => {
    const known = outcomes.get(change.key);
    if (known !== undefined && written.has(change.key)) return known;
    const lost = error.report();
    if (known?.result !== 'failed') return failed(change, lost);
    return { ...known, error: { ...lost, message: `${known.error.message}; then: ${lost.message}` } };
  });
}

/** What is left to be written when the last is decided; what was found ill before that is written, and goes back, at once. */
async function judgeInRounds(work: Work, held: Held): Promise<Ended> {
  const { run, prepared, reading, seen } = work;
  const through = prepared.filter((_, index) => !reading.failures.has(index)).filter(isStart);
  const isIll = (one: Prepared, index: number): boolean =>
    canGoBack(one) && faultsOfRevision.has(reading.failures.get(index)?.error.code ?? 'internal');
  const waited = through.map(one => one.change.key);
  tellGates(run, run.machine.name, waited);
  const gates = openGates(run, through, seen, prepared.some(isIll));
  for (;;) {
    const round = await gates.next();
    const decided = waited.filter(key => round.gates.has(key));
    tellGates(run, run.machine.name, decided, key => round.gates.get(key) !== undefined);
    run.ports.crashPoint?.('after the gates');
    const ended: Ended = { stamps: [], forget: [] };
    const judged = await judgeRound(work, round, ended);
    if (round.over) return ended;
    await finish(run, ended, { ...reading, fence: held.fence }, seen, false);
    for (const { key } of judged) work.written.add(key);
    for (const one of (await run.goBack?.(run, judged, held)) ?? []) work.outcomes.set(one.key, one);
    if (held.fence === '')
      throw new AppError(
        'ssh-lost',
        `nobody knows whether ${run.machine.name} is ours still, since something went back`,
      );
  }
}

async function judgeRound(work: Work, { gates }: Round, ended: Ended): Promise<readonly Outcome[]> {
  const { run, prepared, seen, judgedBy, reading, startedAt, outcomes } = work;
  const only = new Set([run.machine.name]);
  const after = await look(run.ports, run.lists, judgedBy, { only, leaving: run.leaving });
  const judged: Outcome[] = [];
  for (const [index, one] of prepared.entries()) {
    const { key } = one.change;
    const failure = reading.failures.get(index);
    if (outcomes.has(key) || (failure === undefined && isStart(one) && !gates.has(key))) continue;
    const judge = async (): Promise<Outcome> => {
      if (failure !== undefined) {
        refuse(one, failure, ended);
        return await failedStep(run, one, failure, seen);
      }
      if (isStart(one)) return await judgeStart(run, one, after, gates.get(key), startedAt, ended);
      return judgeStop(run, one, after, startedAt, ended);
    };
    const outcome = withSteps(one, await judge(), reading.steps.get(index), gates.get(key) !== undefined);
    outcomes.set(key, outcome);
    judged.push(outcome);
  }
  return judged;
}

/** What history tells of how it was done; the gate is the last step of a start that went through. */
function withSteps(one: Prepared, outcome: Outcome, made: readonly StepEnd[] | undefined, ill: boolean): Outcome {
  if (made === undefined || (outcome.result !== 'applied' && outcome.result !== 'failed')) return outcome;
  const through = made.every(step => step.result === 'done');
  if (!isStart(one) || !through) return { ...outcome, steps: made };
  return { ...outcome, steps: [...made, { what: gateStep, result: ill ? 'failed' : 'done' }] };
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
