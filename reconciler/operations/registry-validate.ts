// Reads the registry as it lies there, and says all that is wrong with it.
import type { Diagnostic } from '../../schema/diagnostics.js';
import { sync } from '../loop/sync.js';
import type { Operation } from './operation.js';
import { choice, object } from './parts/shape.js';

export interface Validation {
  readonly valid: boolean;
  /** `work-tree`: the files as they lie there. */
  readonly commit: string;
  readonly differs: boolean;
  readonly path: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly machines: number;
  readonly services: number;
  readonly placements: number;
}

const input = object({
  from: choice(['files', 'commit'], 'The files as they lie there (default), or the newest commit'),
});

export const registryValidate: Operation<typeof input, Validation> = {
  name: 'registry.validate',
  summary: 'What is wrong with the registry',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }, { from = 'files' }) => {
    const { commit, diagnostics, differs = false, registry, refused } = await sync(ports, { from });
    return {
      valid: registry !== undefined && refused === undefined,
      commit: refused ?? commit,
      differs,
      path: ports.source.path,
      diagnostics,
      machines: registry?.machines.length ?? 0,
      services: new Set(registry?.placements.map(one => one.service)).size,
      placements: registry?.placements.length ?? 0,
    };
  },
};
