// What became of a write that a killed process had begun, by what the world shows now.
import type { LeftEnd, LeftIntent } from '../../schema/journal.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen } from '../../schema/state.js';
import { lookupOf, stampOf } from './lookup.js';
import { identityOf } from './machines.js';
import { suspendOf } from './suspends.js';

/** How it ended, and the rest of the sentence "an earlier run was killed while …; …". */
export interface Ending {
  readonly end: LeftEnd;
  readonly text: string;
}

/** A placement whose stamp is not what is wanted, or not finished, is done again by an ordinary pass. */
function isUnfinished(key: PlacementKey, seen: MachineSeen, desired: DesiredState): boolean {
  const stamp = stampOf(seen, key.slice(0, key.indexOf('@')));
  const placement = lookupOf(desired).byKey.get(key);
  if (placement === undefined) return stamp !== undefined && stamp.prunedAt === undefined;
  if (stamp === undefined || stamp.prunedAt !== undefined) return true;
  return stamp.fingerprint !== placement.fingerprint && stamp.failed !== placement.fingerprint;
}

function ofChanges(left: LeftIntent, seen: MachineSeen, desired: DesiredState): Ending {
  const open = left.keys.filter(key => isUnfinished(key as PlacementKey, seen, desired));
  if (open.length === 0) return { end: 'done', text: `${left.where} shows it done` };
  return { end: 'again', text: `${open.join(', ')} is not finished, and stands in the plan` };
}

/** Whether all that it was for is suspended by command: the placements that are named, or the whole machine. */
function suspendStands({ keys }: LeftIntent, seen: MachineSeen): boolean {
  if (keys.length === 0) return suspendOf(seen) !== undefined;
  return keys.every(key => suspendOf(seen, key.slice(0, key.indexOf('@'))) !== undefined);
}

function onMachine(left: LeftIntent, desired: DesiredState, live: LiveState): Ending | undefined {
  const seen = live.machines[left.where];
  if (seen === undefined) return { end: 'gone', text: `${left.where} is not in the registry any more` };
  // Nobody can say yet, or its steps still run over there.
  if (seen.state === 'unknown' || seen.openSteps.includes(left.id)) return undefined;
  switch (left.what) {
    case 'batch':
    case 'copy':
    case 'stamps':
      return ofChanges(left, seen, desired);
    case 'claim':
      return seen.identity === identityOf(desired)
        ? { end: 'done', text: `${left.where} belongs to this repository` }
        : { end: 'gone', text: `${left.where} was not claimed; say it again` };
    case 'forget':
      return seen.stateFolder.exists
        ? { end: 'gone', text: 'our traces are there still; say it again' }
        : { end: 'done', text: 'our traces are gone' };
    case 'lock.break':
      return seen.lock === undefined || !left.keys.includes(seen.lock.process)
        ? { end: 'done', text: 'the lock is broken' }
        : { end: 'gone', text: 'the lock stands there as before; say it again' };
    case 'suspend':
    case 'resume': {
      const stands = suspendStands(left, seen);
      if (stands === (left.what === 'suspend')) return { end: 'done', text: `${left.where} shows it done` };
      return { end: 'gone', text: `it was not done on ${left.where}; say it again` };
    }
    default:
      return { end: 'gone', text: 'nobody can say whether it came to its end' };
  }
}

/**
 * undefined: it cannot be told yet, and stays open. `noted`: for a commit, whether it is in the branch; for a note, whether
 * what its keys name stands there.
 */
export function endingOf(left: LeftIntent, desired: DesiredState, live: LiveState, noted: boolean): Ending | undefined {
  switch (left.to) {
    case 'machine':
      return onMachine(left, desired, live);
    case 'git':
      return noted
        ? { end: 'done', text: 'the commit is in the branch' }
        : { end: 'gone', text: 'the commit is not in the branch; say it again' };
    case 'state':
      if (left.keys.length === 0) return { end: 'again', text: 'it is noted again where it is lacking' };
      return noted ? { end: 'done', text: 'it is noted' } : { end: 'gone', text: 'it was not noted; say it again' };
    case 'history':
      return { end: 'gone', text: 'what it was for is not known any more' };
    default:
      return left.to satisfies never;
  }
}

/** What it was doing, for "an earlier run was killed while …". */
export function doingOf({ to, where, what, keys }: LeftIntent): string {
  if (to === 'history') return 'it noted a run';
  if (to === 'git') return `it committed ${what} to ${where}`;
  if (to === 'state' && what === 'forget') return `it forgot ${keys.join(' ')}`;
  if (to === 'state') return `it noted ${[where, ...keys].join(' ')}`;
  switch (what) {
    case 'batch':
      return `it changed ${keys.join(', ')}`;
    case 'copy':
      return `it brought data of ${keys.join(', ')} to ${where}`;
    case 'stamps':
      return `it noted on ${where} what became of ${keys.join(', ') || 'its changes'}`;
    case 'claim':
      return `it claimed ${where}`;
    case 'forget':
      return `it removed our traces from ${where}`;
    case 'lock.break':
      return `it broke the lock of ${where}`;
    case 'suspend':
      return `it suspended ${keys.join(', ') || where}`;
    case 'resume':
      return `it resumed ${keys.join(', ') || where}`;
    default:
      return `a program ran on ${where}`;
  }
}
