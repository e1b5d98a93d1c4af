// Conflicts alone: ports, host names, folders; with `live` also against what listens on the machines.
import type { Diagnostic, DiagnosticCode } from '../../schema/diagnostics.js';
import type { LeftAlone, MachineNote } from '../../schema/plan.js';
import { preview } from '../loop/preview.js';
import { needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { flag, object } from './parts/shape.js';

export interface Conflicts {
  readonly conflicts: readonly Diagnostic[];
  /** Placements that a stranger on the machine is in the way of; absent without `live`. */
  readonly live?: readonly LeftAlone[];
  /** Machines that could not be looked at; absent without `live`. */
  readonly unknown?: readonly MachineNote[];
}

const codes: readonly DiagnosticCode[] = [
  'port-conflict',
  'hostname-conflict',
  'path-conflict',
  'unit-conflict',
  'project-conflict',
  'no-free-port',
];

const input = object({ live: flag('Compare with what listens on the machines, too') });

export const registryCheckConflicts: Operation<typeof input, Conflicts> = {
  name: 'registry.check-conflicts',
  summary: 'Ports, host names and folders that two services claim',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { live = false }) => {
    const { ports, lists } = context;
    const synced = await lying(context);
    const conflicts = synced.diagnostics.filter(one => codes.includes(one.code));
    if (!live) return { conflicts };
    // Without conflicts of its own, an invalid registry says why it cannot be compared.
    if (conflicts.length === 0) needRegistry(synced);
    const plan = synced.registry === undefined ? undefined : (await preview(ports, lists, { from: 'files' })).plan;
    return {
      conflicts,
      live: plan?.leftAlone.filter(one => one.error?.code === 'port-taken' || one.error?.code === 'stranger') ?? [],
      unknown: plan?.machines.filter(one => one.state === 'unknown') ?? [],
    };
  },
};
