// How one entry of the registry is edited: found in the file that has it, refused where the name is wrong.
import { didYouMean } from '../../../schema/closest.js';
import { AppError } from '../../../schema/errors.js';
import { removeMachine, removeService, setMachine, setService } from '../../core/edit.js';
import { readYaml } from '../../core/yaml-text.js';
import { declaredIn, type Editable, namesIn } from '../../loop/edit.js';
import type { Entry } from './machine-fields.js';

type Section = 'machines' | 'services';
const nouns = { machines: 'machine', services: 'service' } as const;

const set = { machines: setMachine, services: setService } as const;
const remove = { machines: removeMachine, services: removeService } as const;

/** The file that has it, or `unknown-name` with the nearest name. */
function fileOf(registry: Editable, section: Section, name: string): string {
  const file = declaredIn(registry, section, name);
  if (file !== undefined) return file;
  const known = [...registry.texts].flatMap(([path, text]) => namesIn(path, text, section));
  const hint = didYouMean(name, known);
  const more = hint === undefined ? {} : { hint: `${hint.charAt(0).toUpperCase()}${hint.slice(1)}` };
  throw new AppError('unknown-name', `there is no ${nouns[section]} \`${name}\``, more);
}

const textOf = (registry: Editable, file: string): string => registry.texts.get(file) ?? '';

/** A new entry stands in the main file. Throws `registry-edit` for a name that is there. */
export function addEntry(
  registry: Editable,
  section: Section,
  name: string,
  entry: Entry,
): ReadonlyMap<string, string> {
  const taken = declaredIn(registry, section, name);
  if (taken !== undefined) {
    throw new AppError('registry-edit', `there is a ${nouns[section]} \`${name}\` already, in ${taken}`, {
      hint: `Change it with \`portoser ${nouns[section]} update ${name}\`.`,
    });
  }
  return new Map([[registry.main, set[section](textOf(registry, registry.main), name, written(entry))]]);
}

/** Sets the given keys; an undefined value takes its key away. */
export function updateEntry(
  registry: Editable,
  section: Section,
  name: string,
  entry: Entry,
): ReadonlyMap<string, string> {
  const file = fileOf(registry, section, name);
  return new Map([[file, set[section](textOf(registry, file), name, entry)]]);
}

export function removeEntry(registry: Editable, section: Section, name: string): ReadonlyMap<string, string> {
  const file = fileOf(registry, section, name);
  return new Map([[file, remove[section](textOf(registry, file), name)]]);
}

/** What the file says under one key of an entry. */
export function valueIn(registry: Editable, section: Section, name: string, key: string): unknown {
  const file = fileOf(registry, section, name);
  const value = readYaml(file, textOf(registry, file)).value as Readonly<
    Record<string, Readonly<Record<string, Entry>>>
  >;
  return value[section]?.[name]?.[key];
}

const written = (entry: Entry): Entry =>
  Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));

/** Keys to take away, as a person names them. Throws `usage` where a key is both set and taken away. */
export function unsetKeys(entry: Entry, unset: readonly string[] | undefined): Entry {
  const both = unset?.find(key => entry[key] !== undefined);
  if (both !== undefined) throw new AppError('usage', `${both} is both set and taken away`);
  return Object.fromEntries((unset ?? []).map(key => [key.replaceAll('-', '_'), undefined]));
}

/** Throws `usage` for an update that changes nothing. */
export function needSomething(entry: Entry): Entry {
  if (Object.keys(entry).length > 0) return entry;
  throw new AppError('usage', 'nothing is said that should be changed', {
    hint: 'Name what to change, such as --host or --port.',
  });
}
