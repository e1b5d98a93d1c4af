// What changes something is told to the audit log: before it is done, and how it ended.
import type { Audit, AuditEntry, AuditWho } from '../../schema/audit.js';
import { asAppError } from '../../schema/errors.js';
import { namesOfInput, secretsOfInput } from '../../schema/known-secrets.js';
import type { Redactor } from '../../schema/redact.js';
import type { PassReport } from '../../schema/status.js';
import type { Actor } from '../operations/operation.js';
import type { Clock, Log } from '../ports.js';

export interface Deed {
  readonly who: AuditWho;
  readonly from: string;
  /** Name of the operation. */
  readonly what: string;
  readonly input: unknown;
  /** The controller's own: it goes on where the log cannot be written, and that is told. */
  readonly anyway?: boolean;
}

export interface AuditPorts {
  readonly audit: Audit;
  readonly redactor: Redactor;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

const longestText = 500;
const mostMembers = 100;

/** A file as input has no place in the log; that it was there has. */
function shortened(value: unknown): unknown {
  if (typeof value === 'string')
    return value.length <= longestText ? value : `${value.slice(0, longestText)}… (${value.length} characters)`;
  if (Array.isArray(value)) return value.slice(0, mostMembers).map(shortened);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).slice(0, mostMembers);
  return Object.fromEntries(members.map(([name, one]) => [name, shortened(one)]));
}

/** Secrets are taken out before anything is cut: half of one would not be known. */
const told = (redactor: Redactor, value: unknown): unknown => shortened(redactor.value(value));

/** The reason, where the operation asks for one. */
function whyOf(input: unknown): string | undefined {
  const { reason } = input as { readonly reason?: unknown };
  return typeof reason === 'string' ? reason : undefined;
}

const traces = ['id', 'commit', 'runId', 'plan', 'state'] as const;

/** What one looks it up by: the commit, the run, how many changes ended how. */
function traceOf(output: unknown): object | undefined {
  if (typeof output !== 'object' || output === null) return undefined;
  const members = output as Readonly<Record<string, unknown>>;
  const found = traces.filter(name => typeof members[name] === 'string').map(name => [name, members[name]] as const);
  const outcomes = Array.isArray(members['outcomes']) ? countsOf(members['outcomes'] as PassReport['outcomes']) : {};
  const trace = { ...Object.fromEntries(found), ...outcomes };
  return Object.keys(trace).length === 0 ? undefined : trace;
}

function countsOf(outcomes: PassReport['outcomes']): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { result } of outcomes) counts[result] = (counts[result] ?? 0) + 1;
  return counts;
}

/** That something cannot be told is told. */
async function appendAnyway({ audit, log }: AuditPorts, entry: AuditEntry): Promise<number | undefined> {
  try {
    return (await audit.append(entry)).seq;
  } catch (thrown) {
    const { code, message } = asAppError(thrown);
    log.error({ code, why: message, what: entry.what, result: entry.result }, 'not written into the audit log');
    return undefined;
  }
}

/**
 * Does `work` between its two records; `changed` tells of its answer whether it was more than shown. Throws `audit-unwritable`, and does nothing, where the first one cannot be written;
 * the second one changes nothing any more: what was done is done, and the log has it as open.
 */
export async function audited<T>(
  ports: AuditPorts,
  deed: Deed,
  work: () => Promise<T>,
  changed: (output: T) => boolean = () => true,
): Promise<T> {
  const { audit, redactor, clock } = ports;
  const { who, from, what, input } = deed;
  redactor.learn(secretsOfInput(input), namesOfInput(input));
  const base = { who, from, what };
  const why = whyOf(input);
  const begun: AuditEntry = {
    at: clock.now(),
    ...base,
    input: told(redactor, input),
    ...(why === undefined ? {} : { why: String(told(redactor, why)) }),
    result: 'begun',
  };
  const of = deed.anyway === true ? await appendAnyway(ports, begun) : (await audit.append(begun)).seq;
  const end = (more: Pick<AuditEntry, 'result'> & Partial<AuditEntry>): Promise<number | undefined> =>
    appendAnyway(ports, { at: clock.now(), ...base, ...more, ...(of === undefined ? {} : { of }) });
  try {
    const output = await work();
    const trace = traceOf(output);
    await end({
      result: changed(output) ? 'done' : 'shown',
      ...(trace === undefined ? {} : { output: told(redactor, trace) }),
    });
    return output;
  } catch (thrown) {
    const { code, message } = asAppError(thrown);
    await end({ result: 'failed', code, message: String(told(redactor, message)) });
    throw thrown;
  }
}

/** By whom it was asked for, by which name. */
export function deedOf(what: string, input: unknown, { name, by, from = 'here', token }: Actor): Deed {
  return { who: { name, by, ...(token === undefined ? {} : { token }) }, from, what, input };
}

/** What goes on whether it can be told or not, and is told when it is done. */
export async function auditDone(ports: AuditPorts, { who, from, what, input }: Deed, output?: object): Promise<void> {
  const result = output === undefined ? {} : { output: told(ports.redactor, output) };
  const entry = { at: ports.clock.now(), who, from, what, input: told(ports.redactor, input) };
  await appendAnyway(ports, { ...entry, result: 'done', ...result });
}

/** A pass of the controller itself that changed something, or tried to. */
export async function auditPass(ports: AuditPorts, report: PassReport): Promise<void> {
  const { id, trigger, commit, outcomes, plan } = report;
  if (outcomes.every(one => one.result === 'skipped')) return;
  const changes = outcomes.flatMap(({ key, result }) => {
    const kind = plan?.waves.flat().find(one => one.key === key)?.kind;
    return result === 'skipped' ? [] : [`${key}: ${kind ?? 'change'} ${result}`];
  });
  const failed = outcomes.some(one => one.result === 'failed');
  await appendAnyway(ports, {
    at: ports.clock.now(),
    who: { name: 'portoser', by: 'loop' },
    from: 'here',
    what: 'pass',
    input: told(ports.redactor, { changes }),
    why: String(told(ports.redactor, trigger)),
    result: failed ? 'failed' : 'done',
    output: { id, ...(commit === undefined ? {} : { commit }), ...countsOf(outcomes) },
  });
}
