// Our own state folder on a machine: whose it is, whether it can be used, who is at work there, and what is left of earlier times.
import type { Stamp } from '../../schema/state.js';
import { durationText } from './durations.js';
import { amiss, fine, type Patient, type Remark } from './doctor-remark.js';
import { claimedByOther, judgeMachines, report, unreadableStamps } from './machines.js';

/** As the words of the lock have it: without renewal for so long, others take it over. */
const lockSeconds = 60;

function owner(patient: Patient): readonly Remark[] {
  const { machine, seen, desired, live } = patient;
  const twin = judgeMachines(desired, live, new Set()).get(machine.name)?.error;
  const twins = twin?.code === 'machine-duplicate' ? [amiss('owner', twin)] : [];
  const claimed = claimedByOther(machine.name, seen, desired);
  if (claimed !== undefined) return [amiss('owner', claimed), ...twins];
  const text =
    seen.identity === undefined ? 'belongs to nobody yet: the first change takes it' : 'belongs to this repository';
  return [fine('owner', text), ...twins];
}

function folder({ machine, seen, asked }: Patient): Remark {
  const { path, exists } = seen.stateFolder;
  const root = asked.sudo === 'yes' || asked.sudo === 'root';
  if (exists && asked.stateOpen) return fine('state', `${path} can be written`);
  if (!exists && (asked.stateOpen || root)) return fine('state', 'there is none yet: the first change makes it');
  const what = exists ? 'cannot be written' : 'cannot be made';
  return amiss('state', report('machine-state', `the state folder ${path} on ${machine.name} ${what}`));
}

function work({ seen: { lock, openSteps } }: Patient): Remark {
  const wait = 'Wait for it; a lock without renewal is taken over after 60 s.';
  if (openSteps.length > 0)
    return { subject: 'work', level: 'warning', text: `a change is running (${openSteps.join(', ')})`, hint: wait };
  if (lock === undefined) return fine('work', 'nothing is being changed there');
  const held = `controller ${lock.controller} has had its lock for ${lock.ageSeconds} s`;
  return Math.abs(lock.ageSeconds) > lockSeconds
    ? fine('work', `${held} without renewal: the next change takes it over`)
    : { subject: 'work', level: 'warning', text: held, hint: wait };
}

const named = (stamps: readonly Stamp[]): string => stamps.map(stamp => stamp.service).join(', ');

/** Stamps of what the registry does not place there. */
function leftovers({ machine, seen, desired }: Patient): readonly Remark[] {
  const wanted = new Set<string>(desired.placements.map(one => one.key));
  const unknown = seen.stamps.filter(stamp => !wanted.has(`${stamp.service}@${machine.name}`));
  const stopped = unknown.filter(stamp => stamp.prunedAt !== undefined);
  const running = unknown.filter(stamp => stamp.prunedAt === undefined);
  const unreadable = unreadableStamps(machine.name, seen);
  const keeps = desired.policy.prune === 'keep';
  const stays = (verb: string) =>
    `${named(running)} ${verb}, and the registry does not place ${running.length === 1 ? 'it' : 'them'} here`;
  return [
    ...(unreadable === undefined ? [] : [amiss('stamps', unreadable)]),
    ...(stopped.length === 0
      ? []
      : [
          fine(
            'stamps',
            `${named(stopped)} left the registry: stopped, and removed after ${durationText(desired.policy.pruneAfterMs)} with all data kept`,
          ),
        ]),
    ...(running.length === 0
      ? []
      : [
          keeps
            ? fine('stamps', `${stays('stays')}: policy.prune keeps it`)
            : {
                subject: 'stamps',
                level: 'warning' as const,
                text: stays('is ours'),
                hint: `See \`portoser plan --machine ${machine.name}\`: the next pass stops what is not wanted any more.`,
              },
        ]),
    ...(unknown.length === 0 && unreadable === undefined
      ? [fine('stamps', `${seen.stamps.length} of ours, all of them placed here`)]
      : []),
  ];
}

export function stateRemarks(patient: Patient): readonly Remark[] {
  return [...owner(patient), folder(patient), work(patient), ...leftovers(patient)];
}
