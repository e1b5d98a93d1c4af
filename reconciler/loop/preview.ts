// Looks and thinks without touching anything: the plan as it would be made now, and who answers.
import { AppError } from '../../schema/errors.js';
import { everyChange } from '../../schema/holds.js';
import type { LeftAlone, Plan } from '../../schema/plan.js';
import type { Machine, PlacementKey, Registry } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, Verdict } from '../../schema/state.js';
import { membersOf } from '../core/groups.js';
import { diff } from '../core/diff.js';
import { guard } from '../core/guard.js';
import { isolationOf } from '../core/isolation.js';
import { makePlan, type Selection } from '../core/plan.js';
import type { Lists } from '../operations/operation.js';
import type { Ports, RepoFiles } from '../ports.js';
import { approachFleet } from './approach.js';
import { readApprovals } from './approvals.js';
import { checkOnce } from './check.js';
import { withCulprits } from './culprit.js';
import { desire } from './desired.js';
import { leavingOf, readFleet, withoutRenamed } from './fleet.js';
import { insteadOfFailed } from './instead.js';
import { look } from './look.js';
import type { CheckedMachine } from './look-checks.js';
import { rewrittenPast } from './rewritten.js';
import { forgetTries, triesOf } from './retries.js';
import { sessionOf } from './session.js';
import { sync, type Synced } from './sync.js';
import { unclearMachines } from './unclear.js';

export interface Choice {
  /** Names of services. */
  readonly only?: readonly string[];
  readonly group?: string;
  readonly machine?: string;
  readonly noDeps?: boolean;
}

export interface PreviewAsk extends Choice {
  readonly from: 'commit' | 'files';
  /** Also ask every placement once whether it answers. */
  readonly check?: boolean;
  /** A person asks for just these: a revision that failed before is tried again. */
  readonly again?: boolean;
}

export interface Preview {
  readonly synced: Synced;
  readonly desired?: DesiredState;
  readonly live?: LiveState;
  readonly plan?: Plan;
  readonly leaving?: readonly Machine[];
  readonly olderFiles?: ReadonlyMap<PlacementKey, RepoFiles>;
  readonly verdicts?: ReadonlyMap<PlacementKey, Verdict>;
}

/** Throws `unknown-name` for a service, group or machine that the registry does not have. */
export function selectionOf(registry: Registry, choice: Choice): Selection {
  const services = new Set(registry.placements.map(placement => placement.service));
  const unknown = (kind: string, name: string) =>
    new AppError('unknown-name', `there is no ${kind} "${name}" in the registry`);
  const missing = choice.only?.find(name => !services.has(name));
  if (missing !== undefined) throw unknown('service', missing);
  const group = choice.group === undefined ? undefined : membersOf(registry, choice.group);
  if (choice.group !== undefined && group === undefined) throw unknown('group', choice.group);
  const known = choice.machine === undefined || registry.machines.some(machine => machine.name === choice.machine);
  if (!known) throw unknown('machine', choice.machine ?? '');
  const chosen = [...(choice.only ?? []), ...(group ?? [])];
  return {
    ...(choice.only === undefined && group === undefined ? {} : { services: new Set(chosen) }),
    ...(choice.machine === undefined ? {} : { machine: choice.machine }),
    ...(choice.noDeps === undefined ? {} : { noDeps: choice.noDeps }),
  };
}

export interface Considered {
  /** What is in force: git's, and the last healthy revision of what failed. */
  readonly desired: DesiredState;
  /** Where the files of placements lie that are not of the desired commit. */
  readonly olderFiles: ReadonlyMap<PlacementKey, RepoFiles>;
  readonly live: LiveState;
  readonly plan: Plan;
  readonly leaving: readonly Machine[];
}

/** One machine, for whose turn it is there: only this one is looked at, the others are as they were seen. */
export interface There {
  readonly machine: Machine;
  readonly live: LiveState;
  readonly leaving: readonly Machine[];
}

export interface ConsiderAsk extends PreviewAsk {
  readonly approved?: string;
  readonly toTheEnd?: boolean;
  readonly there?: There;
}

const joined = (before: LiveState, again: LiveState): LiveState => ({
  ...before,
  machines: { ...before.machines, ...again.machines },
  sightings: { ...before.sightings, ...again.sightings },
});

interface Looked {
  readonly live: LiveState;
  readonly leaving: readonly Machine[];
}

async function lookFirst(ports: Ports, lists: Lists, newest: DesiredState, there?: There): Promise<Looked> {
  if (there !== undefined) {
    const { machine, live, leaving } = there;
    const only = new Set([machine.name]);
    return { live: joined(live, await look(ports, lists, newest, { only, leaving })), leaving };
  }
  const candidates = leavingOf(await readFleet(ports.state), newest);
  const live = await look(ports, lists, newest, { leaving: candidates });
  return { live, leaving: withoutRenamed(candidates, live, newest) };
}

/** From a synced registry to a guarded plan: the thinking that a preview and a pass share. */
export async function consider(ports: Ports, lists: Lists, synced: Synced, asked: ConsiderAsk): Promise<Considered> {
  const { there } = asked;
  const ask = there === undefined ? asked : { ...asked, machine: there.machine.name };
  const newest = await desire(ports, lists, synced);
  const selection = synced.registry === undefined ? {} : selectionOf(synced.registry, ask);
  // What ends while machines are looked at was seen half done: busy is who was so when the look began, or is so after it.
  const { busy: running } = sessionOf(ports);
  const before = [...running.keys()];
  const { live: first, leaving } = await lookFirst(ports, lists, newest, there);
  const again =
    ask.again === true
      ? (selection.services ?? new Set(newest.placements.map(one => one.spec.service)))
      : new Set<string>();
  const { desired, files: olderFiles } = await insteadOfFailed(ports, lists, newest, first, again);
  const live = await lookAgain(ports, lists, { desired, leaving }, first, there);
  const changing = [...before, ...running.keys()].filter(name => name !== there?.machine.name);
  const busy = new Set([...changing, ...unclearMachines(ports)]);
  const differences = diff(desired, live, {
    drivers: lists.drivers,
    busy,
    again,
    leaving: leaving.map(machine => machine.name),
  });
  const approvals = Object.keys(await readApprovals(ports.state));
  const approved = new Set(ask.approved === undefined ? approvals : [...approvals, ask.approved]);
  const tries = triesOf(ports, desired);
  // Only the controller leaves a change alone until its next try: who asks for a pass wants it tried now.
  const now = ask.toTheEnd === false && ask.again !== true ? tries : { ...tries, resting: new Map() };
  const plan = guard(makePlan(differences, desired, selection), desired, live, approved, now);
  if (selection.services === undefined && selection.machine === undefined)
    forgetTries(ports, plan, name => live.machines[name]?.state === 'reachable' && !busy.has(name));
  const rewritten = approved.has(plan.id) ? undefined : await rewrittenPast(ports, synced, desired, live);
  const held = rewritten === undefined ? {} : { held: { why: rewritten } };
  const told = await withCulprits(ports, { desired, live }, { ...plan, ...held });
  const isolated = isolationOf(desired, live);
  return { desired, olderFiles, live, plan: { ...told, ...(isolated && { isolated }) }, leaving };
}

/** What an older revision runs from (its path, unit, files) may be elsewhere: its machine is looked at with that in mind. */
async function lookAgain(
  ports: Ports,
  lists: Lists,
  { desired, leaving }: Pick<Considered, 'desired' | 'leaving'>,
  live: LiveState,
  there?: There,
): Promise<LiveState> {
  const machines = desired.placements.flatMap(one => (one.instead === undefined ? [] : [one.spec.machine]));
  const only = new Set(machines.filter(name => there === undefined || name === there.machine.name));
  return only.size === 0 ? live : joined(live, await look(ports, lists, desired, { only, leaving }));
}

/** Placements that run as they are wanted and can be asked whether they answer. */
function askable({ plan, desired }: Considered): DesiredState['placements'] {
  // What drifted runs all the same, be it left so or repaired when somebody approves that.
  const changing = new Set(everyChange(plan).flatMap(one => (one.reason === 'drifted' ? [] : [one.key])));
  const instead = new Set(desired.placements.flatMap(one => (one.instead === undefined ? [] : [one.key])));
  const runs = ({ key, state }: LeftAlone) => state === 'drifted' || (state === 'held' && instead.has(key));
  const aside = new Set(plan.leftAlone.flatMap(one => (runs(one) ? [] : [one.key])));
  return desired.placements.filter(one => !changing.has(one.key) && !aside.has(one.key));
}

/** Machines that can be asked. */
export const reachableOf = ({ desired, live }: Pick<Considered, 'desired' | 'live'>): readonly CheckedMachine[] =>
  desired.machines.flatMap(machine => {
    const view = live.machines[machine.name];
    return view?.state === 'reachable' ? [{ machine, cluster: desired.cluster, facts: view.facts }] : [];
  });

export async function checkSettled(
  ports: Ports,
  lists: Lists,
  considered: Considered,
): Promise<ReadonlyMap<PlacementKey, Verdict>> {
  const placements = askable(considered);
  if (placements.length === 0) return new Map();
  const machines = reachableOf(considered);
  return await checkOnce(placements, machines, lists, { ...ports }, { sightings: considered.live.sightings });
}

export async function preview(ports: Ports, lists: Lists, ask: PreviewAsk): Promise<Preview> {
  const [synced] = await Promise.all([sync(ports, { from: ask.from }), approachFleet(ports)]);
  if (synced.registry === undefined) return { synced };
  const considered = await consider(ports, lists, synced, ask);
  const verdicts = ask.check === true ? { verdicts: await checkSettled(ports, lists, considered) } : {};
  return { synced, ...considered, ...verdicts };
}
