// `{{ NAME }}` in the registry's strings: what stands for a name is put in, once; no logic, no recursion.
import type { DiagnosticCode } from '../../schema/diagnostics.js';
import { shorten, type Path } from '../../schema/validate.js';

/** Why a template cannot be filled. */
export interface Unfilled {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly hint?: string;
}

/** What a name stands for. */
export type Lookup = (name: string) => { readonly value: unknown } | Unfilled;

export type ReportUnfilled = (path: Path, problem: Unfilled) => void;

const token = /\{\{\{\{|\{\{([^{}]*)\}\}|\{\{/g;
const whole = /^\{\{([^{}]*)\}\}$/;
const nameForm = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

const malformed: Unfilled = {
  code: 'invalid-value',
  message: '`{{` does not begin a template here',
  hint: 'write {{ NAME }}, or {{{{ for a literal {{',
};

export function hasTemplate(text: string): boolean {
  return text.includes('{{');
}

/** The names that the templates of a value use, wherever they stand in it. */
export function templateNames(value: unknown): readonly string[] {
  if (typeof value === 'string')
    return [...value.matchAll(token)].flatMap(([, inner]) => (inner === undefined ? [] : [inner.trim()]));
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(templateNames) : [];
}

function find(inner: string, lookup: Lookup): ReturnType<Lookup> {
  const name = inner.trim();
  return nameForm.test(name) ? lookup(name) : { ...malformed, message: `\`{{${shorten(inner)}}}\` is not a template` };
}

/** One string filled. A template that is the whole string keeps the type of what it stands for; `{{{{` becomes `{{`. */
export function fillText(text: string, lookup: Lookup, report: (problem: Unfilled) => void): unknown {
  if (!hasTemplate(text)) return text;
  const only = whole.exec(text)?.[1];
  if (only === undefined)
    return text.replaceAll(token, (match, inner?: string) => fillToken(match, inner, lookup, report));
  const found = find(only, lookup);
  if ('value' in found) return found.value;
  report(found);
  return text;
}

function fillToken(
  match: string,
  inner: string | undefined,
  lookup: Lookup,
  report: (problem: Unfilled) => void,
): string {
  if (match === '{{{{') return '{{';
  const found = inner === undefined ? malformed : find(inner, lookup);
  if (!('value' in found)) {
    report(found);
    return match;
  }
  if (typeof found.value === 'string') return found.value;
  if (typeof found.value !== 'object') return JSON.stringify(found.value);
  report({
    code: 'invalid-value',
    message: `\`${match}\` is a list or a map, which cannot stand within text`,
    hint: 'let the template be the whole value',
  });
  return match;
}

/** Every string of a value filled; keys beginning `x-` and `vars` are left alone. */
export function fill(value: unknown, lookup: Lookup, report: ReportUnfilled, path: Path = []): unknown {
  if (typeof value === 'string') return fillText(value, lookup, problem => report(path, problem));
  if (Array.isArray(value)) return value.map((one, index) => fill(one, lookup, report, [...path, index]));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(
    ([key, one]) => [key, isUsers(key, path) ? one : fill(one, lookup, report, [...path, key])] as const,
  );
  return Object.fromEntries(entries);
}

function isUsers(key: string, path: Path): boolean {
  return key.startsWith('x-') || (key === 'vars' && path.length === 0);
}

/** Variables are put in as they are: `{{{{` in them is a literal `{{` too, anything else with `{{` is no variable. */
export function variableValue(value: unknown): { readonly value: unknown } | Unfilled {
  if (typeof value !== 'string' || !hasTemplate(value)) return { value };
  const parts = value.split('{{{{');
  if (!parts.some(hasTemplate)) return { value: parts.join('{{') };
  return {
    code: 'invalid-value',
    message: 'a variable cannot hold a template: variables are not filled themselves',
    hint: 'write the value, or {{{{ for a literal {{',
  };
}
