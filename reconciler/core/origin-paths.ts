// From a field of a plan to what stands for it in the repository: a key of the service's entry, or a file of its source.
import type { Placement } from '../../schema/state.js';
import type { Path } from '../../schema/validate.js';

export type Standing =
  /** Below the service's entry. */
  | { readonly at: 'service'; readonly path: Path }
  /** A file of the repository. */
  | { readonly at: 'file'; readonly path: string }
  /** The machine's entry in the registry. */
  | { readonly at: 'machine'; readonly path: Path }
  /** Nothing in the repository: what Portoser always wants, or a file of the user's own. */
  | { readonly at: 'nowhere' };

/** Keys that are called otherwise than the fields they become. */
const renamed: Readonly<Record<string, Path>> = {
  argv: ['command'],
  unit: ['service_name'],
  memory: ['resources', 'memory'],
  cpus: ['resources', 'cpus'],
};

/** Not asked by a registry: how a runner stands, and what the driver notes of it. */
const nowhere = /^(own:|container:|image:|label$|enabled$|masked$|needs-reload$|pid$|fingerprint$)/;

function fileOf(path: string, { spec, source }: Placement): Standing {
  const inside = path.startsWith(`${spec.path}/`) ? path.slice(spec.path.length + 1) : path;
  const known = source.some(file => file.path === inside);
  // An absolute path that is not of the source is a text that Portoser makes of the whole entry.
  if (spec.source === undefined || (!known && path.startsWith('/'))) return { at: 'service', path: [] };
  return { at: 'file', path: spec.source === '' ? inside : `${spec.source}/${inside}` };
}

export function standingOf(field: string, placement: Placement): Standing {
  if (nowhere.test(field)) return { at: 'nowhere' };
  const [, kind = '', rest = ''] = /^(file|mode):(.*)$/s.exec(field) ?? [];
  if (kind !== '') return fileOf(rest, placement);
  const [, group = '', name = ''] = /^(env|image)\.(.*)$/s.exec(field) ?? [];
  if (group !== '') return { at: 'service', path: [group === 'image' ? 'images' : group, name] };
  // What it is called follows from the service's name.
  const named = field === 'project' || (field === 'unit' && placement.spec.type !== 'native');
  if (named || field === 'service' || field === 'run') return { at: 'service', path: [] };
  if (field === 'machine.suspend' || field === 'machine.host')
    return { at: 'machine', path: [field.slice('machine.'.length)] };
  return { at: 'service', path: renamed[field] ?? field.split('.') };
}
