// Who is changing machines now: the locks of their state folders.
import { desire } from '../loop/desired.js';
import { type LockShown, showLock } from '../loop/locks.js';
import { look } from '../loop/look.js';
import { lying } from './parts/lying.js';
import { needMachine, needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { object, text } from './parts/shape.js';

const input = object({ machine: text('Only this one') });

export const lockShow: Operation<typeof input, readonly LockShown[]> = {
  name: 'lock.show',
  summary: 'Who holds the locks of machines',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { machine }) => {
    const { ports, lists } = context;
    const synced = await lying(context);
    const registry = needRegistry(synced);
    const names =
      machine === undefined ? registry.machines.map(one => one.name) : [needMachine(registry, machine).name];
    const live = await look(ports, lists, await desire(ports, lists, synced), { only: new Set(names) });
    return await Promise.all(names.map(name => showLock(ports, name, live.machines[name])));
  },
};
