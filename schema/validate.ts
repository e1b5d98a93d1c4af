// Checks a part of the registry against its schema and turns failures into diagnostics for people, one for each mistake.
import { createRequire } from 'node:module';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type * as ajv2020 from 'ajv/dist/2020.js';
import { closest, didYouMean } from './closest.js';
import type { Diagnostic, DiagnosticCode, Position } from './diagnostics.js';
import { fits } from './fits.js';
import { foldUnions } from './fold-unions.js';
import { partSchemas } from './registry-parts.js';
import type { PartName } from './registry.js';

export type Path = readonly (string | number)[];

/** Where something stands; for what is not there, where its nearest parent stands. */
export type Locate = (path: Path, where: 'key' | 'value') => Position;

/** `services.web.ports[0]` */
export function pathText(path: Path): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

interface Failure {
  readonly path: Path;
  readonly where: 'key' | 'value';
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly expected?: string | undefined;
  readonly hint?: string | undefined;
  /** The key that is not there. */
  readonly missing?: string;
}

const compiled = new Map<PartName, ValidateFunction>();

/** Loaded and compiled when first asked for, because something is wrong: each part costs up to 40 ms. */
function validator(part: PartName): ValidateFunction {
  const known = compiled.get(part);
  if (known !== undefined) return known;
  const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof ajv2020;
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: false,
    validateSchema: false,
    ownProperties: true,
    logger: false,
    code: { optimize: false },
  });
  const made = ajv.compile(partSchemas[part]);
  compiled.set(part, made);
  return made;
}

export interface PartCheck {
  /** Where the value stands in the registry. */
  readonly base: Path;
  readonly locate: Locate;
  /** A string with a template is taken for right, because only its filled value can be judged. */
  readonly templates: boolean;
}

/** All mistakes in `value`; an empty list means that it has the type of its part (apart from values that are templates still). */
export function checkPart(part: PartName, value: unknown, check: PartCheck): readonly Diagnostic[] {
  return findFaults(part, value, check).map(fault => fault.diagnostic);
}

export interface Fault {
  readonly diagnostic: Diagnostic;
  /** From the checked value. */
  readonly path: Path;
  /** The key that is missing there. */
  readonly missing: string | undefined;
}

/** As `checkPart`, with the path of each mistake. */
export function findFaults(part: PartName, value: unknown, check: PartCheck): readonly Fault[] {
  if (fits(partSchemas[part] as Readonly<Record<string, unknown>>, value)) return [];
  const validate = validator(part);
  if (validate(value)) return [];
  const errors = foldUnions(validate.errors ?? []).filter(error => !(check.templates && isTemplate(error)));
  return errors
    .map(error => failure(error, check.base))
    .map(failed => ({ path: failed.path, missing: failed.missing, diagnostic: toDiagnostic(failed, check) }));
}

function isTemplate(error: ErrorObject): boolean {
  return typeof error.data === 'string' && error.propertyName === undefined && error.data.includes('{{');
}

function toDiagnostic(failed: Failure, { base, locate }: PartCheck): Diagnostic {
  const path = [...base, ...failed.path];
  const { code, message, expected, hint } = failed;
  return {
    code,
    severity: 'error',
    ...locate(path, failed.where),
    path: pathText(path),
    message,
    ...(expected === undefined ? {} : { expected }),
    ...(hint === undefined ? {} : { hint }),
  };
}

interface Notes {
  readonly expected?: string;
  readonly code?: DiagnosticCode;
  readonly elsewhere?: Readonly<Record<string, string>>;
  readonly properties?: Readonly<Record<string, { readonly expected?: string }>>;
}

const noteOf = (error: ErrorObject): Notes => (error.parentSchema ?? {}) as Notes;

function steps(instancePath: string): Path {
  return instancePath
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map(step => (/^(0|[1-9]\d*)$/.test(step) ? Number(step) : step));
}

function failure(error: ErrorObject, base: Path): Failure {
  const path = steps(error.instancePath);
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(path, String(error.params['additionalProperty']), noteOf(error));
    case 'required':
      return missingField(path, String(error.params['missingProperty']), noteOf(error));
    case 'propertyNames':
      return invalidName(path, String(error.params['propertyName']), error);
    default:
      return wrongValue(path, error, base);
  }
}

function unknownKey(path: Path, key: string, notes: Notes): Failure {
  const elsewhere =
    notes.elsewhere !== undefined && Object.hasOwn(notes.elsewhere, key) ? notes.elsewhere[key] : undefined;
  const at = { path: [...path, key], where: 'key' } as const;
  if (elsewhere !== undefined)
    return {
      ...at,
      code: 'not-applicable',
      message: `\`${key}\` does not belong here`,
      hint: `write it in ${elsewhere}`,
    };
  const known = Object.keys(notes.properties ?? {});
  return { ...at, code: 'unknown-key', message: `unknown key \`${shorten(key)}\``, hint: didYouMean(key, known) };
}

function missingField(path: Path, key: string, notes: Notes): Failure {
  const expected = notes.properties?.[key]?.expected;
  return { path, where: 'key', code: 'missing-field', message: `\`${key}\` is missing`, expected, missing: key };
}

function invalidName(path: Path, key: string, error: ErrorObject): Failure {
  const expected = (error.schema as Notes).expected;
  const hint = didYouMeanName(key);
  return {
    path: [...path, key],
    where: 'key',
    code: 'invalid-name',
    message: `\`${shorten(key)}\` is not a valid name`,
    expected,
    hint,
  };
}

function didYouMeanName(key: string): string | undefined {
  const better = key
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
  return better !== '' && better !== key ? `such as \`${better}\`` : undefined;
}

function wrongValue(path: Path, error: ErrorObject, base: Path): Failure {
  const notes = noteOf(error);
  const what = notes.expected ?? 'something else';
  if (error.data === null) return emptyEntry(path, what, base);
  const code = error.keyword === 'type' || error.keyword === 'anyOf' ? 'wrong-type' : (notes.code ?? 'invalid-value');
  const found = path.includes('env') || path.at(-1) === 'secret' ? kindOf(error.data) : describe(error.data);
  return {
    path,
    where: 'value',
    code,
    message: `expected ${what}, found ${found}`,
    expected: what,
    hint: valueHint(error),
  };
}

function emptyEntry(path: Path, expected: string, base: Path): Failure {
  const last = path.at(-1) ?? base.at(-1);
  const entry = last === undefined ? 'the file' : `\`${String(last)}\``;
  const hint = path.includes('env') ? 'write "" for an empty value' : 'write its content below it, or remove it';
  return { path, where: 'key', code: 'empty-entry', message: `${entry} has no content`, expected, hint };
}

function valueHint(error: ErrorObject): string | undefined {
  const { data } = error;
  if (typeof data !== 'string') return undefined;
  if (/^\d+$/.test(data) && ['integer', 'number'].some(type => [error.parentSchema?.['type']].flat().includes(type)))
    return 'remove the quotes';
  const allowed = error.keyword === 'enum' ? (error.params['allowedValues'] as readonly string[]) : [];
  const near = closest(data, allowed);
  return near === undefined ? undefined : `did you mean \`${near}\`?`;
}

/** A value for a sentence, cut and on one line. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value === null || value === undefined) return 'nothing';
  return typeof value === 'object' ? 'a map' : typeof value === 'string' ? 'text' : `a ${typeof value}`;
}

export function shorten(value: string): string {
  return value.length > 60 ? `${value.slice(0, 57)}…` : value;
}
