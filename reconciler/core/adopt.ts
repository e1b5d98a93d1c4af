// From what was found on a machine to entries of the registry: names, and the forms of an entry, the best first.
import type { FoundProject, NotAdoptable } from './adopt-projects.js';
import { composeFileKey, judgeCompose, projectKey } from './adopt-projects.js';
import type { ComposeSaid } from './adopt-seen.js';
import type { FoundUnit } from './adopt-units.js';
import type { EditMap } from './edit.js';
import { optional } from './optional.js';
import { safeName } from './safe-name.js';

/** Something that could be taken over. */
export interface Wish {
  readonly what: 'project' | 'unit';
  /** Of the project, or of the unit with its suffix. */
  readonly name: string;
  readonly service: string;
  /** Forms of its entry: where one conflicts with what the registry has, the next one claims less. */
  readonly entries: readonly EditMap[];
  readonly notes: readonly string[];
}

/** The first that nobody has: `web`, `web-m1`, `web-m1-2` … */
export function freeName(thing: string, machine: string, taken: ReadonlySet<string>): string | undefined {
  const name = safeName(thing);
  if (name === undefined || !taken.has(name)) return name;
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? `-${machine}` : `-${machine}-${number}`;
    const other = safeName(`${name.slice(0, Math.max(1, 63 - suffix.length))}${suffix}`);
    if (other !== undefined && !taken.has(other)) return other;
    if (number > taken.size + 1) return undefined;
  }
}

const portKeys = (ports: readonly number[]) => optional('ports', ports.length === 0 ? undefined : ports);

/** With its ports, then without them. */
function claiming(entry: EditMap, ports: readonly number[]): readonly EditMap[] {
  return ports.length === 0 ? [entry] : [{ ...entry, ...portKeys(ports) }, entry];
}

const nameless = (what: NotAdoptable['what'], name: string): NotAdoptable => ({
  what,
  name,
  why: 'no service can be called after it',
});

export interface Place {
  readonly machine: string;
  /** Names of all services of the registry, and of those that are added with this one. */
  readonly taken: ReadonlySet<string>;
}

export function projectWish(found: FoundProject, said: ComposeSaid, { machine, taken }: Place): Wish | NotAdoptable {
  const { project, folder, ports } = found;
  const refused = (why: string): NotAdoptable => ({ what: 'project', name: project, why });
  const file = composeFileKey(found, said);
  if (typeof file === 'string') return refused(file);
  const { why, notes } = judgeCompose(found, said);
  if (why !== undefined) return refused(why);
  const service = freeName(project, machine, taken);
  if (service === undefined) return nameless('project', project);
  const entry = { type: 'docker', machine, path: folder, ...file, ...projectKey(project, service) };
  return { what: 'project', name: project, service, entries: claiming(entry, ports), notes };
}

/** A folder of its own is asked for where it names none: it is made when something is put there, and not before. */
export function unitWish({ unit, folder, ports }: FoundUnit, { machine, taken }: Place): Wish | NotAdoptable {
  const plain = unit.replace(/\.service$/, '');
  const service = freeName(plain, machine, taken);
  if (service === undefined) return nameless('unit', unit);
  const at = (path: string) => ({
    type: 'native',
    machine,
    path,
    ...optional('service_name', plain === service ? undefined : plain),
  });
  const folders = [...(folder === undefined ? [] : [folder]), `/opt/${service}`];
  const entries = folders.flatMap(path => claiming(at(path), ports));
  return { what: 'unit', name: unit, service, entries, notes: [] };
}
