// The gate after a start: pure judgement of what its checks answered so far. Passed, failed, or not decided yet.
import type { RunState, Verdict } from '../../schema/state.js';
import type { Answer } from '../checks/check.js';

/** A gate by process (or by a container without a health of its own) wants that long of staying up (SPEC 7). */
export const stayUpMs = 5000;

export type GateResult =
  | { readonly result: 'passed' }
  /** `found`: the last answer, `why`: what ended the wait. */
  | { readonly result: 'failed'; readonly found: string; readonly why: string }
  /** Nobody could look: neither a success nor a failure of the service. */
  | { readonly result: 'unknown'; readonly why: string };

export interface CheckProgress {
  readonly passed: boolean;
  readonly verdict: Verdict;
  /** The life that it was seen alive in, since that instant of the monotonic clock. */
  readonly life?: { readonly word: string; readonly since: number };
}

/** One entry per check. */
export type GateProgress = readonly CheckProgress[];

export function beginGate(checks: number): GateProgress {
  return Array.from({ length: checks }, () => ({
    passed: false,
    verdict: { state: 'unknown', found: 'not asked yet' },
  }));
}

/**
 * Takes in one check's answer. A first pass is enough where no life is told; else the same life must have been up for
 * `stayUpMs`. When a life ends (another one, or none), what other checks passed was passed by the one before, and has
 * to be passed again.
 */
export function gateAnswer(progress: GateProgress, index: number, answer: Answer, now: number): GateProgress {
  const before = progress[index];
  if (before === undefined) throw new RangeError(`there is no check ${index} in this gate`);
  const ended = answer.state === 'fail' || answer.life !== undefined ? lifeEnded(before, answer) : false;
  const check = checkProgress(before, answer, now);
  return progress.map((one, at) => (at === index ? check : ended ? { ...one, passed: false } : one));
}

function lifeEnded(before: CheckProgress, answer: Answer): boolean {
  return before.life !== undefined && before.life.word !== answer.life;
}

function checkProgress(before: CheckProgress, answer: Answer, now: number): CheckProgress {
  const verdict: Verdict = { state: answer.state, found: answer.found };
  if (answer.state === 'unknown') return { ...before, verdict };
  if (answer.life === undefined) return { passed: answer.state === 'pass', verdict };
  const begun = { word: answer.life, since: now - (answer.upForMs ?? 0) };
  const life = before.life?.word === answer.life ? before.life : begun;
  return { passed: answer.state === 'pass' && now - life.since >= stayUpMs, verdict, life };
}

/** When the next life will have stayed up for long enough; undefined: none is waited for. */
export function nextStayUpAt(progress: GateProgress): number | undefined {
  const waited = progress.flatMap(({ passed, verdict, life }) =>
    passed || life === undefined || verdict.state === 'fail' ? [] : [life.since + stayUpMs],
  );
  return waited.length === 0 ? undefined : Math.min(...waited);
}

/**
 * Whether the runner says already that it will not come up. One look may fall between two lives (stopped, or waiting
 * to be started anew after a first crash); two such looks are an end. `looks`: how many looks saw this.
 */
export function gaveUp(run: RunState | 'absent', looks: number): boolean {
  switch (run) {
    case 'failed':
    case 'absent':
      return true;
    case 'stopped':
    case 'crash-looping':
      return looks >= 2;
    case 'running':
    case 'starting':
      return false;
    default:
      return run satisfies never;
  }
}

/** All passed: the gate is open. Undefined: not yet. */
export function gatePassed(progress: GateProgress): GateResult | undefined {
  return progress.every(check => check.passed) ? { result: 'passed' } : undefined;
}

function foundOf({ verdict }: CheckProgress): string {
  return verdict.state === 'pass' ? `${verdict.found}, but not for ${stayUpMs / 1000} s in one life` : verdict.found;
}

/** At the end of the time: what has not passed failed, unless none of that could be looked at. */
export function gateAtDeadline(progress: GateProgress, deadlineMs: number): GateResult {
  const open = progress.filter(check => !check.passed);
  if (open.length === 0) return { result: 'passed' };
  const looked = open.filter(check => check.verdict.state !== 'unknown');
  const found = [...new Set((looked.length > 0 ? looked : open).map(foundOf))].join('; ');
  if (looked.length === 0) return { result: 'unknown', why: found };
  return { result: 'failed', found, why: `not healthy within ${deadlineMs / 1000} s` };
}
