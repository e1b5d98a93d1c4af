// ajv reports every branch of a union that did not fit; a person made one mistake. This keeps the one that tells what it was.
import type { ErrorObject } from 'ajv/dist/2020.js';

function within(error: ErrorObject, union: ErrorObject): boolean {
  const below = error.instancePath === union.instancePath || error.instancePath.startsWith(`${union.instancePath}/`);
  return below && error.schemaPath.startsWith(`${union.schemaPath}/`);
}

function branchOf(error: ErrorObject, union: ErrorObject): string {
  return error.schemaPath.slice(union.schemaPath.length + 1).split('/', 1)[0] ?? '';
}

/** The one branch whose type fits the value: what it complains about is the mistake. */
function meantBranch(inner: readonly ErrorObject[], union: ErrorObject): string | undefined {
  const branches = new Set(inner.map(error => branchOf(error, union)));
  for (const error of inner) {
    if (error.keyword === 'type' && error.instancePath === union.instancePath) branches.delete(branchOf(error, union));
  }
  return branches.size === 1 ? [...branches][0] : undefined;
}

function foldOne(errors: readonly ErrorObject[], union: ErrorObject): readonly ErrorObject[] {
  const inner = errors.filter(error => within(error, union));
  const meant = meantBranch(inner, union);
  const dropped = new Set(inner.filter(error => branchOf(error, union) !== meant));
  if (meant !== undefined) dropped.add(union);
  return errors.filter(error => !dropped.has(error));
}

const structural = new Set(['additionalProperties', 'required', 'propertyNames']);

/** The first complaint about a value is the one that matters: its type comes before its form. */
function onePerValue(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const seen = new Set<string>();
  return errors.filter(error => {
    if (error.propertyName !== undefined) return false;
    if (structural.has(error.keyword)) return true;
    const first = !seen.has(error.instancePath);
    seen.add(error.instancePath);
    return first;
  });
}

export function foldUnions(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const unions = errors
    .filter(error => error.keyword === 'anyOf')
    .toSorted((a, b) => b.schemaPath.length - a.schemaPath.length);
  return onePerValue(unions.reduce(foldOne, errors));
}
