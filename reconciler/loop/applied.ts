// Notes which commit was applied last, and which rewritten head a person accepted. Lost, the machines' stamps still tell.
import type { StateDir } from '../ports.js';

export interface AppliedNote {
  readonly appliedCommit?: string;
  readonly acceptedCommit?: string;
}

const document = 'git';

export async function readApplied(state: StateDir): Promise<AppliedNote> {
  return (await state.read<AppliedNote>(document)) ?? {};
}

export const sameNote = (one: AppliedNote, other: AppliedNote): boolean =>
  one.appliedCommit === other.appliedCommit && one.acceptedCommit === other.acceptedCommit;

export async function writeApplied(state: StateDir, note: AppliedNote): Promise<void> {
  await state.write(document, note);
}

/** A person follows the rewritten branch; what was applied stays known. */
export async function noteAccepted(state: StateDir, acceptedCommit: string): Promise<void> {
  await writeApplied(state, { ...(await readApplied(state)), acceptedCommit });
}
