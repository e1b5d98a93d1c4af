// Takes the lock of a machine away from whoever holds it; the holder's steps stop.
import { AppError } from '../../schema/errors.js';
import { desire } from '../loop/desired.js';
import { breakLockOf, type LockBroken, type LockShown, showLock } from '../loop/locks.js';
import { look } from '../loop/look.js';
import { lying } from './parts/lying.js';
import { needMachine, needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { flag, object, text } from './parts/shape.js';

const input = object(
  { machine: text('Name of the machine'), running: flag('Also when a controller that runs here holds it') },
  ['machine'],
);

/** Our own controller is alive and knows what it does: whoever ends its change in the middle must have said so. */
function refuseRunning({ machine, state, lock }: LockShown, running: boolean): void {
  if (state !== 'ours' || running) return;
  const pid = lock?.process.split(':')[0] ?? '';
  throw new AppError('machine-lock', `${machine} is being changed by the controller that runs here (process ${pid})`, {
    hint: 'Stop that one, and it finishes its change; or say --running, and its change ends in the middle.',
  });
}

export const lockBreak: Operation<typeof input, LockBroken> = {
  name: 'lock.break',
  summary: 'Take the lock of a machine away from its holder',
  effect: 'changes',
  role: 'admin',
  input,
  run: async (context, { machine: name, running = false }) => {
    const { ports, lists, actor } = context;
    const synced = await lying(context);
    const machine = needMachine(needRegistry(synced), name);
    const desired = await desire(ports, lists, synced);
    const live = await look(ports, lists, desired, { only: new Set([name]) });
    const shown = await showLock(ports, name, live.machines[name]);
    if (shown.error !== undefined) throw new AppError(shown.error.code, shown.error.message);
    if (shown.lock === undefined) return { machine: name, state: 'free' };
    refuseRunning(shown, running);
    ports.log.info({ machine: name, ...shown.lock, by: actor.name }, 'breaking a lock');
    return await breakLockOf(ports, machine, desired, shown.lock);
  },
};
