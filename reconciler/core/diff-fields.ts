// Field by field: what git changed, what was edited on the machine, what our own texts became.
import { hash } from 'node:crypto';
import { isAsFound } from '../../schema/as-found.js';
import type { FieldChange } from '../../schema/plan.js';
import type {
  DesiredState,
  FileSeen,
  LiveState,
  MachineSeen,
  Placement,
  Sighting,
  Stamp,
  StampFile,
} from '../../schema/state.js';
import type { Driver, GeneratedFile } from '../drivers/driver.js';

/** Everything that a placement's judgement needs at hand. */
export interface Case {
  readonly placement: Placement;
  readonly seen: MachineSeen;
  readonly sighting: Exclude<Sighting, { state: 'unknown' }>;
  readonly stamp: Stamp | undefined;
  readonly driver: Driver;
  readonly generated: readonly GeneratedFile[];
  /** Services whose failed revision a person asked to try again. */
  readonly again: ReadonlySet<string>;
  readonly live: LiveState;
  readonly desired: DesiredState;
}

const sha256 = (text: string): string => hash('sha256', text);
const short = (hash: string | undefined): string => (hash === undefined || hash === '' ? 'absent' : hash.slice(0, 12));

/** Fields of the fingerprint, old and new. `argv` only repeats `command` in exact form. */
export function fieldChanges(
  from: Readonly<Record<string, string>>,
  to: Readonly<Record<string, string>>,
): readonly FieldChange[] {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  const changed = names.filter(name => from[name] !== to[name]);
  return changed
    .filter(name => name !== 'argv' || !changed.includes('command'))
    .map(field => {
      const [before, after] = [from[field], to[field]];
      return {
        field,
        ...(before === undefined ? {} : { from: before }),
        ...(after === undefined ? {} : { to: after }),
      };
    });
}

export function identityChanges(one: Case, stamp: Stamp): readonly FieldChange[] {
  const { placement, driver, seen } = one;
  const wanted = driver.identity(placement.spec, seen.facts);
  const { type, path } = placement.spec;
  const named = stamp.unit === wanted.unit && stamp.project === wanted.project && stamp.scope === wanted.scope;
  if (named && stamp.driver === type && stamp.path === path) return [];
  const pairs: readonly (readonly [string, string | undefined, string | undefined])[] = [
    ['type', stamp.driver, type],
    ['path', stamp.path, path],
    ['unit', stamp.unit, wanted.unit],
    ['project', stamp.project, wanted.project],
    ['scope', stamp.scope, wanted.scope],
  ];
  return pairs
    .filter(([, from, to]) => from !== to)
    .map(([field, from, to]) => ({
      field,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    }));
}

export function ownChanges(one: Case, stamp: Stamp): readonly FieldChange[] {
  const files = one.driver.ownFiles(one.placement.spec);
  if (files.length === 0) return files as readonly never[];
  return files.flatMap(({ path }) => {
    const [from, to] = [stamp.own[path] ?? '', one.sighting.own[path]?.sha256 ?? ''];
    return from === to ? [] : [{ field: `own:${path}`, from: short(from), to: short(to) }];
  });
}

/** Texts that we generate ourselves and that an upgrade of Portoser, or a fact of the machine, made different. */
export function generatedChanges(one: Case, stamp: Stamp): readonly FieldChange[] {
  if (isAsFound(stamp)) return [];
  const changes: FieldChange[] = [];
  for (const { path, text } of one.generated) {
    const was = stamp.files.find(old => old.path === path)?.sha256;
    const now = sha256(text);
    if (was !== now) changes.push({ field: `file:${path}`, from: short(was), to: short(now) });
  }
  return changes;
}

function driftOf(file: StampFile, found: FileSeen | undefined): FieldChange | undefined {
  const { path, sha256: wanted, mode } = file;
  if (found === undefined) return { field: `file:${path}`, from: 'removed', to: short(wanted) };
  if (found.sha256 !== wanted)
    return { field: `file:${path}`, from: `edited (${short(found.sha256)})`, to: short(wanted) };
  if (found.mode === undefined || found.mode === mode) return undefined;
  return { field: `mode:${path}`, from: found.mode.toString(8), to: mode.toString(8) };
}

export function fileDrift(one: Case, stamp: Stamp): readonly FieldChange[] {
  const changes: FieldChange[] = [];
  for (const file of stamp.files) {
    const change = driftOf(file, one.sighting.files[file.path]);
    if (change !== undefined) changes.push(change);
  }
  return changes;
}
