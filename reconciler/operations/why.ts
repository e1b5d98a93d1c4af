// Why a service is as it is: field by field, back to the line, the commit and the person; only reads.
import type { WhyReport } from '../../schema/why.js';
import { desire } from '../loop/desired.js';
import { preview } from '../loop/preview.js';
import { explain } from '../loop/why.js';
import type { Synced } from '../loop/sync.js';
import { needPlacements } from './parts/names.js';
import type { Operation } from './operation.js';
import { choice, object, text } from './parts/shape.js';

const input = object(
  {
    service: text('Name of the service, or service@machine'),
    from: choice(['files', 'commit'], 'The files as they lie there (default), or the newest commit'),
  },
  ['service'],
);

/** Also a registry that is not valid has a report: its diagnostics. */
function baseOf(service: string, synced: Synced): Omit<WhyReport, 'placements'> {
  const { commit, differs = false, held, refused, outage, diagnostics } = synced;
  return {
    service,
    commit,
    differs,
    ...(held === undefined ? {} : { held }),
    ...(refused === undefined ? {} : { refused }),
    ...(outage === undefined ? {} : { outage }),
    diagnostics,
  };
}

export const why: Operation<typeof input, WhyReport> = {
  name: 'why',
  summary: 'Why a service is as it is, back to the lines and commits; only reads',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports, lists, emit }, { service, from = 'files' }) => {
    const seen = await preview(ports, lists, { from, check: true });
    const { synced, desired, live, plan } = seen;
    const base = baseOf(service, synced);
    const { registry } = synced;
    if (registry === undefined || desired === undefined || live === undefined || plan === undefined)
      return { ...base, placements: [] };
    const { leaving = [], olderFiles = new Map(), verdicts = new Map() } = seen;
    const newest = await desire(ports, lists, synced);
    const asked = {
      ports,
      lists,
      synced: { ...synced, registry },
      newest,
      desired,
      live,
      plan,
      leaving,
      olderFiles,
      verdicts,
    };
    emit({ kind: 'waiting', text: 'the history of the repository, for who changed what' });
    const { placements, removed } = await explain(asked, service);
    emit({ kind: 'waiting', text: '' });
    // A name that neither the registry nor a machine knows may have been in use once.
    if (placements.length === 0 && (removed === undefined || removed.state === 'never' || removed.state === 'unknown'))
      needPlacements(registry, service);
    return { ...base, ...(removed === undefined ? {} : { removed }), placements };
  },
};
