// The small parts that registry.yml is made of: names, ports, durations, sizes, paths, safe words, and maps with fixed keys.
import { Type, type Static, type TProperties, type TSchema } from 'typebox';
import type { DiagnosticCode } from '../diagnostics.js';

/** What is said about a value beside its shape; `expected` and `code` go into diagnostics, not into the JSON Schema for editors. */
export interface Notes {
  readonly description?: string;
  /** What would have been right, for the sentence "expected …". */
  readonly expected?: string;
  /** Code of the diagnostic for a value of the right type that is not allowed; default `invalid-value`. */
  readonly code?: DiagnosticCode;
  readonly default?: unknown;
  /** Keys that people look for here and that stand elsewhere → where. */
  readonly elsewhere?: Readonly<Record<string, string>>;
}

const safeName = '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$';
const hostName = '^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$';
/** Host names (an underscore is common at home), IPv4 and IPv6 with a zone; never a leading `-`, which ssh would read as an option. */
const address = '^[a-zA-Z0-9_:]([a-zA-Z0-9._:%-]*[a-zA-Z0-9_:])?$';
/** A word without blanks that is safe as an argument: no leading `-`, no shell characters. */
export const wordPattern = '^[A-Za-z0-9_][A-Za-z0-9_.@:-]*$';
const noControl = '^[^\\u0000-\\u001f\\u007f]*$';

/** A map with fixed keys; keys beginning `x-` are the user's own. */
export function fields<P extends TProperties>(properties: P, notes: Notes = {}) {
  return Type.Object(properties, { additionalProperties: false, patternProperties: { '^x-': {} }, ...notes });
}

/** A map by free names, which must match a pattern. */
export function byName<T extends TSchema>(value: T, pattern: string, expected: string, notes: Notes = {}) {
  return Type.Unsafe<Readonly<Record<string, Static<T>>>>({
    type: 'object',
    propertyNames: { pattern, maxLength: 255, expected },
    additionalProperties: value,
    expected: 'a map',
    ...notes,
  });
}

export function oneOf<const V extends string>(values: readonly V[], notes: Notes = {}) {
  return Type.Unsafe<V>({ type: 'string', enum: [...values], expected: `one of ${values.join(', ')}`, ...notes });
}

export function list<T extends TSchema>(item: T, notes: Notes = {}) {
  return Type.Array(item, { expected: 'a list', ...notes });
}

/** One value, or a list of at least one. */
export function oneOrMany<T extends TSchema>(item: T, expected: string, notes: Notes = {}, minItems = 1) {
  return Type.Union([item, Type.Array(item, { minItems, expected })], { expected, ...notes });
}

function pattern(source: string, expected: string, notes: Notes = {}, maxLength = 4096) {
  return Type.String({ pattern: source, maxLength, expected, ...notes });
}

export function name(notes: Notes = {}) {
  const expected = 'a name of a-z, 0-9 and - (not at its ends), at most 63 characters';
  return pattern(safeName, expected, { code: 'invalid-name', ...notes }, 63);
}

export function named<T extends TSchema>(value: T, notes: Notes = {}) {
  return byName(
    value,
    '^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
    'a-z, 0-9 and - (not at its ends), at most 63 characters',
    notes,
  );
}

export function safeWord(what: string, notes: Notes = {}) {
  return pattern(wordPattern, `${what} of letters, digits and _ . @ : - (not - first)`, notes, 255);
}

export function host(notes: Notes = {}) {
  return pattern(address, 'an IP address or a host name', notes, 253);
}

export function dnsName(notes: Notes = {}) {
  return pattern(hostName, 'a host name such as web.example.org', notes, 253);
}

/** Free text in one line. */
export function line(notes: Notes = {}) {
  return pattern(noControl, 'text in one line', notes);
}

/** Text of any form, without NUL, which no process can be given. */
export function freeText(notes: Notes = {}, maxLength = 65_536) {
  return pattern('^[^\\u0000]*$', 'text without NUL characters', notes, maxLength);
}

export function url(notes: Notes = {}) {
  return pattern('^https?://[^\\s\\u0000-\\u001f]+$', 'an address that begins with http:// or https://', notes);
}

/** Absolute on the machine; `..` is refused, the rest normalised by parse. */
export function absolutePath(notes: Notes = {}) {
  return pattern('^/(?!.*(^|/)\\.\\.(/|$))[^\\u0000-\\u001f\\u007f]*$', 'an absolute path without ..', {
    code: 'invalid-path',
    ...notes,
  });
}

/** Relative, staying below where it starts. */
export function relativePath(notes: Notes = {}) {
  return pattern('^(?![/~-])(?!.*(^|/)\\.\\.(/|$))[^\\u0000-\\u001f\\u007f]+$', 'a relative path without ..', {
    code: 'invalid-path',
    ...notes,
  });
}

/** Either of both. */
export function anyPath(notes: Notes = {}) {
  return pattern('^(?![~-])(?!.*(^|/)\\.\\.(/|$))[^\\u0000-\\u001f\\u007f]+$', 'a path without ..', {
    code: 'invalid-path',
    ...notes,
  });
}

export function port(notes: Notes = {}) {
  return Type.Integer({
    minimum: 1,
    maximum: 65_535,
    expected: 'a port from 1 to 65535',
    code: 'invalid-port',
    ...notes,
  });
}

export function portOrAuto(notes: Notes = {}) {
  return Type.Unsafe<number | 'auto'>({
    type: ['integer', 'string'],
    minimum: 1,
    maximum: 65_535,
    pattern: '^auto$',
    expected: 'a port from 1 to 65535, or auto',
    code: 'invalid-port',
    ...notes,
  });
}

export function duration(notes: Notes = {}) {
  return Type.Unsafe<number | string>({
    type: ['number', 'string'],
    minimum: 0,
    maximum: 31_622_400,
    pattern: '^[0-9]{1,9}(\\.[0-9]{1,3})?(ms|s|m|h|d)?$',
    expected: 'a number of seconds, or a duration such as 30s, 5m or 2h',
    ...notes,
  });
}

export function size(notes: Notes = {}) {
  return Type.Unsafe<number | string>({
    type: ['integer', 'string'],
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    pattern: '^[0-9]{1,9}(\\.[0-9]{1,3})?([kKmMgGtT]([iI]?[bB])?)?$',
    expected: 'a size such as 512M or 1G',
    ...notes,
  });
}

/** `true`, or the reason as text. */
export function suspend(notes: Notes = {}) {
  return Type.Unsafe<boolean | string>({
    type: ['boolean', 'string'],
    pattern: noControl,
    maxLength: 500,
    expected: 'true, false, or a reason as text',
    ...notes,
  });
}

export function vars() {
  const value = Type.Unsafe<unknown>({ type: ['string', 'number', 'boolean', 'array', 'object'], expected: 'a value' });
  return byName(value, '^[A-Za-z_][A-Za-z0-9_-]*$', 'letters, digits, _ and -, beginning with a letter or _', {
    description: 'Values for templates: `{{ NAME }}`; the nearest of service, machine and registry wins.',
  });
}

export function tags() {
  return list(safeWord('a tag'), {
    description: 'Words for people and filters; `machines: {tags: […]}` selects by them.',
  });
}
