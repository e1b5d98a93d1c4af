// Where a value of the registry really comes from: the key itself, its defaults, an include, or a variable that a template names.
import type { Position } from '../../schema/diagnostics.js';
import type { Registry } from '../../schema/registry-types.js';
import { pathText, type Path } from '../../schema/validate.js';
import type { Origin } from '../../schema/why.js';
import { exists, isTextMap, overDefaults, type Layered, type TextMap } from './parse-entry.js';
import type { Entry, RegistryFiles } from './parse-files.js';
import { machineDefaults } from './parse-machines.js';
import { defaultsFor } from './parse-services.js';
import { templateNames } from './templates.js';

/** What the registry says somewhere; `entry`: whether there is such an entry at all. */
export interface Said {
  readonly of: 'value' | 'entry';
  readonly path: Path;
}

/** What history is asked about. */
export type Subject = Said | { readonly of: 'file'; readonly path: string };

/** A place, and what of it history is asked about; several where the newest of them counts. */
export type Place = Omit<Origin, 'last'> & { readonly subjects: readonly Subject[] };

export interface WrittenRegistry {
  readonly files: RegistryFiles;
  readonly registry: Registry;
}

type Kind = 'services' | 'machines';

interface Layers {
  readonly base: Path;
  readonly own: TextMap;
  /** Where its defaults stand. */
  readonly below: Path;
  readonly layered: Layered;
}

/** An entry with the defaults that are in force for it; undefined: there is none of that name. */
function layersOf({ files }: WrittenRegistry, kind: Kind, name: string): Layers | undefined {
  const entry = files.named[kind].get(name);
  if (entry === undefined || !isTextMap(entry.value)) return undefined;
  const defaults = kind === 'machines' ? machineDefaults(files) : defaultsFor(entry, files.sections.get('defaults'));
  const layered = overDefaults([kind, name], entry, defaults);
  if (layered === undefined) return undefined;
  const below = kind === 'machines' ? ['defaults', 'machine'] : ['defaults'];
  return { base: [kind, name], own: entry.value, below, layered };
}

/** What stands at a path; undefined: nothing. */
export function dig(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, step) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[step] : undefined),
    value,
  );
}

const placed = (path: Path, where: Position, how: Origin['how']): Place => ({
  path: pathText(path),
  how,
  where,
  subjects: [{ of: 'value', path }],
});

/** Templates that name each other's keys (`service.port` within `path`) end here at the latest. */
const deepest = 6;

interface Trace extends WrittenRegistry {
  /** The placement's machine. */
  readonly machine: string;
  readonly depth: number;
}

const plainKey = (trace: Trace, kind: Kind, name: string, path: Path): readonly Place[] =>
  traceKey({ ...trace, depth: trace.depth + 1 }, kind, name, path);

/** What a template's name stands for: variables, the nearest first, then the built-in names (SPEC 3.6). */
function traceName(trace: Trace, service: string | undefined, name: string): readonly Place[] {
  const layers = [
    ...(service === undefined ? [] : [layersOf(trace, 'services', service)]),
    layersOf(trace, 'machines', trace.machine),
  ];
  for (const one of layers) {
    const path = ['vars', name];
    if (one !== undefined && exists(one.layered.value, path)) return [placeIn(one, path, 'written')];
  }
  const variable = trace.files.named.vars.get(name);
  if (variable !== undefined) return [placed(['vars', name], variable.locate(['vars', name], 'key'), 'written')];
  const [, kind = '', key = ''] = /^(service|machine)\.([a-z]+)$/.exec(name) ?? [];
  if (kind === 'service' && service !== undefined) return plainKey(trace, 'services', service, [key]);
  if (kind === 'machine' && key === 'name' && service !== undefined) return placeKey(trace, service);
  if (kind === 'machine') return plainKey(trace, 'machines', trace.machine, [key]);
  const [, other = '', field = ''] = /^services\.([a-z0-9-]+)\.([a-z]+)$/.exec(name) ?? [];
  if (field === 'host') return hostOf(trace, other);
  if (field !== '') return plainKey(trace, 'services', other, [field]);
  return section(trace.files.sections.get(name), [name]);
}

/** Where its machine is chosen, and where that has its address. */
function hostOf(trace: Trace, service: string): readonly Place[] {
  const on = trace.registry.placements.find(one => one.service === service)?.machine;
  if (on === undefined) return [];
  return [...plainKey(trace, 'machines', on, ['host']), ...placeKey({ ...trace, machine: on }, service)];
}

const section = (entry: Entry | undefined, path: Path): readonly Place[] =>
  entry === undefined ? [] : [placed(path, entry.locate(path, 'key'), 'written')];

/** In its own layer, or in that of its defaults. */
function placeIn({ base, below, own, layered }: Layers, path: Path, how: Origin['how']): Place {
  const layer = exists(own, path) ? base : below;
  return placed([...layer, ...path], layered.locate([...base, ...path], 'key'), how);
}

/** `machine`, or `machines` with the tags that it chooses by. */
function placeKey(trace: Trace, service: string): readonly Place[] {
  const one = layersOf(trace, 'services', service);
  const written = one?.own['machines'];
  const tagged = isTextMap(written) ? plainKey(trace, 'machines', trace.machine, ['tags']) : [];
  const places = traceKey(trace, 'services', service, [written === undefined ? 'machine' : 'machines']);
  return tagged.length === 0 ? places : [...tagged, ...places.map(place => ({ ...place, how: 'through' as const }))];
}

function traceKey(trace: Trace, kind: Kind, name: string, path: Path): readonly Place[] {
  const one = layersOf(trace, kind, name);
  if (one === undefined || !exists(one.layered.value, path)) return [];
  const value = dig(one.layered.value, path);
  const service = kind === 'services' ? name : undefined;
  const beyond = trace.depth >= deepest ? [] : templateNames(value).flatMap(used => traceName(trace, service, used));
  const range = JSON.stringify(value).includes('"auto"')
    ? plainKey(trace, 'machines', trace.machine, ['auto_ports'])
    : [];
  const deeper = [...beyond, ...range];
  return [...deeper, placeIn(one, path, deeper.length === 0 ? 'written' : 'through')];
}

/** Not written in any of these layers; history tells whether it was. */
function goneFrom(layers: readonly Path[], path: Path): Place {
  const subjects = layers.map((layer): Subject => ({ of: 'value', path: [...layer, ...path] }));
  return { path: pathText([...(layers[0] ?? []), ...path]), how: 'gone', subjects };
}

/** The entry as a whole: since when there is one. */
function entryOf(files: RegistryFiles, kind: Kind, name: string): Place {
  const path = [kind, name];
  const entry = files.named[kind].get(name);
  const subjects: readonly Subject[] = [{ of: 'entry', path }];
  if (entry === undefined) return { path: pathText(path), how: 'gone', subjects };
  return { path: pathText(path), how: 'written', where: entry.locate(path, 'key'), subjects };
}

/** The registry's own `policy` is in force where neither the service nor its defaults have that key. */
function placesOfPolicy({ files }: WrittenRegistry, one: Layers | undefined, path: Path): readonly Place[] {
  const entry = files.sections.get('policy');
  if (entry !== undefined && exists(entry.value, path.slice(1)))
    return [placed(path, entry.locate(path, 'key'), 'written')];
  return [goneFrom([[], ...(one === undefined ? [] : [one.base, one.below])], path)];
}

/** Places of a key of a service, on that machine; an empty path: the entry itself. Never empty. */
export function placesOfKey(written: WrittenRegistry, service: string, machine: string, path: Path): readonly Place[] {
  const trace = { ...written, machine, depth: 0 };
  const one = layersOf(written, 'services', service);
  const keyed = one !== undefined && path.length > 0;
  const places = !keyed
    ? []
    : path[0] === 'machine'
      ? placeKey(trace, service)
      : traceKey(trace, 'services', service, path);
  if (places.length > 0) return distinct(places);
  if (path[0] === 'policy') return placesOfPolicy(written, one, path);
  return [keyed ? goneFrom([one.base, one.below], path) : entryOf(written.files, 'services', service)];
}

/** Places of a key of a machine. Never empty. */
export function placesOfMachine(written: WrittenRegistry, machine: string, path: Path): readonly Place[] {
  const places = traceKey({ ...written, machine, depth: 0 }, 'machines', machine, path);
  return places.length > 0 ? distinct(places) : [entryOf(written.files, 'machines', machine)];
}

function distinct(places: readonly Place[]): readonly Place[] {
  return [...new Map(places.map(place => [place.path, place])).values()];
}
