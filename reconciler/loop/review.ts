// Reviews pull requests while the controller runs: looks for open ones, plans them, keeps the comment and the statuses on each.
import { asAppError } from '../../schema/errors.js';
import { everyChange } from '../../schema/holds.js';
import type { Forge, PullRequest } from '../../schema/forge.js';
import type { PassReport } from '../../schema/status.js';
import type { HealthState } from '../../schema/state.js';
import type { HealthRecord } from '../core/health.js';
import { commentBody, markerOf } from '../core/review-comment.js';
import { applying, applyStatus, healthStatus, refusedStatus } from '../core/review-status.js';
import type { Lists } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { alone } from './alone.js';
import { hangBell } from './bell.js';
import { pause } from './pause.js';
import type { Considered } from './preview.js';
import { type Base, lookAtBase, planPull } from './review-plan.js';
import { refusedForMs, startStatuses } from './review-statuses.js';
import { around } from './spread.js';

export interface Review {
  /** A webhook says that something is new with a pull request. */
  readonly hint: () => void;
  readonly considered: (considered: Considered) => void;
  readonly passed: (report: PassReport) => void;
  readonly health: (found: ReadonlyMap<string, Pick<HealthRecord, 'state'>>) => void;
  readonly stop: () => Promise<void>;
}

/** Hooks may never come: then it is seen by this. */
const pollMs = 60_000;
const firstRetryMs = 5_000;
/** A forge may tell of a push before its API shows it. */
const hintedAgainMs = 3_000;

interface Told {
  readonly head: string;
  /** Commit in force. */
  readonly base: string;
}

interface Desk {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly forge: Forge;
  /** What was told, by number. It can be told again without harm. */
  readonly told: Map<number, Told>;
  /** Heads that only a person can help, by number, each left alone until then by the monotonic clock. */
  readonly refused: Map<number, { readonly head: string; readonly until: number }>;
  /** The last round that left nothing to do: the branch's head at the remote, and the commit that was gone by, which may be an older one. */
  complete?: { readonly remote: string; readonly base: string } | undefined;
  /** The commit that passes go by. */
  inForce?: string;
  /** By the monotonic clock: the forge wants to be left alone until then. */
  quietUntil: number;
}

async function tell({ ports, lists, forge, told }: Desk, pull: PullRequest, base: Base): Promise<void> {
  const { text, status } = await planPull(ports, lists, base, pull);
  const { cluster } = base.newest;
  const { head, number } = pull;
  const part = { head, base: base.synced.commit, text };
  await forge.comment(number, markerOf(cluster), before => commentBody(cluster, part, before));
  await forge.setStatus(head, status);
  told.set(number, { head, base: base.synced.commit });
  ports.log.info({ pull: number, head }, 'pull request planned');
}

const isQuiet = ({ ports, quietUntil }: Desk): boolean => quietUntil > ports.clock.monotonic();

function isRefused({ ports, refused }: Desk, { number, head }: PullRequest): boolean {
  const before = refused.get(number);
  return before?.head === head && before.until > ports.clock.monotonic();
}

/** Those that may be told of; what is known of others that are not open any more is forgotten. */
async function openPulls(desk: Desk, branch: string): Promise<readonly PullRequest[]> {
  const open = await desk.forge.openPulls(branch);
  for (const known of [desk.told, desk.refused])
    for (const number of known.keys()) if (!open.some(one => one.number === number)) known.delete(number);
  return open.filter(one => !isRefused(desk, one));
}

/** All that are new, or stand on another base now. False: something has to be tried again. */
async function round(desk: Desk, signal: AbortSignal): Promise<boolean> {
  const { ports, lists, told, complete, inForce } = desk;
  const { git } = ports.source;
  if (git === undefined) return true;
  const open = await openPulls(desk, git.branch);
  if (open.length === 0) return true;
  const remote = await git.remoteHead();
  // Not by the commit in force: while a newer one is refused or held the two differ, and each look costs the whole fleet.
  if (complete?.remote === remote && open.every(one => told.get(one.number)?.head === one.head)) return true;
  // Not beside a pass: both tell the shell which machines there are, and only the newest word may.
  const base = await alone(ports, () => lookAtBase(ports, lists));
  const done = await tellAll(desk, open, base, signal);
  const { commit } = base.synced;
  const isNewest = desk.inForce === inForce || desk.inForce === commit;
  if (done && isNewest) desk.complete = { remote, base: commit };
  return done;
}

async function tellAll(desk: Desk, open: readonly PullRequest[], base: Base, signal: AbortSignal): Promise<boolean> {
  let done = true;
  for (const pull of open) {
    if (signal.aborted || isQuiet(desk)) return false;
    const before = desk.told.get(pull.number);
    if (before?.head === pull.head && before.base === base.synced.commit) continue;
    done = (await tried(desk, pull, base)) && done;
  }
  return done;
}

/** What fails with one pull request does not keep the others waiting. */
async function tried(desk: Desk, pull: PullRequest, base: Base): Promise<boolean> {
  try {
    await tell(desk, pull, base);
    return true;
  } catch (thrown) {
    if (!warned(desk, thrown, { pull: pull.number })) return false;
    desk.told.delete(pull.number);
    desk.refused.set(pull.number, { head: pull.head, until: desk.ports.clock.monotonic() + refusedForMs });
    return true;
  }
}

/** Whether it is left for the next look, since only a person can put it right. */
function warned(desk: Desk, thrown: unknown, more: object): boolean {
  const { ports } = desk;
  const error = asAppError(thrown);
  const { waitMs } = error.details;
  if (typeof waitMs === 'number') desk.quietUntil = ports.clock.monotonic() + waitMs;
  if (error.code === 'internal') ports.log.error({ err: thrown, ...more }, 'review broke');
  else ports.log.warn({ code: error.code, reason: error.message, ...more }, 'pull requests not reviewed');
  return error.retry !== 'backoff';
}

/** Looks until it is stopped. Never throws for what forge, git or machines do. */
export function startReview(ports: Ports, lists: Lists, forge: Forge): Review {
  const desk: Desk = { ports, lists, forge, told: new Map(), refused: new Map(), quietUntil: 0 };
  const bell = hangBell();
  const over = new AbortController();
  const statuses = startStatuses(ports, forge, 'forge');
  const refusals = startStatuses(ports, forge, 'forge-refused');
  let applied = false;

  async function roundOrNot(): Promise<boolean> {
    try {
      return await round(desk, over.signal);
    } catch (thrown) {
      return warned(desk, thrown, {});
    }
  }

  async function ringAfter(ms: number, signal: AbortSignal): Promise<void> {
    if (await pause(ports.clock, ms, signal)) bell.ring('time');
  }

  const looking = (async () => {
    bell.ring('start');
    for (let failures = 0, count = 0; ; count += 1) {
      const why = await bell.wait(over.signal);
      if (why === undefined) return;
      // Who goes on asking past a limit is shut out for longer.
      if (isQuiet(desk) && !(await pause(ports.clock, desk.quietUntil - ports.clock.monotonic(), over.signal))) return;
      failures = (await roundOrNot()) ? 0 : failures + 1;
      const usual = around(pollMs, 0.1, `${forge.repository} ${count}`);
      const retry = failures === 0 ? usual : Math.min(usual, firstRetryMs * 2 ** (failures - 1));
      const waiting = new AbortController();
      const timer = ringAfter(why.includes('hook') ? Math.min(retry, hintedAgainMs) : retry, waiting.signal);
      // Answers at the end of all as well, and so ends the timer.
      const rung = await bell.wait(over.signal);
      waiting.abort();
      await timer;
      if (rung === undefined) return;
      bell.ring(rung);
    }
  })();

  return {
    hint: () => bell.ring('hook'),
    considered: ({ desired, plan }) => {
      const changes = everyChange({ ...plan, waiting: [] }).length;
      const { commit } = desired;
      if (commit !== desk.inForce) {
        desk.inForce = commit;
        // Also with the same head at the remote: a person may have accepted what was held.
        if (desk.complete?.base !== commit) desk.complete = undefined;
        applied = false;
        bell.ring('another commit');
      }
      if (changes === 0 || plan.held !== undefined) return;
      statuses.say(commit, { context: 'portoser/apply', ...applying(changes) });
      if (!applied)
        statuses.say(commit, { context: 'portoser/health', state: 'pending', description: 'being applied' });
    },
    passed: report => {
      const { refused, diagnostics } = report;
      const { inForce } = desk;
      if (refused !== undefined) refusals.say(refused, { context: 'portoser/apply', ...refusedStatus(diagnostics) });
      const found = report.commit === undefined || report.commit !== inForce ? undefined : applyStatus(report);
      if (found === undefined || inForce === undefined) return;
      applied ||= found.state === 'success';
      statuses.say(inForce, { context: 'portoser/apply', ...found });
    },
    health: found => {
      const { inForce } = desk;
      if (inForce === undefined || !applied) return;
      const states = new Map([...found].map(([key, { state }]): [string, HealthState] => [key, state]));
      statuses.say(inForce, { context: 'portoser/health', ...healthStatus(states) });
    },
    stop: async () => {
      over.abort();
      await looking;
      await Promise.all([statuses.stop(), refusals.stop()]);
    },
  };
}
