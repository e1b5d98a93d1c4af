// The loop of `portoser run`: waits for a trigger, makes one pass, and says when to look again; until it is told to stop.
import { asAppError } from '../../schema/errors.js';
import { dueInMs } from '../../schema/holds.js';
import type { Outcome } from '../../schema/plan.js';
import type { DesiredState } from '../../schema/state.js';
import type { PassReport } from '../../schema/status.js';
import type { HookHint } from '../../schema/webhooks.js';
import { besideOf, changedBy } from './beside.js';
import { type Bell, hangBell } from './bell.js';
import { type GitWatch, watchGit } from './git-watch.js';
import { type Hints, openHints } from './hints.js';
import { type Monitor, type MonitorTransition, startMonitor } from './monitor.js';
import { type ControllerNote, openNote } from './note.js';
import { type PassContext, runPass } from './pass.js';
import { pause } from './pause.js';
import { dependenciesOf, type Soak, soakingNow, startSoak } from './soak.js';
import { readApplied } from './applied.js';
import { readApprovals } from './approvals.js';
import { loopActor } from './record.js';
import { openSampler, type Sampler } from './sample.js';
import type { Considered } from './preview.js';
import { nextTryInMs } from './retries.js';
import { checkedMachines, stands, suspendsIn, withSuspends } from './watched.js';
import type { GitRepo } from '../ports.js';
import { sessionOf } from './session.js';
import { liveOf } from './measures.js';
import { openTally, type Tally } from './tally.js';

export interface ControllerOptions {
  readonly onPass?: (report: PassReport, desired: DesiredState | undefined) => void;
  /** A pass knows what it would do, and has not begun. */
  readonly onConsidered?: (considered: Considered) => void;
  /** After each pass, and when the health of something has changed. */
  readonly onHealth?: (health: ReturnType<Monitor['status']>) => void;
  readonly onTransition?: (transition: MonitorTransition) => void;
  /** A webhook says that something is new with a pull request into the branch; absent: they are not looked at. */
  readonly onPullRequestHint?: (hint: HookHint) => void;
}

const defaultIntervalMs = 60_000;
const approvalsEveryMs = 1000;
const longestBackoffMs = 300_000;

/** What the controller keeps while it runs: times and triggers only; the world is read again at every pass. */
interface Turn {
  readonly context: PassContext;
  readonly bell: Bell;
  readonly monitor: Monitor;
  readonly soak: Soak;
  readonly sample: Sampler;
  readonly tally: Tally;
  readonly git: GitWatch | undefined;
  readonly since: number;
  readonly note: ControllerNote;
  readonly options: ControllerOptions;
  considered?: Considered;
  /** Ends the pass that is on, when what it is not about cannot wait for its end. */
  hurry?: AbortController;
  failures: number;
  cron: { readonly expression: string; readonly stop: () => void } | undefined;
}

/** What was brought up is checked continuously; what never was, is blocked or held is not. */
function watchHealth(turn: Turn, considered: Considered, outcomes: readonly Outcome[]): void {
  turn.considered = considered;
  const instead = new Set(considered.desired.placements.flatMap(one => (one.instead === undefined ? [] : [one.key])));
  const aside = new Set(
    considered.plan.leftAlone
      .filter(one => one.state === 'blocked' || (one.state === 'held' && !instead.has(one.key)))
      .map(one => one.key),
  );
  const applied = new Set(outcomes.flatMap(outcome => (outcome.result === 'applied' ? [outcome.key] : [])));
  const watched = considered.desired.placements.filter(
    one => !aside.has(one.key) && (applied.has(one.key) || stands(one, considered)),
  );
  turn.monitor.update(withSuspends(watched, considered.plan), checkedMachines(considered.desired, considered.live));
}

/** What was applied just now, and what others (or this controller, before it was started anew) applied not long ago. */
function followSoak(turn: Turn, { desired, live, plan }: Considered, outcomes: readonly Outcome[]): void {
  const applied = new Set(outcomes.flatMap(one => (one.result === 'applied' ? [one.key] : [])));
  const changed = new Set(plan.waves.flat().map(change => change.key));
  const soaking = [
    ...soakingNow(desired, live).filter(one => !changed.has(one.placement.key)),
    ...desired.placements
      .filter(one => applied.has(one.key))
      .map(placement => ({
        placement,
        dependencies: dependenciesOf(placement, desired),
        leftMs: placement.spec.health.soakMs,
      })),
  ];
  const suspended = suspendsIn(plan);
  turn.soak.follow(
    soaking.filter(({ placement }) => placement.instead === undefined && !suspended.has(placement.key)),
    checkedMachines(desired, live),
  );
}

/** The registry may name a cron expression beside the interval. */
function followSchedule(turn: Turn, schedule: string | undefined): void {
  if (turn.cron?.expression === schedule) return;
  turn.cron?.stop();
  turn.cron =
    schedule === undefined
      ? undefined
      : { expression: schedule, stop: turn.context.ports.schedule.every(schedule, () => turn.bell.ring('schedule')) };
}

/** After a fault that may pass by itself soon, then ever later; never later than the interval asks. */
function delayAfter(turn: Turn, report: PassReport, intervalMs: number): number {
  if (report.next.next !== 'again') {
    turn.failures = 0;
    return intervalMs;
  }
  turn.failures += 1;
  return Math.min(intervalMs, longestBackoffMs, report.next.afterMs * 2 ** (turn.failures - 1));
}

/** A head that a pass did not begin with, and is not the one that it goes by: it may have fetched before the watch did. */
function newerThan(turn: Turn, headAtStart: string | undefined, goesBy: string | undefined): boolean {
  const head = turn.git?.head();
  return headAtStart !== undefined && head !== headAtStart && head !== goesBy;
}

async function onePass(turn: Turn, trigger: string): Promise<PassReport> {
  const { context } = turn;
  let headAtStart = turn.git?.head();
  // Its own, since its plan may outlast it: `turn.considered` is of the latest pass.
  let goesBy: string | undefined;
  turn.hurry = new AbortController();
  const report = await runPass(
    { ...context, actor: loopActor },
    {
      trigger,
      from: 'commit',
      toTheEnd: false,
      watch: turn.monitor,
      soak: turn.soak,
      hurry: turn.hurry.signal,
      onConsidered: considered => {
        goesBy = considered.desired.commit;
        // The first pass may begin before the watch has seen any.
        headAtStart ??= turn.git?.head();
        watchHealth(turn, considered, []);
        turn.sample(considered);
        turn.options.onConsidered?.(considered);
        turn.soak.leave(changedBy(considered));
      },
      superseded: () => newerThan(turn, headAtStart, goesBy),
      onEndedLate: (outcome, plan) => turn.tally.noteLate(outcome, plan),
    },
  );
  for (const running of sessionOf(context.ports).busy.values())
    void running.finally(() => turn.bell.ring('a change ended')).catch(() => undefined);
  if (turn.considered !== undefined && report.outcomes.length > 0) watchHealth(turn, turn.considered, report.outcomes);
  if (turn.considered !== undefined) followSoak(turn, turn.considered, report.outcomes);
  followSchedule(turn, turn.considered?.desired.policy.schedule);
  turn.tally.note(report);
  turn.options.onPass?.(report, turn.considered?.desired);
  turn.options.onHealth?.(turn.monitor.status());
  return report;
}

/** What a person has said beside git, in this folder: plans approved, a rewritten head accepted. */
async function said({ state, log }: PassContext['ports']): Promise<string> {
  try {
    const [approvals, { acceptedCommit }] = await Promise.all([readApprovals(state), readApplied(state)]);
    return JSON.stringify([approvals, acceptedCommit]);
  } catch (thrown) {
    // The pass itself meets the same fault and reports it.
    log.debug({ code: asAppError(thrown).code }, 'approvals not read');
    return '';
  }
}

interface Wait {
  readonly delayMs: number;
  /** The pass stands still until a person says something. */
  readonly held: boolean;
  /** As it was before the pass read it: what is said while it thinks is not missed. */
  readonly saidBefore: string;
}

/** Rings when the time has come, or when a person approved or accepted something meanwhile. */
async function waitForTime(turn: Turn, wait: Wait, over: AbortSignal): Promise<void> {
  const { ports } = turn.context;
  const { clock } = ports;
  const until = clock.monotonic() + wait.delayMs;
  while (clock.monotonic() < until) {
    if (wait.held && (await said(ports)) !== wait.saidBefore) {
      turn.bell.ring('approval');
      return;
    }
    const left = until - clock.monotonic();
    if (!(await pause(clock, wait.held ? Math.min(approvalsEveryMs, left) : left, over))) return;
  }
  turn.bell.ring('interval');
}

async function turnAround(turn: Turn): Promise<void> {
  const { signal, ports } = turn.context;
  turn.bell.ring('start');
  for (;;) {
    const trigger = await turn.bell.wait(signal);
    if (trigger === undefined) return;
    const saidBefore = await said(ports);
    const report = await onePass(turn, trigger);
    if (signal.aborted) return;
    const afterMs = delayAfter(turn, report, turn.considered?.desired.policy.intervalMs ?? defaultIntervalMs);
    const delayMs = Math.min(afterMs, dueInMs(report.plan, ports.clock.now()), nextTryInMs(ports));
    await turn.note.write(report, ports.clock.now() + delayMs);
    const over = new AbortController();
    const wait = { delayMs, held: report.next.next === 'stalled', saidBefore };
    const timer = waitForTime(turn, wait, over.signal);
    // Answers at the end of all as well, and so ends the timer.
    const rung = await turn.bell.wait(signal);
    over.abort();
    await timer;
    if (rung === undefined) return;
    turn.bell.ring(rung);
  }
}

/** Takes what comes by webhooks, until it is stopped. */
function takeHints(turn: Turn, git: GitRepo, watch: GitWatch): Hints {
  const { ports } = turn.context;
  return (sessionOf(ports).hints = openHints({
    ports,
    git,
    look: () => watch.hint(),
    onPullRequest: turn.options.onPullRequestHint,
    onDelivery: () => void turn.note.again(),
  }));
}

/** Runs until the signal aborts; then finishes what machines are in the middle of and leaves nothing behind. */
export async function runController(context: PassContext, options: ControllerOptions = {}): Promise<void> {
  const { ports, lists } = context;
  sessionOf(ports).byCommit = true;
  const bell = hangBell();
  const monitor = startMonitor({ ...ports }, lists, {
    onTransition: transition => {
      options.onTransition?.(transition);
      const { unreached, ...kept } = transition;
      const { key, machine, from, to, found, planned } = kept;
      ports.store.record({ kind: 'transition', transition: { id: ports.newId(), ...kept } });
      options.onHealth?.(monitor.status());
      // One word for a machine, or for all of them, that cannot be reached: the pass's.
      if (unreached) return bell.ring(`${machine} cannot be looked at`);
      // That it came up, its gate has told already.
      if (planned || (to === 'healthy' && from !== 'unhealthy')) return;
      const text = `${to}${found === '' ? '' : `: ${found}`}`;
      context.emit({ kind: 'health', machine, key, text, event: 'health', data: { from, to } });
      if (to === 'unhealthy') bell.ring(`${key} is unhealthy`);
    },
  });
  const { git: repository } = ports.source;
  const git = repository === undefined ? undefined : await watchGit(ports, repository, bell);
  const since = ports.clock.now();
  const soak = startSoak(ports, lists, key => {
    bell.ring(`${key} became ill soon after its deploy`);
    turn.hurry?.abort();
  });
  const turn: Turn = {
    context,
    bell,
    monitor,
    soak,
    sample: openSampler(ports),
    tally: openTally(),
    git,
    since,
    note: openNote(ports, git, since),
    options,
    failures: 0,
    cron: undefined,
  };
  const hints = repository && git && takeHints(turn, repository, git);
  try {
    sessionOf(ports).live = () => liveOf(turn);
    sessionOf(ports).beside = besideOf(monitor, soak);
    await turn.note.write();
    await turnAround(turn);
  } finally {
    delete sessionOf(ports).live;
    delete sessionOf(ports).beside;
    turn.cron?.stop();
    sessionOf(ports).hints = undefined;
    hints?.stop();
    await turn.note.settled();
    await monitor.stop();
    await soak.stop();
    await git?.stop();
    await Promise.allSettled(sessionOf(ports).busy.values());
  }
}
