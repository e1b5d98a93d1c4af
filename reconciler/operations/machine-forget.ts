// Removes our traces from a machine that left the registry, or only drops it where it cannot be reached; its services run on.
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen, RunState } from '../../schema/state.js';
import { claimedByOther } from '../core/machines.js';
import { desire } from '../loop/desired.js';
import { type Fleet, leftOf, readFleet, successorOf, withoutRenamed } from '../loop/fleet.js';
import { dropMachine, removeTraces, type TracesEnd } from '../loop/forget.js';
import { look } from '../loop/look.js';
import { sync } from '../loop/sync.js';
import type { Context, Operation } from './operation.js';
import { nearest, needRegistry } from './parts/names.js';
import { choice, object, text } from './parts/shape.js';

const input = object(
  {
    name: text('Name of the machine'),
    accept: choice(
      ['remove', 'drop'],
      'What a person was shown and wants: remove our traces there, or only drop it from our list. Without it, nothing is done',
    ),
  },
  ['name'],
);

/** Something of ours that goes on there without us. */
export interface LeftService {
  readonly service: string;
  readonly run: RunState | 'absent' | 'unknown';
  readonly path: string;
  /** What people find it by there. */
  readonly unit?: string;
  readonly project?: string;
  readonly pids: readonly number[];
}

export interface Forgetting {
  readonly machine: string;
  readonly host: string;
  readonly user: string;
  /** `remove`: our state folder there goes. `drop`: nothing is touched there, for the reason `why`. */
  readonly does: 'remove' | 'drop';
  readonly why?: string;
  readonly folder?: string;
  readonly services: readonly LeftService[];
  /** Stamps besides these that cannot be read: what they stand for is not known. */
  readonly unreadableStamps?: number;
  /** Absent: nothing was done yet. `nothing`: there was nothing to remove there. */
  readonly done?: TracesEnd;
}

interface Left {
  readonly machine: Machine;
  readonly desired: DesiredState;
  readonly live: LiveState;
}

function needLeft(name: string, fleet: Fleet, desired: DesiredState): Machine {
  if (desired.machines.some(one => one.name === name))
    throw new AppError('machine-in-registry', `${name} is in the registry`);
  const left = leftOf(fleet, desired);
  const found = left.find(one => one.name === name);
  if (found !== undefined) return found;
  const names = left.map(one => one.name);
  const none = names.length === 0 ? 'It knows of none that left.' : 'See `portoser status` for what is leaving.';
  throw new AppError('unknown-name', `this state folder knows of no machine \`${name}\` that left the registry`, {
    hint: nearest(name, names) ?? none,
  });
}

/** Why nothing may be touched there; undefined: our traces can be removed. */
function untouched({ machine, desired, live }: Left): string | undefined {
  const successor = successorOf(machine, desired);
  if (successor !== undefined) return `the registry has its address under the name ${successor.name}`;
  if (withoutRenamed([machine], live, desired).length === 0)
    return 'it is in the registry under another name: the same machine answers there';
  const view = live.machines[machine.name];
  if (view?.state !== 'reachable') return `it cannot be reached: ${view?.error.message ?? 'it was not looked at'}`;
  if (!view.stateFolder.exists) return 'nothing of ours is there';
  return claimedByOther(machine.name, view, desired)?.message;
}

function servicesOf({ machine, live }: Left, view: MachineSeen): readonly LeftService[] {
  return view.stamps.map(({ service, path, unit, project }) => {
    const sighting = live.sightings[`${service}@${machine.name}`];
    const run = sighting?.state === 'present' ? sighting.run : (sighting?.state ?? 'unknown');
    return {
      service,
      run,
      path,
      ...(unit === undefined ? {} : { unit }),
      ...(project === undefined ? {} : { project }),
      pids: sighting?.state === 'present' ? sighting.pids : [],
    };
  });
}

function shown(left: Left): Forgetting {
  const { name: machine, host, user } = left.machine;
  const view = left.live.machines[machine];
  const why = untouched(left);
  const seen = view?.state === 'reachable' ? view : undefined;
  if (why !== undefined || seen === undefined)
    return { machine, host, user, does: 'drop', services: [], ...(why === undefined ? {} : { why }) };
  if (seen.openSteps.length > 0) throw new AppError('machine-lock', `a change is running on ${machine}`);
  const { stateFolder, unreadableStamps } = seen;
  return {
    machine,
    host,
    user,
    does: 'remove',
    folder: stateFolder.path,
    services: servicesOf(left, seen),
    ...(unreadableStamps === undefined ? {} : { unreadableStamps }),
  };
}

async function carryOut({ ports }: Context, left: Left, forgetting: Forgetting): Promise<Forgetting> {
  const services = forgetting.services.map(one => one.service);
  const done = forgetting.does === 'drop' ? 'nothing' : await removeTraces({ ports, ...left, services });
  await dropMachine(ports, left.machine.name);
  return { ...forgetting, done };
}

export const machineForget: Operation<typeof input, Forgetting> = {
  name: 'machine.forget',
  summary: 'Remove our traces from a machine that left the registry',
  effect: 'changes',
  changed: ({ done }) => done !== undefined,
  role: 'admin',
  input,
  run: async (context, { name, accept }) => {
    const { ports, lists } = context;
    const synced = await sync(ports, { from: ports.source.git === undefined ? 'files' : 'commit' });
    needRegistry(synced);
    const desired = await desire(ports, lists, synced);
    const machine = needLeft(name, await readFleet(ports.state), desired);
    const left = { machine, desired, live: await look(ports, lists, desired, { leaving: [machine] }) };
    const forgetting = shown(left);
    if (accept === undefined) return forgetting;
    if (accept !== forgetting.does)
      throw new AppError('stale-plan', `${name} is not as it was shown: ${forgetting.why ?? 'it answers now'}`, {
        hint: 'Run it again.',
      });
    return await carryOut(context, left, forgetting);
  },
};
