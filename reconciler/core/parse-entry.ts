// One entry (a machine, a service) with its defaults beneath it: merged, checked, and cleared of what is wrong, so that the rest can be judged too.
import type { PartName } from '../../schema/registry.js';
import { findFaults, type Locate, type Path } from '../../schema/validate.js';
import type { Entry } from './parse-files.js';
import type { Report } from './parse-report.js';
import { fill, type Lookup } from './templates.js';

export type TextMap = Readonly<Record<string, unknown>>;

export function isTextMap(value: unknown): value is TextMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Maps that are merged with those of the defaults key by key; everything else is replaced as a whole. */
const merged = new Set(['health', 'policy', 'env', 'vars', 'resources']);

/** An entry over its defaults; positions are those of the layer that a value came from. */
export interface Layered {
  readonly base: Path;
  readonly value: TextMap;
  readonly locate: Locate;
  readonly sourceOf: (path: Path) => string | undefined;
}

interface Defaults extends Entry {
  readonly value: TextMap;
  /** Where these defaults stand. */
  readonly base: Path;
}

export function overDefaults(base: Path, own: Entry, defaults: Defaults | undefined): Layered | undefined {
  if (!isTextMap(own.value)) return undefined;
  if (defaults === undefined) return { base, value: own.value, locate: own.locate, sourceOf: own.sourceOf };
  const layer = (path: Path): { readonly entry: Entry; readonly path: Path } => {
    const rest = path.slice(base.length);
    const fromDefaults = rest.length > 0 && !exists(own.value, rest) && exists(defaults.value, rest);
    return fromDefaults ? { entry: defaults, path: [...defaults.base, ...rest] } : { entry: own, path };
  };
  return {
    base,
    value: mergeMaps(defaults.value, own.value),
    locate: (path, where) => layer(path).entry.locate(layer(path).path, where),
    sourceOf: path => layer(path).entry.sourceOf(layer(path).path),
  };
}

/** Whether something is written there, `null` too. */
export function exists(value: unknown, path: Path): boolean {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return false;
    current = (current as Record<string, unknown>)[step];
  }
  return true;
}

function mergeMaps(below: TextMap, above: TextMap): TextMap {
  const both = Object.entries(above).map(([key, value]) => {
    const under = merged.has(key) && Object.hasOwn(below, key) ? below[key] : undefined;
    return [key, isTextMap(value) && isTextMap(under) ? { ...under, ...value } : value] as const;
  });
  return Object.fromEntries([...Object.entries(below), ...both]);
}

export interface CheckedEntry {
  /** Without its faulty keys; what is left has the types of its part. */
  readonly value: TextMap;
  /** Top-level keys that were wrong or missing. */
  readonly faulty: ReadonlySet<string>;
}

/** Reports every fault and takes the top-level keys that have one away. `templates`: values that are templates still are let pass. */
export function checkEntry(
  part: PartName,
  entry: Layered,
  value: TextMap,
  templates: boolean,
  report: Report,
): CheckedEntry {
  const faulty = new Set<string>();
  for (const { diagnostic, path, missing } of findFaults(part, value, {
    base: entry.base,
    locate: entry.locate,
    templates,
  })) {
    report.add(diagnostic);
    const key = path[0] ?? missing;
    if (key !== undefined) faulty.add(String(key));
  }
  if (faulty.size === 0) return { value, faulty };
  return { value: Object.fromEntries(Object.entries(value).filter(([key]) => !faulty.has(key))), faulty };
}

/** Templates filled; what cannot be filled is reported and its key is faulty. */
export function fillEntry(entry: Layered, value: TextMap, lookup: Lookup, report: Report): CheckedEntry {
  const faulty = new Set<string>();
  const filled = fill(value, lookup, (path, problem) => {
    report.at(entry.locate, [...entry.base, ...path], problem.code, problem.message, { hint: problem.hint });
    faulty.add(String(path[0] ?? ''));
  });
  const kept = Object.entries(filled as TextMap).filter(([key]) => !faulty.has(key));
  return { value: Object.fromEntries(kept), faulty };
}
