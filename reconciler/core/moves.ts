// Services whose data matter leave one machine before they start on another: from where, and why one may not.
import type { LeftAlone, Movement } from '../../schema/plan.js';
import type { MachineNote } from '../../schema/plan.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen, Placement, Stamp } from '../../schema/state.js';
import { lookupOf, stampOf } from './lookup.js';
import { report } from './machines.js';
import { optional } from './optional.js';
import { handsOff, suspendByName, suspendOf } from './suspends.js';

/** It never runs on two machines at once. */
export const isCarried = (spec: ServiceSpec): boolean => spec.stateful || spec.copies;

export interface MoveAsk {
  readonly desired: DesiredState;
  readonly live: LiveState;
  readonly notes: ReadonlyMap<string, MachineNote>;
  /** Services that a person wants tried again. */
  readonly again: ReadonlySet<string>;
}

interface Standing {
  readonly machine: string;
  readonly stamp: Stamp;
  readonly view: MachineSeen;
}

function stampOn(live: LiveState, machine: string, service: string): Stamp | undefined {
  const view = live.machines[machine];
  return view?.state === 'reachable' ? stampOf(view, service) : undefined;
}

/** Nothing of it counts there: it never was, was stopped for good, or was handed over to where it stands now. */
function isVacant(stamp: Stamp | undefined, service: string, live: LiveState): boolean {
  if (stamp === undefined || stamp.prunedAt !== undefined) return true;
  if (stamp.move?.state !== 'handed') return false;
  const there = stampOn(live, stamp.move.to, service);
  return there !== undefined && there.prunedAt === undefined;
}

/** Stamps of the service where it is not wanted, and machines that may have one. */
function elsewhere(service: string, { desired, live }: MoveAsk) {
  const homes = new Set(
    lookupOf(desired)
      .byService.get(service)
      ?.map(one => one.spec.machine),
  );
  const views = Object.entries(live.machines).filter(([machine]) => !homes.has(machine));
  const standing = views.flatMap(([machine, view]): readonly Standing[] => {
    const stamp = view.state === 'reachable' ? stampOf(view, service) : undefined;
    return view.state === 'unknown' || stamp === undefined ? [] : [{ machine, stamp, view }];
  });
  const unknown = views.flatMap(([machine, view]) => (view.state === 'unknown' ? [machine] : []));
  return { away: standing.filter(one => one.stamp.prunedAt === undefined), standing, unknown };
}

const leftAs = (
  placement: Placement,
  state: LeftAlone['state'],
  why: string,
  more: Partial<LeftAlone> = {},
): LeftAlone => ({ key: placement.key, state, why, ...more });

const blocked = (placement: Placement, why: string): LeftAlone =>
  leftAs(placement, 'blocked', why, { error: report('move-blocked', why) });

const kindOf = ({ spec }: Placement): string => (spec.stateful ? 'is stateful' : 'has data that move along');

/** It would be made anew, and a person has to say so: these machines do not answer, and its data may be there. */
interface Unsure {
  readonly mayBeOn: readonly string[];
}

/** Nothing of it runs anywhere that can be seen: it is new, unless its data were left behind, or are where nobody can look. */
function isNew(
  placement: Placement,
  { standing, unknown }: ReturnType<typeof elsewhere>,
): LeftAlone | Unsure | undefined {
  const behind = standing.find(one => one.stamp.fingerprint !== undefined);
  if (behind !== undefined)
    return blocked(
      placement,
      `it ${kindOf(placement)}, and its data are on ${behind.machine}, where it was stopped: let the registry name ${behind.machine} again first, and move it from there`,
    );
  return unknown.length === 0 ? undefined : { mayBeOn: unknown };
}

/**
 * Hands are off it by its name where it stands still: started here too it would run twice, and what a person looks at would
 * serve no more. What runs here already goes on, and what is said of a whole machine is no word about where its services go.
 */
function handsOffAway(placement: Placement, ask: MoveAsk): LeftAlone | undefined {
  const { service, machine } = placement.spec;
  const own = stampOn(ask.live, machine, service);
  if (own?.prunedAt === undefined && (own?.fingerprint ?? own?.healthy) !== undefined) return undefined;
  for (const { machine: from, view } of elsewhere(service, ask).away) {
    const suspend = suspendByName(view, service);
    if (suspend === undefined) continue;
    const { why, until } = handsOff(suspend, view, ask.live);
    return leftAs(placement, 'suspended', `it is on ${from} still: ${why}`, optional('until', until));
  }
  return undefined;
}

/** Why it cannot leave the machine where it stands. */
function obstacle(placement: Placement, from: Standing, ask: MoveAsk): LeftAlone | undefined {
  const { spec } = placement;
  const note = ask.notes.get(from.machine);
  if (note !== undefined) {
    const state = note.state === 'leaving' ? 'blocked' : note.state;
    return leftAs(placement, state, `it is on ${from.machine} still: ${note.why}`);
  }
  const suspend = suspendOf(from.view, spec.service);
  if (suspend !== undefined) return leftAs(placement, 'suspended', handsOff(suspend, from.view, ask.live).why);
  if (from.stamp.adopted)
    return blocked(
      placement,
      `on ${from.machine} it was taken over, or is a unit that we did not write: we never stop it, so stop it there`,
    );
  if (from.stamp.driver !== spec.type)
    return blocked(
      placement,
      `it moves from ${from.machine} and becomes ${spec.type} instead of ${from.stamp.driver}: do one after the other`,
    );
  return undefined;
}

/** A move that was begun before and came to no good end: why it does not simply begin, or how it goes on. */
function begunBefore(
  placement: Placement,
  own: Stamp | undefined,
  from: Standing,
  ask: MoveAsk,
): LeftAlone | Movement | undefined {
  const { move } = from.stamp;
  if (move === undefined) return undefined;
  const { service, machine, copies } = placement.spec;
  switch (move.state) {
    case 'going': {
      const why = `an earlier move was not finished: it is started on ${from.machine} first`;
      return leftAs(placement, 'in-progress', why);
    }
    case 'handed':
      if (move.to !== machine) return awayFrom(placement, from, ask);
      if (!copies || own !== undefined) return { from: from.machine, copies, handed: true };
      return blocked(
        placement,
        `its data came here from ${from.machine}, and ${machine} knows nothing of them any more`,
      );
    case 'failed': {
      if (move.to !== machine || move.of !== placement.fingerprint || ask.again.has(service)) return undefined;
      const why = `its move from ${from.machine} failed, and it runs there again; correct it in git, or try again with \`portoser deploy ${service}\``;
      return leftAs(placement, 'held', why, { error: report('move-failed', why) });
    }
    default:
      return move.state satisfies never;
  }
}

/** It was handed over to a machine that is asked no more for it, if that answers; undefined: nothing of it stands there. */
function awayFrom(placement: Placement, { machine, stamp }: Standing, { live }: MoveAsk): LeftAlone | undefined {
  const to = stamp.move?.to ?? '';
  if (live.machines[to]?.state !== 'unknown') return undefined;
  return leftAs(placement, 'unknown', `${machine} handed it over to ${to}, which does not answer: it may run there`);
}

/**
 * How a placement comes to its machine when the service stands elsewhere; why it may not; where it may be unseen; undefined:
 * it does not come from anywhere.
 */
export function arrivalOf(placement: Placement, ask: MoveAsk): Movement | LeftAlone | Unsure | undefined {
  const { spec } = placement;
  if (!isCarried(spec)) return handsOffAway(placement, ask);
  const found = elsewhere(spec.service, ask);
  const own = stampOn(ask.live, spec.machine, spec.service);
  const view = ask.live.machines[spec.machine];
  const lent = own?.move?.state === 'handed' && view?.state === 'reachable';
  const gone = lent ? awayFrom(placement, { machine: spec.machine, stamp: own, view }, ask) : undefined;
  if (gone !== undefined) return gone;
  if (!isVacant(own, spec.service, ask.live)) {
    const handed = found.away.find(one => one.stamp.move?.state === 'handed' && one.stamp.move.to === spec.machine);
    if (handed === undefined || own?.fingerprint !== undefined) return undefined;
    return { from: handed.machine, copies: spec.copies, handed: true };
  }
  const siblings = lookupOf(ask.desired).byService.get(spec.service) ?? [];
  // Whoever was handed the data has them, though this machine is wanted again.
  const holder = own?.prunedAt === undefined && own?.move !== undefined ? own.move.to : undefined;
  const away = found.away.filter(one => holder === undefined || one.machine === holder);
  const [from, ...others] = away;
  if (from === undefined) return isNew(placement, found);
  const vacant = siblings.filter(one =>
    isVacant(stampOn(ask.live, one.spec.machine, spec.service), spec.service, ask.live),
  );
  if (others.length > 0 || vacant.length > 1) {
    const names = away.map(one => one.machine).join(', ');
    return blocked(
      placement,
      `it stands on ${names}, and ${vacant.map(one => one.spec.machine).join(', ')} are new: move one at a time`,
    );
  }
  const why = obstacle(placement, from, ask) ?? begunBefore(placement, own, from, ask);
  return why ?? { from: from.machine, copies: spec.copies, handed: false };
}

/**
 * Whether what stands stopped here is started again, because its move came to nothing: only as long as nothing was handed
 * over. From then on it goes forward, so that two controllers never go different ways.
 */
export const resumes = ({ move }: Stamp): boolean => move?.state === 'going';

/** What a person has to know before a service starts without what it had. */
export function bareMove(change: {
  readonly key: string;
  readonly service: string;
  readonly move?: Movement;
  readonly mayBeOn?: readonly string[];
}): string | undefined {
  const { key, move, mayBeOn, service } = change;
  if (mayBeOn !== undefined)
    return `${key} is seen nowhere and may be on ${mayBeOn.join(', ')}, not answering: here it would start without what it has there, and might run twice`;
  if (move === undefined || move.copies || move.handed) return undefined;
  return `${key} would start without its data: ${service} is stateful and has no \`data: copy\`, so what it has on ${move.from} stays there`;
}
