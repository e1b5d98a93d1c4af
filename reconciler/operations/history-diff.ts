// What a deployment changed: its fields, and the commits that it went from and to.
import type { DeploymentResult } from '../../schema/history.js';
import type { ChangeKind, FieldChange } from '../../schema/plan.js';
import type { Operation } from './operation.js';
import { object, text } from './parts/shape.js';

export interface HistoryDiff {
  readonly id: string;
  readonly key: string;
  readonly kind: ChangeKind;
  readonly result: DeploymentResult;
  readonly because: string;
  readonly fields: readonly FieldChange[];
  /** The commit that had been applied there; absent: nothing of ours stood there. */
  readonly fromCommit?: string;
  /** Absent: the files were no commit's. */
  readonly toCommit?: string;
}

const input = object({ id: text('Id of the deployment, or its beginning') }, ['id']);

export const historyDiff: Operation<typeof input, HistoryDiff> = {
  name: 'history.diff',
  summary: 'What a deployment changed',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }, asked) => {
    const { deployment } = await ports.store.deployment(asked.id);
    const { id, key, kind, result, because, fields, commit, previousCommit } = deployment;
    return {
      id,
      key,
      kind,
      result,
      because,
      fields,
      ...(previousCommit === undefined ? {} : { fromCommit: previousCommit }),
      ...(commit === undefined ? {} : { toCommit: commit }),
    };
  },
};
