// Walks the chain of an audit log and names the first record that is not as it was written.
import {
  type AuditAnchor,
  type AuditFault,
  type AuditRecord,
  type AuditVerdict,
  type NamedAnchor,
  readAuditLine,
} from './audit.js';

/** A walker takes the lines one by one: a log may be larger than memory. */
export interface Walker {
  line(place: string, text: string): void;
  verdict(): AuditVerdict;
}

export function walkAudit(anchors: readonly NamedAnchor[]): Walker {
  let head: AuditAnchor | undefined;
  let log: string | undefined;
  let records = 0;
  let fault: AuditFault | undefined;
  const half: string[] = [];
  /** Hashes of the records that somebody knows. */
  const seen = new Map<number, string>();
  const wanted = new Set(anchors.map(one => one.seq));

  function take(place: string, record: AuditRecord): void {
    fault ??= misplaced(place, record, head);
    if (fault !== undefined) return;
    log ??= record.prev.slice(0, 16);
    head = { seq: record.seq, hash: record.hash };
    records += 1;
    if (wanted.has(record.seq)) seen.set(record.seq, record.hash);
  }

  function line(place: string, text: string): void {
    if (fault !== undefined || text === '') return;
    const read = readAuditLine(text);
    switch (read.kind) {
      case 'record':
        return take(place, read.record);
      case 'edited':
        fault = {
          kind: 'edited',
          seq: read.seq ?? (head?.seq ?? 0) + 1,
          place,
          text: `record ${read.seq ?? '?'} is not as it was written`,
        };
        return;
      case 'none':
        // Without it nothing is missing, or the next record shows that something is.
        half.push(place);
        return;
      default:
        read satisfies never;
    }
  }

  return {
    line,
    verdict: () => {
      fault ??= anchors.map(one => missed(one, head, seen)).find(one => one !== undefined);
      return {
        whole: fault === undefined,
        records,
        ...(log === undefined ? {} : { log }),
        ...(head === undefined ? {} : { head }),
        ...(fault === undefined ? {} : { fault }),
        halfLines: half,
        anchors: anchors.map(one => one.name),
      };
    },
  };
}

function misplaced(place: string, { seq, prev }: AuditRecord, head: AuditAnchor | undefined): AuditFault | undefined {
  const expected = (head?.seq ?? 0) + 1;
  if (seq > expected) {
    const which = seq === expected + 1 ? `record ${expected} is` : `records ${expected} to ${seq - 1} are`;
    return { kind: 'removed', seq: expected, place, text: `${which} not there before record ${seq}` };
  }
  if (seq < expected)
    return { kind: 'reordered', seq, place, text: `record ${seq} stands where record ${expected} should` };
  if (head === undefined || prev === head.hash) return undefined;
  return {
    kind: 'replaced',
    seq: head.seq,
    place,
    text: `record ${head.seq} is another one than record ${seq} was written after`,
  };
}

/** Whether the log ends before what somebody knows of it, or has something else there. */
function missed(
  { name, seq, hash }: NamedAnchor,
  head: AuditAnchor | undefined,
  seen: ReadonlyMap<number, string>,
): AuditFault | undefined {
  const last = head?.seq ?? 0;
  if (last < seq)
    return { kind: 'truncated', seq: last + 1, text: `it ends with record ${last}, and ${name} knows record ${seq}` };
  if (seen.get(seq) === hash) return undefined;
  return { kind: 'replaced', seq, text: `record ${seq} is another one than ${name} knows` };
}
