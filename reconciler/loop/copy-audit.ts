// Copies the audit log into the store, for whoever asks there, and as a witness of how far the log had come.
import { asked, type AuditAsk, type AuditDeed, deedsOf } from '../../schema/audit.js';
import { asAppError } from '../../schema/errors.js';
import { pause } from './pause.js';
import type { Ports } from '../ports.js';

type CopyPorts = Pick<Ports, 'audit' | 'store' | 'log' | 'clock'>;

const everyMs = 30_000;
/** Where the database goes away meanwhile they wait with all other records, and must not drive these out. */
const mostAtOnce = 2_000;

/** Records of all processes of this state folder are taken along. What is not copied now is copied later: the files stay. */
export async function copyAudit({ audit, store, log }: Omit<CopyPorts, 'clock'>): Promise<void> {
  if (store.state().state !== 'kept') return;
  try {
    const name = await audit.log();
    if (name === undefined) return;
    const head = await store.auditHead(name);
    let count = 0;
    for await (const record of audit.records(head?.seq ?? 0)) {
      store.record({ kind: 'audit', log: name, record });
      if ((count += 1) >= mostAtOnce) break;
    }
  } catch (thrown) {
    log.debug({ code: asAppError(thrown).code }, 'the audit log is not copied now');
  }
}

/** Until the signal fires, and once more then. */
export async function keepCopying(ports: CopyPorts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await copyAudit(ports);
    await pause(ports.clock, everyMs, signal);
  }
  await copyAudit(ports);
}

/** The newest deeds, oldest first: of the store, and of the log itself what is not there yet. */
export async function newestDeeds(
  { audit, store }: Pick<Ports, 'audit' | 'store'>,
  ask: AuditAsk,
): Promise<readonly AuditDeed[]> {
  const { limit } = ask;
  // Asked first: what is copied meanwhile is then found twice, and not never.
  const head = await orNothing(async () => await store.auditHead((await audit.log()) ?? ''), undefined);
  // A deed has two records.
  const copied = await orNothing(() => store.audit({ ...ask, limit: 2 * limit }), []);
  const found = new Map(copied.toReversed().map(record => [record.hash, record]));
  for await (const record of audit.records(head?.seq ?? 0)) {
    if (asked(record, ask)) found.set(record.hash, record);
    const [oldest] = found.size > 2 * limit ? found.keys() : [];
    if (oldest !== undefined) found.delete(oldest);
  }
  return deedsOf([...found.values()].toSorted((one, other) => one.at - other.at)).slice(-limit);
}

/** Where there is no database to ask, the log itself has all of this state folder. */
async function orNothing<T>(ask: () => Promise<T>, nothing: T): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    if (['store-away', 'store-none'].includes(asAppError(thrown).code)) return nothing;
    throw thrown;
  }
}
