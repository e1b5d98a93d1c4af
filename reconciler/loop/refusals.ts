// Requests that would change something and were not let in: told to the audit log, bounded, so that nobody fills a disk by asking.
import type { AuditWho } from '../../schema/audit.js';
import { asAppError, type ErrorCode } from '../../schema/errors.js';
import type { AuditPorts } from './audited.js';

export interface Refusal {
  /** Absent: nobody knows. */
  readonly who?: AuditWho;
  readonly from: string;
  readonly what: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Refusals {
  /** Never throws, and waits for nothing. */
  tell(refusal: Refusal): void;
  /** Writes down how many more there were. */
  close(): Promise<void>;
}

const spanMs = 3_600_000;
/** So many sources are told of by themselves within a span; all others together. */
const mostSources = 20;

interface Seen {
  readonly last: Refusal;
  readonly times: number;
}

/**
 * Of each source (an address, and who it said to be) the first one within an hour is written at once, how many more there
 * were at the hour's end: at most 42 records an hour, whatever is asked.
 */
export function countRefusals(ports: AuditPorts): Refusals {
  const { audit, clock, log } = ports;
  let began = clock.now();
  let seen = new Map<string, Seen>();
  let work: Promise<void> = Promise.resolve();

  function write({ who, from, what, code, message }: Refusal, times?: number): void {
    const entry = {
      at: clock.now(),
      who: who ?? ({ name: 'nobody', by: 'api' } as const),
      from,
      what,
      result: 'refused',
      code,
      message: ports.redactor.text(message),
      ...(times === undefined ? {} : { times }),
    } as const;
    work = work.then(async () => {
      try {
        await audit.append(entry);
      } catch (thrown) {
        log.error({ code: asAppError(thrown).code, from, what }, 'a refusal was not written into the audit log');
      }
    });
  }

  function endSpan(): void {
    for (const { last, times } of seen.values()) if (times > 0) write(last, times);
    seen = new Map();
    began = clock.now();
  }

  function tell(refusal: Refusal): void {
    if (clock.now() - began >= spanMs) endSpan();
    const own = `${refusal.from} ${refusal.who?.token ?? ''}`;
    const isNew = !seen.has(own) && seen.size < mostSources;
    const source = isNew || seen.has(own) ? own : 'others';
    const known = seen.get(source);
    if (known === undefined) write(source === own ? refusal : { ...refusal, from: 'several addresses' });
    const last = source === own ? refusal : { ...refusal, from: 'several addresses' };
    seen.set(source, { last, times: known === undefined ? 0 : known.times + 1 });
  }

  return {
    tell,
    close: async () => {
      endSpan();
      await work;
    },
  };
}
