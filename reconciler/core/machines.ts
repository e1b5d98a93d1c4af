// Which machines may be worked on: one that lies about itself, stands there twice or belongs to another repository may not.
import { catalogue, type ErrorCode, type ErrorReport } from '../../schema/errors.js';
import type { MachineNote } from '../../schema/plan.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen } from '../../schema/state.js';
import { handsOff, suspendOf } from './suspends.js';

export function report(code: ErrorCode, message: string): ErrorReport {
  return { code, message, hint: catalogue[code].hint, retry: catalogue[code].retry };
}

/** What a registry outside any repository is known by on machines: its name alone. */
export const identityOf = (desired: DesiredState): string => (desired.rootCommit === '' ? '-' : desired.rootCommit);

/**
 * Two views of one machine: by our id, or before the first change (or where each user has a state folder of its own) by
 * boot and host name. One user with two state folders is two embedded machines.
 */
function isSame(one: MachineSeen, other: MachineSeen): boolean {
  if (one.id !== undefined && other.id !== undefined) return one.id === other.id;
  const [a, b] = [one.facts, other.facts];
  if (a.bootId === '' || a.bootId !== b.bootId || a.hostname !== b.hostname) return false;
  return a.user !== b.user || one.stateFolder.path === other.stateFolder.path;
}

/** For each machine of the registry that answers, all of them that are the same one, itself included. */
function twins(desired: DesiredState, live: LiveState): readonly (readonly [string, readonly string[]])[] {
  const seen = desired.machines.flatMap(({ name }) => {
    const view = live.machines[name];
    return view?.state === 'reachable' ? [{ name, view }] : [];
  });
  return seen.map(({ name, view }) => [name, seen.filter(other => isSame(view, other.view)).map(other => other.name)]);
}

const blocked = (machine: string, error: ErrorReport): MachineNote => ({
  machine,
  state: 'blocked',
  error,
  why: error.message,
});

/** What the machine says of itself against what the registry says of it. */
export function contradiction(machine: Machine, seen: MachineSeen): ErrorReport | undefined {
  const { platform, arch } = seen.facts;
  if (platform !== machine.platform) {
    return report('machine-platform', `${machine.name} says it is ${platform}, the registry says ${machine.platform}`);
  }
  if (machine.arch !== undefined && machine.arch !== arch) {
    return report('machine-platform', `${machine.name} says it is ${arch}, the registry says ${machine.arch}`);
  }
  return undefined;
}

/** Another repository has the cluster's name there. */
export function claimedByOther(machine: string, seen: MachineSeen, desired: DesiredState): ErrorReport | undefined {
  if (seen.identity === undefined || seen.identity === identityOf(desired)) return undefined;
  const owner =
    seen.identity === '-'
      ? 'a registry outside any repository'
      : `the repository that began with ${seen.identity.slice(0, 12)}`;
  return report('machine-claimed', `on ${machine} the cluster "${desired.cluster}" belongs to ${owner}`);
}

/** Nobody can tell what is ours there. */
export function unreadableStamps(machine: string, seen: MachineSeen): ErrorReport | undefined {
  if (seen.unreadableStamps === undefined) return undefined;
  const where = `${seen.stateFolder.path}/stamps`;
  const message = `${seen.unreadableStamps} stamps in ${where} of ${machine} are damaged or of a newer version`;
  return report('machine-stamps', message);
}

function noteOf(
  machine: Machine,
  desired: DesiredState,
  live: LiveState,
  busy: ReadonlySet<string>,
): MachineNote | undefined {
  const view = live.machines[machine.name];
  if (machine.suspend !== undefined) {
    const why = machine.suspend === true ? 'suspended in the registry' : `suspended: ${machine.suspend}`;
    return { machine: machine.name, state: 'suspended', why };
  }
  if (view === undefined || view.state === 'unknown') {
    const error = view?.error ?? report('ssh-unreachable', `${machine.name} was not looked at`);
    return { machine: machine.name, state: 'unknown', error, why: error.message };
  }
  const lie = contradiction(machine, view);
  if (lie) return blocked(machine.name, lie);
  const claimed = claimedByOther(machine.name, view, desired);
  if (claimed) return blocked(machine.name, claimed);
  const unreadable = unreadableStamps(machine.name, view);
  if (unreadable) return blocked(machine.name, unreadable);
  const suspend = suspendOf(view);
  if (suspend !== undefined) return { machine: machine.name, state: 'suspended', ...handsOff(suspend, view, live) };
  if (busy.has(machine.name) || view.openSteps.length > 0) {
    return { machine: machine.name, state: 'in-progress', why: `a change is running on ${machine.name}` };
  }
  return undefined;
}

/**
 * Notes on the machines of the registry that are not worked on. `busy`: names of those on which this controller is
 * changing something right now.
 */
export function judgeMachines(
  desired: DesiredState,
  live: LiveState,
  busy: ReadonlySet<string>,
): ReadonlyMap<string, MachineNote> {
  const notes = new Map<string, MachineNote>();
  for (const machine of desired.machines) {
    const note = noteOf(machine, desired, live, busy);
    if (note) notes.set(machine.name, note);
  }
  for (const [name, names] of twins(desired, live)) {
    if (names.length < 2) continue;
    notes.set(name, blocked(name, report('machine-duplicate', `${names.join(' and ')} are one and the same machine`)));
  }
  return notes;
}
