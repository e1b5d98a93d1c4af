// Takes from an imported registry what our own parser refuses, and names it, until the rest is valid; and what no engine does yet.
import type { Diagnostic } from '../../schema/diagnostics.js';
import { cyclesOf } from './import-cycles.js';
import { type Fields, isFields, type Old } from './import-old.js';
import type { Draft } from './import-services.js';
import { registryText, type Shape } from './import-text.js';
import { parse } from './parse.js';

/** Where a key of ours came from. */
const oldKeys: Readonly<Record<string, string>> = {
  machine: 'current_host',
  type: 'deployment_type',
  compose_file: 'docker_compose',
  path: 'docker_compose',
  compose_service: 'service_name',
  depends_on: 'dependencies',
  health: 'healthcheck_url',
  host: 'ip',
  user: 'ssh_user',
  ssh_key: 'ssh_key',
  tags: 'roles',
};

const required = ['type', 'machine', 'path', 'host', 'user', 'platform'];

const without = (fields: Fields, key: string): Fields => {
  const { [key]: _, ...rest } = fields;
  return rest;
};

function withoutServices(shape: Shape, names: ReadonlySet<string>): Shape {
  const services = shape.services
    .filter(one => !names.has(one.name))
    .map(one => {
      const needs = one.entry['depends_on'];
      if (!Array.isArray(needs)) return one;
      const left = needs.filter(need => !names.has(String(need)));
      const rest = without(one.entry, 'depends_on');
      return { ...one, entry: left.length === 0 ? rest : { ...rest, depends_on: left } };
    });
  return { ...shape, services };
}

function sayOf(old: Old, draft: Draft, key: string | undefined, text: string): void {
  const [from = ''] = draft.from;
  const service = isFields(old.value['services']) ? old.value['services'][from] : undefined;
  const written = key === undefined ? undefined : (oldKeys[key] ?? key);
  const at = isFields(service) && written !== undefined && written in service ? [written] : [];
  old.say(['services', from, ...at], text);
}

const told = ({ message, hint }: Diagnostic): string => (hint === undefined ? message : `${message} (${hint})`);

/** `services.web.tags[0]`: no name holds a dot or a bracket. */
const partsOf = ({ path }: Diagnostic): readonly string[] => path.split(/[.[]/);

/** One step: a key goes, or the whole entry where it cannot be without. */
function repair(old: Old, shape: Shape, wrong: Diagnostic, hosts: ReadonlyMap<string, string>): Shape {
  const [section = '', name = '', key] = partsOf(wrong);
  if (section === 'services') {
    const draft = shape.services.find(one => one.name === name);
    if (draft === undefined) return shape;
    const whole = key === undefined || required.includes(key) || !(key in draft.entry);
    sayOf(old, draft, key, `${whole ? 'is left out' : `\`${key}\` is left out`}: ${told(wrong)}`);
    if (whole) return withoutServices(shape, new Set([name]));
    const entry = without(draft.entry, key);
    return { ...shape, services: shape.services.map(one => (one === draft ? { ...one, entry } : one)) };
  }
  if (section === 'machines') {
    const entry = shape.machines[name];
    if (entry === undefined) return shape;
    const whole = key === undefined || required.includes(key) || !(key in entry);
    old.say(['hosts', hosts.get(name) ?? name], `${whole ? 'is left out' : `\`${key}\` is left out`}: ${told(wrong)}`);
    if (!whole) return { ...shape, machines: { ...shape.machines, [name]: without(entry, key) } };
    const gone = shape.services.filter(one => one.entry['machine'] === name);
    for (const one of gone) sayOf(old, one, undefined, 'is left out with its machine');
    return {
      ...withoutServices(shape, new Set(gone.map(one => one.name))),
      machines: without(shape.machines, name) as Shape['machines'],
    };
  }
  if (section in shape.sections) {
    old.say([section], `is left out: ${told(wrong)}`);
    return { ...shape, sections: without(shape.sections, section) };
  }
  return shape;
}

const read = (shape: Shape) => parse({ main: 'registry.yml', files: new Map([['registry.yml', registryText(shape)]]) });

/** Undoes what would be a circle, at the edge that closes it. */
function withoutCycles(old: Old, shape: Shape): Shape {
  const edges = new Map(shape.services.map(one => [one.name, (one.entry['depends_on'] ?? []) as readonly string[]]));
  const closing = cyclesOf(edges);
  return {
    ...shape,
    services: shape.services.map(one => {
      const cut = closing.get(one.name);
      if (cut === undefined) return one;
      sayOf(
        old,
        one,
        'depends_on',
        `${[...cut].map(need => `\`${need}\``).join(', ')} depends on it in turn: that dependency is left out`,
      );
      const left = (edges.get(one.name) ?? []).filter(need => !cut.has(need));
      const rest = without(one.entry, 'depends_on');
      return { ...one, entry: left.length === 0 ? rest : { ...rest, depends_on: left } };
    }),
  };
}

/** Keys that the engine would be held back by stand as comments, for later. */
function withoutLater(old: Old, shape: Shape): Shape {
  const { registry } = read(shape);
  return {
    ...shape,
    services: shape.services.map(one => {
      const spec = registry?.placements.find(placement => placement.service === one.name);
      const later = (spec?.unsupported ?? []).filter(key => key in one.entry);
      for (const key of later) sayOf(old, one, key, `\`${key}\` is not supported yet, and stands there as a comment`);
      const kept = Object.fromEntries(Object.entries(one.entry).filter(([key]) => !later.includes(key)));
      const asComments = Object.fromEntries(later.map(key => [key, one.entry[key]]));
      return { ...one, entry: kept, later: asComments };
    }),
  };
}

/** Every round takes something away, so it ends; what is left is valid. `hosts`: by the name of a machine, what it was called. */
export function fit(old: Old, wished: Shape, hosts: ReadonlyMap<string, string>): Shape {
  let shape = withoutCycles(old, wished);
  for (;;) {
    const errors = read(shape).diagnostics.filter(one => one.severity === 'error');
    if (errors.length === 0) return withoutLater(old, shape);
    const before = shape;
    const paths = new Set<string>();
    for (const wrong of errors) {
      const place = partsOf(wrong).slice(0, 3).join('.');
      if (!paths.has(place)) shape = repair(old, shape, wrong, hosts);
      paths.add(place);
    }
    if (shape === before)
      throw new TypeError(`an imported registry cannot be made valid: ${told(errors[0] as Diagnostic)}`);
  }
}
