// What is amiss and for how long, and what of it is to be told now: once when it begins, hourly while it lasts, once when it is over.
import type { NotifyKind, Telling } from '../../schema/notify.js';
import { optional } from './optional.js';

/** Something amiss, as it is seen now. */
export interface Amiss {
  /** What it is known by: `machine.down:m1`. */
  readonly key: string;
  readonly kind: NotifyKind;
  readonly subject: string;
  readonly what: string;
  readonly why: string;
  readonly todo?: string;
  readonly commit?: string;
  readonly urgent?: true;
  /** Another revision that fails is another failure, told at once. */
  readonly revision?: string;
  /** How long it must last before it is told; default: told at once. */
  readonly patienceMs?: number;
  /** It is seen to go on; where it was seen to begin, more was known of why. */
  readonly afterwards?: true;
}

/** Something that is, or lately was, amiss. Instants in milliseconds since 1970. */
export interface Incident extends Amiss {
  readonly sinceAt: number;
  /** When it was told first, and last; absent: not yet. */
  readonly openedAt?: number;
  readonly toldAt?: number;
  /** It is away since then, but it comes and goes: that it is over is not said yet. */
  readonly awayAt?: number;
  readonly times: number;
  /** It came back within the hour: from then on it is over only after it stayed away. */
  readonly unsteady?: true;
}

export interface Incidents {
  readonly open: Readonly<Record<string, Incident>>;
  /** When what is over was told first, for an hour. */
  readonly past: Readonly<Record<string, number>>;
}

export const noIncidents: Incidents = { open: {}, past: {} };

/** What was seen at one look, and how what was not seen is to be taken. */
export interface Look {
  readonly seen: readonly Amiss[];
  /** How it came to its end, in a sentence's part; undefined: this look cannot tell, and it stands as before. */
  readonly ended: (incident: Incident) => string | undefined;
}

/** A look that sees nothing and judges nothing: only time has passed. */
export const nothingSeen: Look = { seen: [], ended: () => undefined };

export interface Step {
  readonly incidents: Incidents;
  readonly tellings: readonly Telling[];
}

export const repeatMs = 3_600_000;
/** What comes and goes must stay away for so long. */
export const calmMs = 15 * 60_000;

/** A clock that was set back must not silence what is told by it. */
const past = (at: number, now: number): number => Math.min(at, now);

function begun(amiss: Amiss, before: number | undefined, now: number): Incident {
  const unsteady = before !== undefined && now - before < repeatMs;
  return { ...amiss, sinceAt: now, times: 1, ...(unsteady && { unsteady }) };
}

function goesOn(known: Incident, amiss: Amiss, now: number): Incident {
  const { sinceAt, openedAt, toldAt, awayAt, unsteady } = known;
  if (known.revision !== amiss.revision && amiss.revision !== undefined)
    return { ...begun(amiss, undefined, now), ...(unsteady && { unsteady }) };
  const { why, todo } = amiss.afterwards ? known : amiss;
  return {
    ...amiss,
    why,
    ...optional('todo', todo),
    ...optional('commit', known.commit ?? amiss.commit),
    ...optional('revision', known.revision),
    sinceAt,
    ...optional('openedAt', openedAt),
    ...optional('toldAt', toldAt),
    ...optional('unsteady', unsteady),
    times: awayAt === undefined ? known.times : known.times + 1,
  };
}

function tellingOf(incident: Incident, state: Telling['state'], at: number, why = incident.why): Telling {
  const { key, kind, subject, what, todo, commit, urgent, sinceAt, times } = incident;
  const more = { ...(todo !== undefined && state !== 'over' && { todo }), ...(commit && { commit }) };
  return {
    state,
    kind,
    key,
    subject,
    what,
    why,
    ...more,
    ...(urgent && { urgent }),
    sinceAt,
    at,
    ...(times > 1 && { times }),
  };
}

/** What is there is told when its time has come. */
function remind(incident: Incident, now: number): { readonly incident: Incident; readonly telling?: Telling } {
  if (incident.awayAt !== undefined) return { incident };
  const { toldAt } = incident;
  if (toldAt === undefined) {
    if (now - past(incident.sinceAt, now) < (incident.patienceMs ?? 0)) return { incident };
    const told = { ...incident, openedAt: now, toldAt: now };
    return { incident: told, telling: tellingOf(told, 'open', now) };
  }
  if (now - past(toldAt, now) < repeatMs)
    return toldAt > now ? { incident: { ...incident, toldAt: now } } : { incident };
  const told = { ...incident, toldAt: now };
  return { incident: told, telling: tellingOf(told, 'again', now) };
}

/** undefined: it is over; the telling says so, where it was told at all. */
function leave(
  incident: Incident,
  why: string | undefined,
  now: number,
): { readonly incident?: Incident; readonly telling?: Telling } {
  if (why === undefined && incident.awayAt === undefined) return { incident };
  if (incident.toldAt === undefined) return {};
  const awayAt = past(incident.awayAt ?? now, now);
  const calm = incident.unsteady !== true || now - awayAt >= calmMs;
  if (!calm) return { incident: { ...incident, awayAt } };
  return { telling: tellingOf(incident, 'over', now, why ?? 'it stayed away') };
}

/** Pure: the same looks at the same times are told the same, also when the notes were read again from a disk in between. */
export function step(before: Incidents, look: Look, now: number): Step {
  const open: Record<string, Incident> = {};
  const lately = Object.entries(before.past).filter(([, at]) => now - past(at, now) < repeatMs);
  const recent: Record<string, number> = Object.fromEntries(lately);
  const tellings: Telling[] = [];
  const seen = new Map(look.seen.map(one => [one.key, one]));
  const keep = (incident: Incident): void => {
    const reminded = remind(incident, now);
    open[incident.key] = reminded.incident;
    if (reminded.telling !== undefined) tellings.push(reminded.telling);
  };
  for (const known of Object.values(before.open)) {
    const amiss = seen.get(known.key);
    if (amiss !== undefined) {
      keep(goesOn(known, amiss, now));
      continue;
    }
    const left = leave(known, look.ended(known), now);
    if (left.telling !== undefined) {
      tellings.push(left.telling);
      recent[known.key] = known.openedAt ?? now;
    }
    if (left.incident !== undefined) keep(left.incident);
  }
  for (const amiss of seen.values())
    if (before.open[amiss.key] === undefined) keep(begun(amiss, recent[amiss.key], now));
  return { incidents: { open, past: recent }, tellings };
}

/** When `step` has something to tell though nothing new is seen; Infinity: never. */
export function nextStepAt({ open }: Incidents): number {
  const instants = Object.values(open).map(({ awayAt, toldAt, sinceAt, patienceMs = 0 }) => {
    if (awayAt !== undefined) return awayAt + calmMs;
    return toldAt === undefined ? sinceAt + patienceMs : toldAt + repeatMs;
  });
  return Math.min(Number.POSITIVE_INFINITY, ...instants);
}
