// Is git what runs, and is everything healthy: looked at now.
import { heldOf, letGo } from '../../schema/holds.js';
import type { StatusReport } from '../../schema/status.js';
import { machineStatuses, placementStatuses } from '../core/status.js';
import { readApplied } from '../loop/applied.js';
import { preview } from '../loop/preview.js';
import { runningController } from './parts/controller.js';
import { needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { object } from './parts/shape.js';

const input = object({});

export const status: Operation<typeof input, StatusReport> = {
  name: 'status',
  summary: 'What git says against what runs, and how it is',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports, lists }) => {
    const from = ports.source.git === undefined ? 'files' : 'commit';
    const { synced, desired, live, plan, verdicts } = await preview(ports, lists, { from, check: true });
    if (desired === undefined || live === undefined || plan === undefined) {
      needRegistry(synced);
      throw new TypeError('a preview of a valid registry has a plan');
    }
    const parts = { desired, live, plan, verdicts: verdicts ?? new Map() };
    const { appliedCommit } = await readApplied(ports.state);
    const controller = await runningController(ports);
    const { git, path } = ports.source;
    const held = synced.held ?? plan.held?.why;
    return {
      at: live.takenAt,
      cluster: desired.cluster,
      repository: git?.address ?? path,
      ...(git === undefined ? {} : { branch: git.branch }),
      commit: synced.commit,
      ...(appliedCommit === undefined ? {} : { appliedCommit }),
      planId: plan.id,
      ...(held === undefined ? {} : { held }),
      waits: heldOf(plan).map(one => ({ id: one.id, why: one.why, letGo: letGo(one) })),
      ...(plan.isolated === undefined ? {} : { isolated: plan.isolated.why }),
      machines: machineStatuses(parts),
      placements: placementStatuses(parts),
      diagnostics: synced.diagnostics,
      ...(controller === undefined ? {} : { controller }),
    };
  },
};
