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
import { startStatuses } from './review-statuses.js';
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

interface Desk {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly forge: Forge;
  /** What was told, by number: head and base. It can be told again without harm. */
  readonly told: Map<number, string>;
  /** By the monotonic clock: the forge wants to be left alone until then. */
  quietUntil: number;
}

const toldOf = (pull: PullRequest, base: string): string => `${pull.head} ${base}`;

async function tell({ ports, lists, forge, told }: Desk, pull: PullRequest, base: Base): Promise<void> {
  const { text, status } = await planPull(ports, lists, base, pull);
  const { cluster } = base.newest;
  const part = { head: pull.head, base: base.synced.commit, text };
  await forge.comment(pull.number, markerOf(cluster), before => commentBody(cluster, part, before));
  await forge.setStatus(pull.head, status);
  told.set(pull.number, toldOf(pull, base.synced.commit));
  ports.log.info({ pull: pull.number, head: pull.head }, 'pull request planned');
}

const isQuiet = ({ ports, quietUntil }: Desk): boolean => quietUntil > ports.clock.monotonic();

/** All that are new, or stand on another base now. False: something has to be tried again. */
async function round(desk: Desk, signal: AbortSignal): Promise<boolean> {
  const { ports, lists, forge, told } = desk;
  const { git } = ports.source;
  if (git === undefined) return true;
  const open = await forge.openPulls(git.branch);
  for (const number of told.keys()) if (!open.some(one => one.number === number)) told.delete(number);
  if (open.length === 0) return true;
  const head = await git.remoteHead();
  if (open.every(one => told.get(one.number) === toldOf(one, head))) return true;
  // Not beside a pass: both tell the shell which machines there are, and only the newest word may.
  const base = await alone(ports, () => lookAtBase(ports, lists));
  let done = true;
  for (const pull of open) {
    if (signal.aborted) return true;
    if (isQuiet(desk)) return false;
    if (told.get(pull.number) === toldOf(pull, base.synced.commit)) continue;
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
    return warned(desk, thrown, { pull: pull.number });
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
  const desk: Desk = { ports, lists, forge, told: new Map(), quietUntil: 0 };
  const bell = hangBell();
  const over = new AbortController();
  const statuses = startStatuses(ports, forge, 'forge');
  const refusals = startStatuses(ports, forge, 'forge-refused');
  let inForce: string | undefined;
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
      const timer = ringAfter(
        why.includes('hook') ? Math.min(retry, hintedAgainMs) : retry,
        AbortSignal.any([waiting.signal, over.signal]),
      );
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
      if (desired.commit !== inForce) {
        inForce = desired.commit;
        applied = false;
        bell.ring('another commit');
      }
      if (changes === 0 || plan.held !== undefined) return;
      statuses.say(inForce, { context: 'portoser/apply', ...applying(changes) });
      if (!applied)
        statuses.say(inForce, { context: 'portoser/health', state: 'pending', description: 'being applied' });
    },
    passed: report => {
      const { refused, diagnostics } = report;
      if (refused !== undefined) refusals.say(refused, { context: 'portoser/apply', ...refusedStatus(diagnostics) });
      const found = report.commit === undefined || report.commit !== inForce ? undefined : applyStatus(report);
      if (found === undefined || inForce === undefined) return;
      applied ||= found.state === 'success';
      statuses.say(inForce, { context: 'portoser/apply', ...found });
    },
    health: found => {
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
