// A registry of the older form (`hosts`, `current_host`) as it was read, and what is said of its lines.
import type { Diagnostic, Position } from '../../schema/diagnostics.js';
import { type Path, pathText } from '../../schema/validate.js';
import { readYaml } from './yaml-text.js';

export type Fields = Readonly<Record<string, unknown>>;

/** Something of the old registry that the new one does not say. */
export interface ImportRemark extends Position {
  /** Such as `services.web.tls_cert`. */
  readonly path: string;
  readonly text: string;
}

export interface Old {
  readonly value: Fields;
  readonly remarks: readonly ImportRemark[];
  say(path: Path, text: string): void;
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Text, or a number as text; undefined for anything else, and for what is empty. */
export function wordOf(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : undefined;
}

/** A list of words, or one of them alone; a map counts by its keys. */
export function wordsOf(value: unknown): readonly string[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : isFields(value) ? Object.keys(value) : [value];
  return items.flatMap(one => wordOf(one) ?? []);
}

/** For people; undefined: a word, or so empty that nothing is lost with it. */
function oddity(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.length === 0 ? undefined : 'a list';
  if (isFields(value)) return Object.keys(value).length === 0 ? undefined : 'a map';
  return typeof value === 'boolean' ? `\`${value}\`` : undefined;
}

/** Says what stands where a word is wanted. */
function sayOddity(old: Old, path: Path, value: unknown): void {
  const odd = oddity(value);
  if (odd !== undefined) old.say(path, `is left out: ${odd} stands where a word is expected`);
}

/** As `wordOf`, of one key; whatever else stands there is told. */
export function wordAt(old: Old, path: Path, value: Fields, key: string): string | undefined {
  sayOddity(old, [...path, key], value[key]);
  return wordOf(value[key]);
}

/** As `wordsOf`, of one key; what of it is no word is told. */
export function wordsAt(old: Old, path: Path, value: Fields, key: string): readonly string[] {
  const written = value[key];
  const at = [...path, key];
  if (Array.isArray(written)) for (const [index, one] of written.entries()) sayOddity(old, [...at, index], one);
  else if (!isFields(written)) sayOddity(old, at, written);
  else if (Object.values(written).some(one => one !== null && one !== true && one !== ''))
    old.say(at, 'only the names in it were carried over, not what stands under them');
  return wordsOf(written);
}

/** A section that is a map; undefined: there is none. Anything else is told. */
export function mapAt(old: Old, key: string): Fields | undefined {
  const value = old.value[key];
  if (isFields(value)) return value;
  if (value !== undefined && value !== null) old.say([key], 'is left out: it is no map');
  return undefined;
}

/** A port, also of `8080:80`. */
export function portOf(value: unknown): number | undefined {
  const [, digits] = /^(\d{1,5})(:\d{1,5})?$/.exec(wordOf(value) ?? '') ?? [];
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? port : undefined;
}

function refusal(file: string, value: unknown): Diagnostic | undefined {
  const wrong = (message: string, hint: string): Diagnostic => ({
    code: 'wrong-type',
    severity: 'error',
    file,
    line: 1,
    column: 1,
    path: '',
    message,
    hint,
  });
  if (isFields(value) && (isFields(value['hosts']) || isFields(value['services'])) && !('machines' in value))
    return undefined;
  return isFields(value) && 'machines' in value
    ? wrong('it names `machines`: it has the present form already', 'check it with `portoser registry validate`')
    : wrong('it is no registry of the older form', 'that is a map with `hosts` and `services`');
}

/** The older form has no `include`, which the hint for a file that is too large advises. */
function inOneFile(wrong: Diagnostic): Diagnostic {
  if (wrong.code !== 'file-too-large') return wrong;
  return { ...wrong, hint: 'import it in parts: each with the hosts that its services name' };
}

/** The diagnostics where it cannot be read as one. */
export function readOld(file: string, text: string): Old | { readonly diagnostics: readonly Diagnostic[] } {
  const yaml = readYaml(file, text);
  const errors = yaml.diagnostics.filter(one => one.severity === 'error');
  if (errors.length > 0) return { diagnostics: errors.map(inOneFile) };
  const refused = refusal(file, yaml.value);
  if (refused !== undefined) return { diagnostics: [refused] };
  const remarks: ImportRemark[] = [];
  return {
    value: yaml.value as Fields,
    remarks,
    say: (path, message) => void remarks.push({ ...yaml.locate(path, 'key'), path: pathText(path), text: message }),
  };
}

/** Names each key of a map that nothing was made of. */
export function sayOthers(old: Old, path: Path, value: Fields, known: readonly string[]): void {
  for (const key of Object.keys(value)) if (!known.includes(key)) old.say([...path, key], 'has no counterpart');
}
