// Gives back locks of this controller under which nobody works any more: what a machine that crashed between its stamps and the end of its lock keeps.
import { asAppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, LockSeen } from '../../schema/state.js';
import type { Ports } from '../ports.js';
import { breakLockOf } from './locks.js';
import { isBusy, occupied } from './machine-turn.js';

/** The lock there, when it is this process's or one's of this controller that is gone, and none of its steps runs. */
async function leftOn({ state }: Ports, live: LiveState, machine: string): Promise<LockSeen | undefined> {
  const view = live.machines[machine];
  if (view?.state !== 'reachable' || view.lock === undefined || view.openSteps.length > 0) return undefined;
  const { controller, process } = view.lock;
  if (controller !== (await state.controllerId())) return undefined;
  return process === state.processName || !state.runs(process) ? view.lock : undefined;
}

async function giveBack(ports: Ports, machine: Machine, desired: DesiredState, lock: LockSeen): Promise<void> {
  try {
    await occupied(ports, machine.name, () => breakLockOf(ports, machine, desired, lock));
    ports.log.info({ machine: machine.name, process: lock.process }, 'a lock that was left there is given back');
  } catch (thrown) {
    // It hinders nobody of this controller, and another one only for a minute; the next pass sees it again.
    ports.log.debug({ machine: machine.name, code: asAppError(thrown).code }, 'a lock that was left there stays');
  }
}

/** Where something is to be done, the lock is taken over for that; elsewhere nothing else would ever end it. */
export async function giveBackLeft(
  ports: Ports,
  { desired, live }: { readonly desired: DesiredState; readonly live: LiveState },
  toDo: ReadonlySet<string>,
): Promise<void> {
  const idle = desired.machines.filter(machine => !toDo.has(machine.name));
  await Promise.all(
    idle.map(async machine => {
      const lock = await leftOn(ports, live, machine.name);
      if (lock !== undefined && !isBusy(ports, machine.name)) await giveBack(ports, machine, desired, lock);
    }),
  );
}
