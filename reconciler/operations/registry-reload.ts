// Fetches and checks the newest commit now, and says which commit is in force.
import type { Diagnostic } from '../../schema/diagnostics.js';
import type { ErrorReport } from '../../schema/errors.js';
import { readApplied } from '../loop/applied.js';
import { sync } from '../loop/sync.js';
import type { Operation } from './operation.js';
import { object } from './parts/shape.js';

export interface Reloaded {
  /** Absent: there is no valid registry, and never was one. */
  readonly inForce?: string;
  /** The newest commit. */
  readonly head: string;
  readonly subject?: string;
  readonly author?: string;
  readonly appliedCommit?: string;
  readonly held?: string;
  readonly outage?: ErrorReport;
  readonly diagnostics: readonly Diagnostic[];
}

const input = object({});

export const registryReload: Operation<typeof input, Reloaded> = {
  name: 'registry.reload',
  summary: 'Fetch and check the newest commit now',
  effect: 'reads',
  role: 'operator',
  input,
  run: async ({ ports }) => {
    const { commit, registry, diagnostics, refused, held, outage } = await sync(ports, { from: 'commit' });
    const { appliedCommit } = await readApplied(ports.state);
    const facts = await ports.source.git?.commitFacts(commit);
    return {
      ...(registry === undefined ? {} : { inForce: commit }),
      head: refused ?? commit,
      ...(facts === undefined ? {} : { subject: facts.message.split('\n')[0] ?? '', author: facts.author }),
      ...(appliedCommit === undefined ? {} : { appliedCommit }),
      ...(held === undefined ? {} : { held }),
      ...(outage === undefined ? {} : { outage }),
      diagnostics,
    };
  },
};
