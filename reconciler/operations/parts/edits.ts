// How one entry of the registry is edited: found in the file that has it, refused where the name is wrong.
import { didYouMean } from '../../../schema/closest.js';
import { AppError } from '../../../schema/errors.js';
import {
  type EditedTexts,
  removeMachine,
  removeService,
  replaceMachine,
  setMachine,
  setService,
} from '../../core/edit.js';
import { readYaml } from '../../core/yaml-text.js';
import { declaredIn, type Editable, namesIn } from '../../loop/edit.js';
import type { Entry } from './machine-fields.js';

type Section = 'machines' | 'services';
const nouns = { machines: 'machine', services: 'service' } as const;

const set = { machines: setMachine, services: setService } as const;
const remove = { machines: removeMachine, services: removeService } as const;

const textsOf = ({ main, texts }: Editable) => ({ main, files: texts });

/** The file that has it, or `unknown-name` with the nearest name. */
function fileOf(registry: Editable, section: Section, name: string): string {
  const file = declaredIn(registry, section, name);
  if (file !== undefined) return file;
  const known = [...registry.texts].flatMap(([path, text]) => namesIn(path, text, section));
  const hint = didYouMean(name, known);
  const more = hint === undefined ? {} : { hint: `${hint.charAt(0).toUpperCase()}${hint.slice(1)}` };
  throw new AppError('unknown-name', `there is no ${nouns[section]} \`${name}\``, more);
}

/** Throws `registry-edit` for a name that is there. */
export function addEntry(registry: Editable, section: Section, name: string, entry: Entry): EditedTexts {
  const taken = declaredIn(registry, section, name);
  if (taken !== undefined) {
    throw new AppError('registry-edit', `there is a ${nouns[section]} \`${name}\` already, in ${taken}`, {
      hint: `Change it with \`portoser ${nouns[section]} update ${name}\`.`,
    });
  }
  return set[section](textsOf(registry), name, entry);
}

/** Sets the given keys; a null takes its key away. */
export function updateEntry(registry: Editable, section: Section, name: string, entry: Entry): EditedTexts {
  fileOf(registry, section, name);
  return set[section](textsOf(registry), name, entry);
}

export function removeEntry(registry: Editable, section: Section, name: string): EditedTexts {
  fileOf(registry, section, name);
  return remove[section](textsOf(registry), name);
}

/** Another machine for one of a service's. Throws `registry-edit` where tags choose them. */
export function moveService(registry: Editable, service: string, from: string, to: string): EditedTexts {
  const machines = valueIn(registry, 'services', service, 'machines');
  if (machines === undefined) return updateEntry(registry, 'services', service, { machine: to });
  if (Array.isArray(machines)) return replaceMachine(textsOf(registry), service, from, to);
  throw new AppError('registry-edit', `the machines of ${service} are chosen by tags`, {
    hint: `Change the tags of ${from} and ${to} with \`portoser machine update\`.`,
  });
}

/** What the file says under one key of an entry. */
export function valueIn(registry: Editable, section: Section, name: string, key: string): unknown {
  const file = fileOf(registry, section, name);
  const value = readYaml(file, registry.texts.get(file) ?? '').value as Readonly<
    Record<string, Readonly<Record<string, Entry>>>
  >;
  return value[section]?.[name]?.[key];
}

/** Keys to take away, as a person names them. Throws `usage` where a key is both set and taken away. */
export function unsetKeys(entry: Entry, unset: readonly string[] | undefined): Entry {
  const both = unset?.find(key => key.replaceAll('-', '_') in entry);
  if (both !== undefined) throw new AppError('usage', `${both} is both set and taken away`);
  return Object.fromEntries((unset ?? []).map(key => [key.replaceAll('-', '_'), null]));
}

/** Throws `usage` for an update that changes nothing. */
export function needSomething(entry: Entry): Entry {
  if (Object.keys(entry).length > 0) return entry;
  throw new AppError('usage', 'nothing is said that should be changed', {
    hint: 'Name what to change, such as --host or --port.',
  });
}
