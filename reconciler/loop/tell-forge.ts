// What is said to a forge: without secrets, whoever says it; and what the controller itself says there is told to the audit log.
import type { Forge } from '../../schema/forge.js';
import type { Redactor } from '../../schema/redact.js';
import { type AuditPorts, auditDone, deedOf } from './audited.js';
import { loopActor } from './record.js';

/** Pull requests are read by more people than anything else that Portoser says. */
export function maskForge(forge: Forge, redactor: Redactor): Forge {
  return {
    kind: forge.kind,
    repository: forge.repository,
    openPulls: base => forge.openPulls(base),
    comment: (pull, marker, write) => forge.comment(pull, marker, before => redactor.text(write(before))),
    setStatus: (commit, status) => forge.setStatus(commit, redactor.value(status)),
    openPull: pull => forge.openPull(redactor.value(pull)),
    close: () => forge.close(),
  };
}

/** Comments that were changed, and statuses; what is proposed is told by who proposes it. */
export function auditForge(forge: Forge, ports: AuditPorts): Forge {
  const { repository } = forge;
  const tell = (what: string, input: object): Promise<void> =>
    auditDone(ports, deedOf(what, { repository, ...input }, loopActor));
  return {
    ...forge,
    comment: async (pull, marker, write) => {
      let changed = false;
      await forge.comment(pull, marker, before => {
        const text = write(before);
        changed = text !== before;
        return text;
      });
      if (changed) await tell('review.comment', { pull });
    },
    setStatus: async (commit, status) => {
      await forge.setStatus(commit, status);
      await tell('review.status', { commit, ...status });
    },
  };
}
