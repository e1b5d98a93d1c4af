// The audit log: who did what, from where, why, with which result; as a chain of lines, each with the hash of the one before.
import { createHash } from 'node:crypto';

/** Who it was: a person at a command line, a client of the API, the controller by itself, or nobody that is known. */
export interface AuditWho {
  readonly name: string;
  readonly by: 'cli' | 'loop' | 'api';
  /** Id of the token that was shown. */
  readonly token?: string;
}

/**
 * `begun`: on the disk before anything is done. `done`, `shown` and `failed` are the end of what `of` began; `shown`: nothing
 * was changed, and who asked saw what would be. `refused`: it was not let in. A deed of the controller's own pass is told by its end alone.
 */
export type AuditResult = 'begun' | 'done' | 'shown' | 'failed' | 'refused';

export interface AuditEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly who: AuditWho;
  /** Address of who asked by the API or by SSH; `here`: somebody at this machine. */
  readonly from: string;
  /** Name of the operation (`machine.add`), or `token.create`, `token.revoke`, `backup`, `restore`, `pass`. */
  readonly what: string;
  /** What was asked, without secrets, and without long texts. */
  readonly input?: unknown;
  readonly why?: string;
  readonly result: AuditResult;
  /** Number of the record that tells of its beginning. */
  readonly of?: number;
  /** Of `failed` and `refused`: code of the error, and its message. */
  readonly code?: string;
  readonly message?: string;
  /** Of `done`: what came of it, such as the commit. */
  readonly output?: unknown;
  /** Of `refused`: so many more of its kind since the record before. */
  readonly times?: number;
}

export interface AuditRecord extends AuditEntry {
  /** From 1, without gaps. */
  readonly seq: number;
  /** Hash of the record before; of the first one: random, and the name of this log. */
  readonly prev: string;
  /** SHA-256 of this line without this member. */
  readonly hash: string;
}

/** How far a log had come at some time, as somebody else knows it. */
export interface AuditAnchor {
  readonly seq: number;
  readonly hash: string;
}

/** What one asks of the log. */
export interface AuditAsk {
  /** Milliseconds since 1970. */
  readonly since?: number;
  /** Name of who did it, or id of their token. */
  readonly actor?: string;
  /** The newest so many. */
  readonly limit: number;
}

/** A deed with its end, as it is shown. */
export interface AuditDeed extends Omit<AuditEntry, 'result' | 'of'> {
  readonly seq: number;
  /** `open`: its end is not there (yet): it goes on, its process was killed, or its end could not be written. */
  readonly result: 'open' | 'done' | 'shown' | 'failed' | 'refused';
  readonly endedAt?: number;
}

export interface AuditFault {
  readonly kind: 'edited' | 'removed' | 'reordered' | 'truncated' | 'replaced';
  /** The first record that is not as it was. */
  readonly seq: number;
  /** `0000001.jsonl:17`; absent where it stands nowhere. */
  readonly place?: string;
  readonly text: string;
}

export interface AuditVerdict {
  readonly whole: boolean;
  readonly records: number;
  /** Name of the log; absent: nothing was written yet. */
  readonly log?: string;
  /** The last record: whoever keeps it elsewhere can tell later whether all up to it is still there. */
  readonly head?: AuditAnchor;
  readonly fault?: AuditFault;
  /** Lines that a killed process left half written; nothing is missing for them. */
  readonly halfLines: readonly string[];
  /** What the end was compared with. */
  readonly anchors: readonly string[];
}

/** What somebody else knows of the log. */
export interface NamedAnchor extends AuditAnchor {
  /** `the copy in the database`. */
  readonly name: string;
}

/** The audit log of a state folder. It needs no database. */
export interface Audit {
  readonly folder: string;
  /** On the disk when it resolves, behind all before it; also of other processes. Throws `audit-unwritable`. */
  append(entry: AuditEntry): Promise<AuditRecord>;
  /** Those after that number, oldest first; what is damaged is left out. */
  records(after: number): AsyncIterable<AuditRecord>;
  /** Walks the whole chain, and compares its end with what it noted itself and with what others know. */
  verify(anchors: readonly NamedAnchor[]): Promise<AuditVerdict>;
  /** Its name; undefined: nothing was written yet. */
  log(): Promise<string | undefined>;
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const endForm = /,"hash":"([0-9a-f]{64})"\}$/;

/** The line of an entry, without its newline, and the record that it holds. */
export function chained(
  entry: AuditEntry,
  after: AuditAnchor | { readonly seq: 0; readonly hash: string },
): { readonly line: string; readonly record: AuditRecord } {
  const body = { seq: after.seq + 1, ...entry, prev: after.hash };
  const text = JSON.stringify(body);
  const hash = hashOf(text);
  return { line: `${text.slice(0, -1)},"hash":"${hash}"}`, record: { ...body, hash } };
}

/** `edited`: it is a record, and not as it was written. */
export type AuditLine =
  | { readonly kind: 'record'; readonly record: AuditRecord }
  | { readonly kind: 'edited'; readonly seq: number | undefined }
  | { readonly kind: 'none' };

export function readAuditLine(line: string): AuditLine {
  const record = parsed(line);
  if (record === undefined) return { kind: 'none' };
  const hash = endForm.exec(line)?.[1];
  const intact = hash !== undefined && hashOf(`${line.replace(endForm, '')}}`) === hash;
  return intact ? { kind: 'record', record } : { kind: 'edited', seq: record.seq };
}

function parsed(line: string): AuditRecord | undefined {
  try {
    const value = JSON.parse(line) as Partial<AuditRecord> | null;
    return typeof value?.seq === 'number' && typeof value.prev === 'string' ? (value as AuditRecord) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Deeds with their ends, oldest first. */
export function deedsOf(records: readonly AuditRecord[]): readonly AuditDeed[] {
  const deeds = new Map<number, AuditDeed>();
  for (const { prev: _, hash: __, of, result, ...record } of records) {
    const begun = of === undefined ? undefined : deeds.get(of);
    if (result === 'begun') deeds.set(record.seq, { ...record, result: 'open' });
    else if (begun === undefined) deeds.set(record.seq, { ...record, result });
    else deeds.set(begun.seq, { ...record, ...begun, result, endedAt: record.at });
  }
  return [...deeds.values()];
}

export function asked({ at, who: { name, token } }: AuditEntry, { since, actor }: Omit<AuditAsk, 'limit'>): boolean {
  return (since === undefined || at >= since) && (actor === undefined || actor === name || actor === token);
}
