// Whether the audit log is as it was written: its chain from the first record on, and its end by all that know of it.
import type { AuditVerdict, NamedAnchor } from '../../schema/audit.js';
import { AppError, asAppError } from '../../schema/errors.js';
import type { Ports } from '../ports.js';
import type { Operation } from './operation.js';
import { object, text } from './parts/shape.js';

const input = object({ anchor: text('A record that you noted, as number:hash; it must still be there') });

function written(anchor: string): NamedAnchor {
  const [, seq = '', hash = ''] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(anchor) ?? [];
  if (seq === '')
    throw new AppError('usage', `\`${anchor}\` is no record of an audit log`, {
      hint: 'Write number:hash, as `portoser audit verify` shows them.',
    });
  return { name: 'what you noted', seq: Number(seq), hash };
}

async function copied({ audit, store }: Ports): Promise<readonly NamedAnchor[]> {
  try {
    const head = await store.auditHead((await audit.log()) ?? '');
    return head === undefined ? [] : [{ name: 'the copy in the database', ...head }];
  } catch (thrown) {
    if (['store-away', 'store-none'].includes(asAppError(thrown).code)) return [];
    throw thrown;
  }
}

export const auditVerify: Operation<typeof input, AuditVerdict> = {
  name: 'audit.verify',
  summary: 'Whether the audit log is as it was written',
  effect: 'reads',
  role: 'admin',
  input,
  run: async ({ ports }, { anchor }) => {
    const noted = anchor === undefined ? [] : [written(anchor)];
    return await ports.audit.verify([...noted, ...(await copied(ports))]);
  },
};
