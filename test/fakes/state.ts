// The controller's state folder in memory.
import type { StateDir } from '../../reconciler/ports.js';

/** Documents stand in `notes`; the name of each that is written is added to `writes`. */
export function createFakeState(
  notes: Map<string, unknown>,
  writes: string[],
  process: Pick<StateDir, 'processName' | 'runs'>,
): StateDir {
  const write = (name: string, value: unknown): void => {
    writes.push(name);
    notes.set(name, structuredClone(value));
  };
  return {
    path: '/nowhere',
    ...process,
    controllerId: async () => 'c0ffee',
    read: async <T>(name: string) => structuredClone(notes.get(name)) as T | undefined,
    write: async (name, value) => write(name, value),
    change: async <T>(name: string, become: (before: T | undefined) => T | undefined) => {
      const before = structuredClone(notes.get(name)) as T | undefined;
      const after = become(before);
      if (after !== before) write(name, after);
    },
    lock: async () => async () => undefined,
  };
}
