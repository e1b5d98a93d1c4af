// Field by field: what git changed, what was edited on the machine, what our own texts became.
import { hash } from 'node:crypto';
import type { FieldChange } from '../../schema/plan.js';
import type { DesiredState, LiveState, MachineSeen, Placement, Sighting, Stamp } from '../../schema/state.js';
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
  return one.driver.ownFiles(one.placement.spec).flatMap(({ path }) => {
    const [from, to] = [stamp.own[path] ?? '', one.sighting.own[path]?.sha256 ?? ''];
    return from === to ? [] : [{ field: `own:${path}`, from: short(from), to: short(to) }];
  });
}

/** Texts that we generate ourselves and that an upgrade of Portoser, or a fact of the machine, made different. */
export function generatedChanges(one: Case, stamp: Stamp): readonly FieldChange[] {
  return one.generated.flatMap(file => {
    const was = stamp.files.find(old => old.path === file.path);
    const now = sha256(file.text);
    return was?.sha256 === now ? [] : [{ field: `file:${file.path}`, from: short(was?.sha256), to: short(now) }];
  });
}

export function fileDrift(one: Case, stamp: Stamp): readonly FieldChange[] {
  return stamp.files.flatMap(file => {
    const found = one.sighting.files[file.path];
    if (found === undefined) return [{ field: `file:${file.path}`, from: 'removed', to: short(file.sha256) }];
    if (found.sha256 !== file.sha256)
      return [{ field: `file:${file.path}`, from: `edited (${short(found.sha256)})`, to: short(file.sha256) }];
    if (found.mode !== undefined && found.mode !== file.mode) {
      return [{ field: `mode:${file.path}`, from: found.mode.toString(8), to: file.mode.toString(8) }];
    }
    return [];
  });
}
