// Notes what a person approved: a plan by its id, or the removal of one placement (`remove:<key>`).
import type { StateDir } from '../ports.js';

export interface Approval {
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** By plan id or `remove:<placement key>`. */
export type Approvals = Readonly<Record<string, Approval>>;

const document = 'approvals';

export const removalOf = (key: string): string => `remove:${key}`;

export async function readApprovals(state: StateDir): Promise<Approvals> {
  return (await state.read<Approvals>(document)) ?? {};
}

async function change(state: StateDir, become: (before: Approvals) => Approvals): Promise<void> {
  await state.change<Approvals>(document, before => become(before ?? {}));
}

export async function noteApprovals(state: StateDir, ids: readonly string[], approval: Approval): Promise<void> {
  if (ids.length === 0) return;
  await change(state, before => ({ ...before, ...Object.fromEntries(ids.map(id => [id, approval])) }));
}

/**
 * What was approved and is done, or is wanted again, is approved no longer. `left`: the id of what the same approval was
 * for and has not come to its time; it stays approved by the same person.
 */
export async function forgetApprovals(state: StateDir, ids: ReadonlySet<string>, left?: string): Promise<void> {
  await change(state, before => {
    const kept = Object.fromEntries(Object.entries(before).filter(([id]) => !ids.has(id)));
    const by = Object.entries(before).find(([id]) => ids.has(id) && !id.startsWith('remove:'))?.[1];
    return left === undefined || by === undefined ? kept : { ...kept, [left]: by };
  });
}
