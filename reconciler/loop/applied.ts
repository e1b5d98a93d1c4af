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

/** Changes the given members and keeps the others; writes nothing when nothing changes. */
export async function writeApplied(state: StateDir, note: AppliedNote): Promise<void> {
  const before = await readApplied(state);
  const after = { ...before, ...note };
  if (before.appliedCommit === after.appliedCommit && before.acceptedCommit === after.acceptedCommit) return;
  await state.write(document, after);
}
