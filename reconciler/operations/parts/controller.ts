// The controller that uses this state folder, when one runs.
import type { ControllerStatus } from '../../../schema/status.js';
import type { Ports } from '../../ports.js';
import type { Actor } from '../operation.js';

/** What it noted; a note of one that runs no longer is nothing to go by. */
export async function runningController({ state }: Pick<Ports, 'state'>): Promise<ControllerStatus | undefined> {
  const note = await state.read<ControllerStatus | null>('controller');
  if (note === undefined || note === null) return undefined;
  return note.process !== undefined && state.runs(note.process) ? note : undefined;
}

/** This very process is that controller: it asks for itself what came in by its API. */
export async function isController({ state }: Pick<Ports, 'state'>): Promise<boolean> {
  return (await runningController({ state }))?.process === state.processName;
}

/** Who asks by the API learns what outlasts the interval from history; the controller's own passes do not wait for it. */
export const waitsForAll = ({ by }: Actor): boolean => by !== 'api';
