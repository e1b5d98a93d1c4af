// What a person says beside git (an approval, a rewritten head that is accepted) is noted through the journal, like every write.
import { noteAccepted } from '../../loop/applied.js';
import { type Approval, noteApprovals } from '../../loop/approvals.js';
import { journal } from '../../loop/journal.js';
import type { Ports } from '../../ports.js';

/** Plans by their ids, or removals. */
export async function sayApproved(ports: Ports, ids: readonly string[], approval: Approval): Promise<void> {
  if (ids.length === 0) return;
  const intent = { id: ports.newId(), to: 'state', where: 'approvals', what: 'note', keys: ids } as const;
  await journal(ports, intent, () => noteApprovals(ports.state, ids, approval));
}

export async function sayAccepted(ports: Ports, commit: string): Promise<void> {
  const intent = { id: ports.newId(), to: 'state', where: 'git', what: 'note', keys: [commit] } as const;
  await journal(ports, intent, () => noteAccepted(ports.state, commit));
}
