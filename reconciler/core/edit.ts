// Edits of the registry that change only their own lines: comments, order and style stay. Every result is read again before it is given out.
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../../schema/errors.js';
import { removeIn, replaceItem, setIn } from './edit-in.js';
import { type EditMap, type EditValue, isEditMap } from './edit-render.js';
import { readYaml } from './yaml-text.js';

export type { EditMap, EditValue } from './edit-render.js';

/** The registry's files, as `parse` takes them. */
export interface RegistryTexts {
  readonly main: string;
  readonly files: ReadonlyMap<string, string>;
}

/** New texts by path; only of files that change. */
export type EditedTexts = ReadonlyMap<string, string>;

/** Keys to set; `null` takes a key away. */
export type EditFields = Readonly<Record<string, EditValue | null>>;

type Section = 'machines' | 'services';

/** Sets keys of a machine, or adds it. Throws AppError `registry-edit` when that cannot be done safely. */
export function setMachine(texts: RegistryTexts, name: string, fields: EditFields): EditedTexts {
  return setEntry(texts, 'machines', name, fields);
}

/** Sets keys of a service, or adds it. Throws AppError `registry-edit` when that cannot be done safely. */
export function setService(texts: RegistryTexts, name: string, fields: EditFields): EditedTexts {
  return setEntry(texts, 'services', name, fields);
}

/**
 * Makes the entry of a service say just this, also where it is not there any more. Of one that is there only what differs is
 * written, also within maps. Throws AppError `registry-edit` when that cannot be done safely.
 */
export function restoreService(texts: RegistryTexts, name: string, entry: EditMap): EditedTexts {
  const path = fileFor(texts, 'services', name);
  const text = texts.files.get(path) ?? '';
  const before = read(path, text);
  const own = sectionOf(before, 'services')[name];
  if (!isValues(own)) return setService(texts, name, entry);
  const steps = stepsTo(own, entry, ['services', name]);
  if (steps.length === 0) return new Map();
  const edited = steps.reduce(
    (now, { at, value }) => (value === undefined ? removeIn(now, at) : setIn(now, at, value)),
    text,
  );
  return checked(path, edited, withEntry(before, 'services', name, entry));
}

interface EditStep {
  readonly at: readonly string[];
  /** Absent: the key goes. */
  readonly value?: EditValue;
}

function stepsTo(own: Values, wanted: EditMap, at: readonly string[]): readonly EditStep[] {
  const sets = Object.entries(wanted).flatMap(([key, value]): readonly EditStep[] => {
    const now = own[key];
    if (isDeepStrictEqual(now, value)) return [];
    const deeper = isValues(now) && Object.keys(now).length > 0 && isEditMap(value) && Object.keys(value).length > 0;
    return deeper ? stepsTo(now, value, [...at, key]) : [{ at: [...at, key], value }];
  });
  const gone = Object.keys(own).filter(key => !Object.hasOwn(wanted, key));
  return [...sets, ...gone.map(key => ({ at: [...at, key] }))];
}

/** Throws AppError `unknown-name` or `registry-edit`. */
export function removeMachine(texts: RegistryTexts, name: string): EditedTexts {
  return removeEntry(texts, 'machines', name);
}

/** Throws AppError `unknown-name` or `registry-edit`. */
export function removeService(texts: RegistryTexts, name: string): EditedTexts {
  return removeEntry(texts, 'services', name);
}

/** One machine of a service's `machines` for another. Throws AppError `registry-edit` where it is not written there as a list. */
export function replaceMachine(texts: RegistryTexts, service: string, from: string, to: string): EditedTexts {
  const path = fileFor(texts, 'services', service);
  const text = texts.files.get(path) ?? '';
  const before = read(path, text);
  const entry = sectionOf(before, 'services')[service];
  const own = isValues(entry) ? entry : {};
  const edited = replaceItem(text, ['services', service, 'machines'], from, to);
  const machines: readonly unknown[] = Array.isArray(own['machines']) ? own['machines'] : [];
  const wanted = { ...own, machines: machines.with(machines.indexOf(from), to) };
  return checked(path, edited, withEntry(before, 'services', service, wanted));
}

type Values = Record<string, unknown>;

function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function read(path: string, text: string): Values {
  const { value, diagnostics } = readYaml(path, text);
  const wrong = diagnostics.find(({ severity }) => severity === 'error');
  if (wrong !== undefined)
    throw new AppError('registry-edit', `${path}:${wrong.line}: ${wrong.message}`, { hint: 'Correct the file first.' });
  if (value === null) return {};
  if (!isValues(value)) throw new AppError('registry-edit', `${path} is not a map`);
  return value;
}

function sectionOf(values: Values, section: Section): Values {
  const own = Object.hasOwn(values, section) ? (values[section] ?? {}) : {};
  if (isValues(own)) return own;
  throw new AppError('registry-edit', `\`${section}\` is not a map`, { hint: 'Correct the file first.' });
}

/** The file that holds the entry; for a new one the file that holds its section, the main one first. */
function fileFor(texts: RegistryTexts, section: Section, name: string): string {
  const paths = [texts.main, ...[...texts.files.keys()].filter(path => path !== texts.main).toSorted()];
  const values = paths.map(path => [path, sectionOf(read(path, texts.files.get(path) ?? ''), section)] as const);
  const holding =
    values.find(([, entries]) => Object.hasOwn(entries, name)) ??
    values.find(([, entries]) => Object.keys(entries).length > 0);
  return holding?.[0] ?? texts.main;
}

function setEntry(texts: RegistryTexts, section: Section, name: string, fields: EditFields): EditedTexts {
  const path = fileFor(texts, section, name);
  const text = texts.files.get(path) ?? '';
  const before = read(path, text);
  const known = Object.hasOwn(sectionOf(before, section), name);
  const entry = known ? sectionOf(before, section)[name] : undefined;
  if (known && entry !== null && !isValues(entry))
    throw new AppError('registry-edit', `${section}.${name} is not a map`);
  const own = isValues(entry) ? entry : {};
  const set = Object.entries(fields).filter(
    (field): field is [string, EditValue] => field[1] !== null && !isDeepStrictEqual(own[field[0]], field[1]),
  );
  const removed = Object.entries(fields).flatMap(([key, value]) =>
    value === null && Object.hasOwn(own, key) ? [key] : [],
  );
  if (known && set.length === 0 && removed.length === 0) return new Map();
  const added = known && isValues(entry) ? undefined : Object.fromEntries(set);
  const afterSet =
    added === undefined
      ? set.reduce((now, [key, value]) => setIn(now, [section, name, key], value), text)
      : setIn(text, [section, name], added);
  const edited = removed.reduce((now, key) => removeIn(now, [section, name, key]), afterSet);
  const wanted = Object.fromEntries([...Object.entries(own).filter(([key]) => !removed.includes(key)), ...set]);
  return checked(path, edited, withEntry(before, section, name, wanted));
}

function removeEntry(texts: RegistryTexts, section: Section, name: string): EditedTexts {
  const path = fileFor(texts, section, name);
  const text = texts.files.get(path) ?? '';
  const before = read(path, text);
  const entries = sectionOf(before, section);
  if (!Object.hasOwn(entries, name))
    throw new AppError('unknown-name', `there is no ${section === 'machines' ? 'machine' : 'service'} \`${name}\``);
  const others = Object.fromEntries(Object.entries(entries).filter(([key]) => key !== name));
  return checked(path, removeIn(text, [section, name]), { ...before, [section]: others });
}

function withEntry(values: Values, section: Section, name: string, entry: Values): Values {
  return { ...values, [section]: { ...sectionOf(values, section), [name]: entry } };
}

/** The edited text says what was asked for, and nothing else changed. */
function checked(path: string, text: string, wanted: Values): EditedTexts {
  const { value, diagnostics } = readYaml(path, text);
  const broken = diagnostics.some(({ severity }) => severity === 'error');
  if (!broken && isDeepStrictEqual(value, wanted)) return new Map([[path, text]]);
  throw new AppError('registry-edit', `the edit of ${path} would change more than was asked for`, {
    hint: 'Anchors, aliases or an unusual layout are in the way: edit the file by hand.',
  });
}
