// One reconciliation: what happens on a push, from the commit to the machines and back to the record.
import { asAppError } from '../../schema/errors.js';
import type { Next, Outcome, Plan } from '../../schema/plan.js';
import type { PassReport } from '../../schema/status.js';
import { optional } from '../core/optional.js';
import { withUndone } from '../core/undone.js';
import type { Lists, Progress } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { alone } from './alone.js';
import { apply, holderOf } from './apply.js';
import type { ApplyRun } from './apply-room.js';
import type { HistoryActor } from '../../schema/history.js';
import { readApplied } from './applied.js';
import { approachFleet } from './approach.js';
import { condemn, illOf, type Judged, toCondemn, toJudgeLater } from './condemn.js';
import type { Soak } from './soak.js';
import { type RunTeller, runTeller } from './follow.js';
import { backFrom, faultyOf } from './go-back.js';
import { planFindings, silent, syncFindings } from './findings.js';
import { unnoted } from './unnoted.js';
import { giveBackLeft } from './left-locks.js';
import { nextAfter, nextOf } from './next.js';
import { persist } from './persist.js';
import { type Choice, checkSettled, consider, type Considered } from './preview.js';
import { noteTry } from './retries.js';
import { loopActor, type RunRecorder, recorderOf } from './record.js';
import { publish } from './publish.js';
import { noteBegun, sessionOf } from './session.js';
import { settleLeft } from './settle.js';
import { sync, type Synced } from './sync.js';
import { takeOver } from './takeover.js';
import { settleUnclear } from './unclear.js';
import { serviceOf } from '../core/placement-key.js';

export interface PassContext {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly emit: (progress: Progress) => void;
  readonly signal: AbortSignal;
  /** Who asked for it, for history; absent: the loop itself. */
  readonly actor?: HistoryActor;
}

export interface PassAsk extends Choice {
  readonly trigger: string;
  readonly from: 'commit' | 'files';
  /** A plan that the person who asks has just approved. */
  readonly approved?: string;
  /** A person asks for it: failed revisions are tried again. */
  readonly again?: boolean;
  /** Ask every placement that was left as it is whether it answers (`run --once`). */
  readonly check?: boolean;
  /** Knows what became ill while it soaked. */
  readonly soak?: Pick<Soak, 'faults' | 'settle'>;
  /** Tells that a newer commit was seen; what has not begun is then left to the next pass. */
  readonly superseded?: () => boolean;
  /** Health checks of what is being changed are put aside meanwhile. */
  readonly watch?: ApplyRun['watch'];
  /** Called when the pass has thought, before anything is changed. */
  readonly onConsidered?: (considered: Considered) => void;
  /** What outlasted this pass has ended, long after its report; `plan` is the one that it belongs to. A way back is none: its failure was reported. */
  readonly onEndedLate?: (outcome: Outcome, plan: Plan) => void;
  /** Wait also for what outlasts the pass's interval. Default: yes; the controller says no. */
  readonly toTheEnd?: boolean;
  /** Where the pass is not waited for to its end: it ends at once, with what is not done going on alone. */
  readonly hurry?: AbortSignal;
}

/** Runs one pass, after those that were asked for before. Never throws for what the registry, git or machines do: the report says it. */
export function runPass(context: PassContext, ask: PassAsk): Promise<PassReport> {
  return alone(context.ports, () => makePass(context, { ...sessionOf(context.ports).beside, ...ask }));
}

async function makePass(context: PassContext, ask: PassAsk): Promise<PassReport> {
  const { ports } = context;
  const base = { id: ports.newId(), trigger: ask.trigger, startedAt: ports.clock.now() };
  const log = ports.log.child({ passId: base.id });
  const { name, by } = context.actor ?? loopActor;
  // From where, and with which token, is for the audit log alone: whoever looks may read history.
  const actor: HistoryActor = { name, by };
  const history = recorderOf(ports, { ...base, actor });
  const teller = runTeller(ports, base.id, { trigger: ask.trigger, actor });
  try {
    const report = { ...base, ...(await reconcile(context, { ...ask, history, teller })), endedAt: ports.clock.now() };
    history.finish(report);
    teller.ended(report.next);
    if (report.outcomes.length > 0)
      log.info({ trigger: ask.trigger, commit: report.commit, changes: report.outcomes.length }, 'pass');
    return report;
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') log.error({ err: thrown }, 'pass broke');
    const next: Next =
      error.retry === 'backoff'
        ? { next: 'again', afterMs: 30_000, why: error.message }
        : { next: 'stalled', why: error.message };
    const broke = error.report();
    const report = { ...base, endedAt: ports.clock.now(), diagnostics: [], outcomes: [], findings: [], next };
    history.finish(report, broke);
    teller.ended(next);
    return { ...report, error: broke };
  }
}

type Body = Omit<PassReport, 'id' | 'trigger' | 'startedAt' | 'endedAt'>;

type Ask = PassAsk & { readonly history: RunRecorder; readonly teller: RunTeller };

async function reconcile(context: PassContext, ask: Ask): Promise<Body> {
  const { ports, lists } = context;
  const begunAt = ports.clock.now();
  const { acceptedCommit: accepted } = await readApplied(ports.state);
  const [synced] = await Promise.all([sync(ports, { from: ask.from }), approachFleet(ports)]);
  const findings = syncFindings(synced);
  if (synced.registry === undefined) {
    return {
      commit: synced.commit,
      ...refusedIn(synced),
      diagnostics: synced.diagnostics,
      outcomes: [],
      findings,
      next: { next: 'stalled', why: 'the registry was refused' },
    };
  }
  const condemned = await condemnAll(context, ask, synced);
  const considered = await consider(ports, lists, synced, ask);
  const { plan } = considered;
  ask.onConsidered?.(considered);
  const settled = await settleLeft(context, considered);
  await giveBackLeft(ports, considered, new Set(plan.waves.flat().map(change => change.machine)));
  ports.crashPoint?.('before the plan is carried out');
  const first = plan.held === undefined ? await carryOut(context, ask, synced, considered) : [];
  const persisting = { ...context, synced, ask, carryOut: (one: Considered) => carryOut(context, ask, synced, one) };
  // What serves is brought back before anything waits for its next try.
  const going = { ask, synced, from: considered.plan };
  const back = await goBack(context, going, first);
  const made = await persist(persisting, considered.desired, back);
  const again = made.some(one => !back.includes(one));
  const outcomes = [...condemned.outcomes, ...(again ? await goBack(context, going, made) : made)];
  const taken = await takeOver({ ports, emit: context.emit, synced, considered });
  const verdicts = ask.check === true ? await checkSettled(ports, lists, considered) : new Map();
  ports.crashPoint?.('before the pass is noted');
  const error = await unnoted(() => publish(context, { synced, accepted, begunAt, considered, outcomes }));
  return {
    commit: synced.commit,
    ...refusedIn(synced),
    diagnostics: synced.diagnostics,
    plan,
    outcomes,
    findings: [...findings, ...planFindings(plan), ...taken.findings, ...silent(verdicts)],
    ...(settled.length === 0 ? {} : { settled }),
    ...(error === undefined ? {} : { error: error.report() }),
    next: nextAfter(error, taken) ?? nextOf(plan, outcomes, synced, condemned.why),
  };
}

const refusedIn = ({ refused }: Synced): Pick<PassReport, 'refused'> => (refused === undefined ? {} : { refused });

async function carryOut(
  context: PassContext,
  ask: Ask,
  synced: Synced,
  considered: Considered,
  going: 'on' | 'back' = 'on',
): Promise<readonly Outcome[]> {
  if (considered.plan.waves.length === 0) return [];
  await begins(context, ask, synced, considered);
  const room = roomOf(context, ask, synced, considered, going === 'on' ? ask.onEndedLate : undefined);
  const wayBack = { synced, from: ask.from, begins: (one: Considered) => begins(context, ask, synced, one) };
  const outcomes = await apply(going === 'on' ? { ...room, wayBack } : room, considered.plan);
  ask.history.carried(outcomes);
  return outcomes;
}

/** Noted and told before anything of it is changed. */
async function begins(context: PassContext, ask: Ask, synced: Synced, considered: Considered): Promise<void> {
  await ask.history.begins(considered, synced.commit);
  const keys = considered.plan.waves.flat().map(change => change.key);
  noteBegun(sessionOf(context.ports), keys, context.ports.clock.now());
  ask.teller.planned(considered.plan);
}

function roomOf(
  context: PassContext,
  ask: Ask,
  synced: Synced,
  considered: Considered,
  onEndedLate?: Ask['onEndedLate'],
): ApplyRun {
  const { desired, live, leaving, olderFiles } = considered;
  return {
    ...context,
    desired,
    live,
    leaving,
    olderFiles,
    files: synced.files,
    superseded: ask.superseded ?? (() => false),
    toTheEnd: ask.toTheEnd ?? true,
    endedLate: outcome => {
      noteTry(context.ports, desired, outcome);
      ask.history.endedLate(outcome);
      onEndedLate?.(outcome, considered.plan);
    },
    runId: ask.history.runId,
    times: ask.history,
    ...optional('watch', ask.watch),
    ...optional('hurry', ask.hurry),
  };
}

/** Marks what became ill while it soaked, and goes back from it, before anything else is thought of. */
async function condemnAll(context: PassContext, ask: Ask, synced: Synced): Promise<Pick<Judged, 'outcomes' | 'why'>> {
  const faults = ask.soak?.faults() ?? new Map();
  const { ports, lists } = context;
  if (faults.size === 0 && sessionOf(ports).unclear.size === 0) return { outcomes: [] };
  const considered = await consider(ports, lists, synced, { from: ask.from });
  settleUnclear(ports, context.emit, considered.live);
  const ill = toCondemn(considered, faults);
  const holder = await holderOf(ports);
  await ask.history.condemns(ill.map(illOf), considered.plan, synced.commit);
  const judged = await Promise.all(
    considered.desired.machines.map(async machine => {
      const run = { ...roomOf(context, ask, synced, considered), machine, holder, told: () => undefined };
      const own = ill.filter(one => one.placement.spec.machine === machine.name);
      return await condemn(run, own);
    }),
  );
  const unclear = new Set(judged.flatMap(one => one.unclear));
  for (const one of ask.history.unclear(unclear)) sessionOf(ports).unclear.set(one.change.key, one);
  const spared = new Set(judged.flatMap(one => one.left));
  ask.history.spared(spared);
  const left = new Set([...spared, ...unclear, ...toJudgeLater(considered, faults)]);
  for (const { placement, error } of ill.filter(one => !left.has(one.placement.key)))
    context.emit({
      kind: 'change',
      machine: placement.spec.machine,
      key: placement.key,
      text: `failed: ${error.message}`,
      event: 'deploy.failed',
    });
  ask.soak?.settle(new Map([...faults].filter(([key]) => !left.has(key))));
  const failed = judged.flatMap(one => one.outcomes);
  const outcomes = await goBack(context, { ask, synced, from: considered.plan }, failed);
  return { outcomes, ...optional('why', judged.find(one => one.why !== undefined)?.why) };
}

interface Going {
  readonly ask: Ask;
  readonly synced: Synced;
  /** What was thought of everything before. */
  readonly from: Plan;
}

/** Who watches the health of all has to know also what is left alone beyond a plan for some services. */
function asOfAll({ plan, ...rest }: Considered, from: Plan, only: readonly string[]): Considered {
  const others = from.leftAlone.filter(one => !only.includes(serviceOf(one.key)));
  return { ...rest, plan: { ...plan, leftAlone: [...others, ...plan.leftAlone] } };
}

/**
 * Brings the last healthy revision back where a new one failed at its gate. It is an ordinary plan, made from a fresh look:
 * the stamps say what failed and what was healthy, so a controller that is killed here goes on in its next pass.
 */
async function goBack(
  context: PassContext,
  { ask, synced, from }: Going,
  outcomes: readonly Outcome[],
): Promise<readonly Outcome[]> {
  const failed = faultyOf(outcomes);
  // Where batches went back already, the controller has to know what is in force now.
  const went = outcomes.filter(one => one.result === 'failed' && one.undone !== undefined);
  if ((failed.length === 0 && went.length === 0) || context.signal.aborted) return outcomes;
  const { ports, lists } = context;
  const only = [...new Set([...failed, ...went].map(one => serviceOf(one.key)))];
  const considered = await consider(ports, lists, synced, { from: ask.from, only, noDeps: true });
  ask.onConsidered?.(asOfAll(considered, from, only));
  const { changes, instead } = backFrom(considered, failed);
  const keys = new Set(changes.map(change => change.key));
  const waves = considered.plan.waves.map(wave => wave.filter(change => keys.has(change.key)));
  const plan = { ...considered.plan, waves: waves.filter(wave => wave.length > 0) };
  const back = plan.held === undefined ? await carryOut(context, ask, synced, { ...considered, plan }, 'back') : [];
  return withUndone(outcomes, back, instead);
}
