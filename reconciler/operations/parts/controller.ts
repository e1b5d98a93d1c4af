// The controller that uses this state folder, when one runs.
import type { ControllerStatus } from '../../../schema/status.js';
import type { Ports } from '../../ports.js';

/** What it noted; a note of one that runs no longer is nothing to go by. */
export async function runningController({ state }: Pick<Ports, 'state'>): Promise<ControllerStatus | undefined> {
  const note = await state.read<ControllerStatus | null>('controller');
  if (note === undefined || note === null) return undefined;
  return note.process !== undefined && state.runs(note.process) ? note : undefined;
}
