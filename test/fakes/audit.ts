// An audit log in memory, with the chain of the real one.
import { type Audit, type AuditRecord, chained } from '../../schema/audit.js';
import { walkAudit } from '../../schema/audit-verify.js';

export interface FakeAudit extends Audit {
  readonly entries: AuditRecord[];
  /** Set: the disk is full, and this is thrown. */
  full?: Error;
}

export function createFakeAudit(): FakeAudit {
  const entries: AuditRecord[] = [];
  const texts: string[] = [];
  const audit: FakeAudit = {
    folder: '/nowhere/audit',
    entries,
    append: async entry => {
      if (audit.full !== undefined) throw audit.full;
      const { line, record } = chained(structuredClone(entry), entries.at(-1) ?? { seq: 0, hash: '0'.repeat(64) });
      texts.push(line);
      entries.push(record);
      return record;
    },
    records: async function* records(after) {
      yield* entries.filter(one => one.seq > after);
    },
    verify: async anchors => {
      const walker = walkAudit(anchors);
      for (const [index, text] of texts.entries()) walker.line(`memory:${index + 1}`, text);
      return walker.verdict();
    },
    log: async () => entries[0]?.prev.slice(0, 16),
  };
  return audit;
}
