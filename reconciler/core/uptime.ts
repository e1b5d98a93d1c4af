// Uptime from transitions of health: what state held when, and what of it counts. Pure arithmetic over instants in milliseconds.
import type { Transition } from '../../schema/history.js';
import type { HealthState } from '../../schema/state.js';
import type { Uptime } from '../../schema/uptime.js';

/** A time in which no controller watched: from the end of one to the start of the next. */
export interface Unwatched {
  /** When the one before was last known to watch; -Infinity: nobody knows. */
  readonly from: number;
  /** Infinity: none was started since. */
  readonly to: number;
}

export interface Stretch {
  readonly state: HealthState;
  readonly from: number;
  readonly to: number;
}

type Move = Pick<Transition, 'at' | 'from' | 'to' | 'lastedMs'>;

const stretch = (state: HealthState, from: number, to: number): readonly Stretch[] =>
  to > from ? [{ state, from, to }] : [];

/** A state that nobody saw end: it held as long as somebody watched, and is unknown from then on. */
function open(state: HealthState, from: number, to: number, unwatched: readonly Unwatched[]): readonly Stretch[] {
  const first = unwatched.filter(one => one.to > from).toSorted((one, other) => one.to - other.to)[0];
  const held = Math.min(to, Math.max(from, first?.from ?? to));
  return [...stretch(state, from, held), ...stretch('unknown', held, to)];
}

/**
 * What held when, without gaps from the first transition's `from` up to `to` (or the last transition), in order. A transition tells how long the
 * state before it had lasted; what lies between two of them that do not meet is the end of one watch and the start of
 * the next. Instants out of order (a clock was set) are taken in the order of their times, and overlap nothing.
 */
export function stretchesOf(moves: readonly Move[], to: number, unwatched: readonly Unwatched[]): readonly Stretch[] {
  const all: Stretch[] = [];
  let last: Move | undefined;
  for (const move of moves.toSorted((one, other) => one.at - other.at)) {
    const began = Math.max(last?.at ?? -Infinity, move.at - Math.max(0, move.lastedMs));
    // A start period that begins anew moves its own beginning, and is one state all the same.
    if (last?.to === move.from) all.push(...stretch(move.from, last.at, began));
    else if (last !== undefined) all.push(...open(last.to, last.at, began, unwatched));
    all.push(...stretch(move.from, began, move.at));
    last = move;
  }
  return last === undefined ? [] : [...all, ...open(last.to, last.at, to, unwatched)];
}

const counts = {
  healthy: 'up',
  unhealthy: 'down',
  starting: 'planned',
  suspended: 'planned',
  unknown: 'unknown',
} as const satisfies Readonly<Record<HealthState, string>>;

/** Outages in order: since when, and how long it was down between the two instants. */
function outagesOf(stretches: readonly Stretch[], within: (one: Stretch) => number) {
  const outages: { since: number; downMs: number; over: boolean }[] = [];
  for (const one of stretches) {
    const last = outages.at(-1);
    if (one.state === 'healthy' && last !== undefined) last.over = true;
    if (one.state !== 'unhealthy') continue;
    if (last === undefined || last.over) outages.push({ since: one.from, downMs: within(one), over: false });
    else last.downMs += within(one);
  }
  return outages;
}

/** Between two instants; what came before is only for how it stood at the first. */
export function uptimeOf(
  moves: readonly Move[],
  { from, to }: { readonly from: number; readonly to: number },
  unwatched: readonly Unwatched[] = [],
): Uptime {
  const stretches = stretchesOf(moves, to, unwatched);
  const within = (one: Stretch): number => Math.max(0, Math.min(one.to, to) - Math.max(one.from, from));
  const sums = { up: 0, down: 0, planned: 0, unknown: 0 };
  for (const one of stretches) sums[counts[one.state]] += within(one);
  const known = sums.up + sums.down + sums.planned;
  const outages = outagesOf(
    stretches.filter(one => one.from < to),
    within,
  );
  const failures = outages.filter(one => one.downMs > 0).length;
  const atEnd = stretches.find(one => one.from < to && one.to >= to);
  const { since } = atEnd?.state === 'unhealthy' ? (outages.at(-1) ?? {}) : {};
  return {
    upMs: sums.up,
    downMs: sums.down,
    plannedMs: sums.planned,
    unknownMs: Math.max(0, to - from) - known,
    failures,
    ...(sums.up + sums.down > 0 ? { availability: sums.up / (sums.up + sums.down) } : {}),
    ...(failures > 0 ? { mtbfMs: sums.up / failures, mttrMs: sums.down / failures } : {}),
    ...(since === undefined ? {} : { downSince: since }),
  };
}

/** That a controller began or ended. */
export interface Life {
  readonly at: number;
  readonly started: boolean;
  /** Of a start: when the one before, which was killed, was last known to watch. */
  readonly seenUntil?: number;
}

/** `now`: one watches, or when the last one, which was killed, was last known to; undefined: nobody knows. */
export function unwatchedOf(lives: readonly Life[], now: 'watches' | number | undefined): readonly Unwatched[] {
  const gaps: Unwatched[] = [];
  let stopped: number | undefined;
  for (const { at, started, seenUntil } of lives.toSorted((one, other) => one.at - other.at)) {
    if (started) gaps.push({ from: stopped ?? seenUntil ?? -Infinity, to: at });
    stopped = started ? undefined : at;
  }
  return now === 'watches' ? gaps : [...gaps, { from: stopped ?? now ?? -Infinity, to: Infinity }];
}
