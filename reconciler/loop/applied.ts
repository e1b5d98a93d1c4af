// Notes which commit was applied last, and which rewritten head a person accepted. Lost, the machines' stamps still tell.
import type { StateDir } from '../ports.js';

export interface AppliedNote {
  readonly appliedCommit?: string;
  readonly acceptedCommit?: string;
  /** A newer one than the applied, whose registry is valid and whose plan is held as a whole: what it says of policy is in force. */
  readonly goodCommit?: string;
}

const document = 'git';

export async function readApplied(state: StateDir): Promise<AppliedNote> {
  return (await state.read<AppliedNote>(document)) ?? {};
}

export const sameNote = (one: AppliedNote, other: AppliedNote): boolean =>
  one.appliedCommit === other.appliedCommit &&
  one.acceptedCommit === other.acceptedCommit &&
  one.goodCommit === other.goodCommit;

/** What a pass went by, and applied nothing of. */
export function goneBy(note: AppliedNote, commit: string): AppliedNote {
  const { goodCommit: _, ...rest } = note;
  return rest.appliedCommit === commit ? rest : { ...rest, goodCommit: commit };
}

/** What a pass applied. `accepted`: the rewritten head that it went by, which is used up; what was accepted since is not. */
export const appliedAfter = (note: AppliedNote, appliedCommit: string, accepted: string | undefined): AppliedNote => ({
  appliedCommit,
  ...(note.acceptedCommit === undefined || note.acceptedCommit === accepted
    ? {}
    : { acceptedCommit: note.acceptedCommit }),
});

/** As one, among all processes: a person may accept a head just while a pass notes what it applied. */
export async function changeApplied(state: StateDir, become: (before: AppliedNote) => AppliedNote): Promise<void> {
  await state.change<AppliedNote>(document, before => become(before ?? {}));
}

/** A person follows the rewritten branch; what was applied stays known. */
export async function noteAccepted(state: StateDir, acceptedCommit: string): Promise<void> {
  await changeApplied(state, before => ({ ...before, acceptedCommit }));
}
