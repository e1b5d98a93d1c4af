// The one function that every write goes through: on the disk before it is made, and how it ended after.
import type { Intent } from '../../schema/journal.js';
import { asAppError, type ErrorCode } from '../../schema/errors.js';
import type { Ports } from '../ports.js';

/**
 * A result that cannot be noted makes no failure of what succeeded: the intent stays open, and when this process is
 * killed the next one looks at the world and sees that it was done.
 */
async function noteEnd({ journal, clock, log }: Ports, id: string, error: ErrorCode | undefined): Promise<void> {
  try {
    await journal.end(id, clock.now(), error);
  } catch (thrown) {
    log.warn({ id, code: asAppError(thrown).code }, 'result not written down');
  }
}

/**
 * Writes by `write` and notes how it ended; what it throws is thrown on. Throws `state-dir-unusable`, and writes nothing,
 * when the intent cannot be written down (the controller's disk is full).
 */
export async function journal<T>(ports: Ports, intent: Intent, write: () => Promise<T>): Promise<T> {
  const { crashPoint } = ports;
  crashPoint?.('before the intent');
  const at = ports.clock.now();
  await ports.journal.begin(intent, at);
  crashPoint?.('after the intent');
  ports.log.debug({ ...intent }, 'writing');
  let error: ErrorCode | undefined;
  try {
    return await write();
  } catch (thrown) {
    error = asAppError(thrown).code;
    throw thrown;
  } finally {
    crashPoint?.('after the write');
    await noteEnd(ports, intent.id, error);
    crashPoint?.('after the result');
    const write = { ...intent, at, endedAt: ports.clock.now(), ...(error === undefined ? {} : { error }) };
    ports.store.record({ kind: 'write', write });
  }
}
