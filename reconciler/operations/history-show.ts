// One deployment with the run that it was part of: what was changed, why, by whom, and how it ended.
import type { DeploymentInRun } from '../../schema/history.js';
import type { Operation } from './operation.js';
import { object, text } from './parts/shape.js';

const input = object({ id: text('Id of the deployment, or its beginning') }, ['id']);

export const historyShow: Operation<typeof input, DeploymentInRun> = {
  name: 'history.show',
  summary: 'One deployment',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }, { id }) => await ports.store.deployment(id),
};
