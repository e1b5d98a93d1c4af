// Whatever the registry looks like: an edit shows exactly its change when it is read again, and every other line is as it was.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { removeMachine, setMachine } from '../../reconciler/core/edit.js';
import { readYaml } from '../../reconciler/core/yaml-text.js';
import { AppError } from '../../schema/errors.js';

const main = 'registry.yml';
const name = fc.constantFrom('a', 'b', 'c', 'd', 'constructor');
const word = fc.oneof(
  fc.constantFrom(
    'yes',
    '0644',
    '22:30',
    'null',
    '~',
    '#x',
    'a: b',
    '- a',
    '{',
    '*a',
    '&a',
    '!t',
    '"',
    "'",
    'é',
    '',
    ' a ',
    'x # y',
    '80',
  ),
  fc.string({ maxLength: 8 }),
);
const value = fc.oneof(
  word,
  fc.nat(65_535),
  fc.boolean(),
  fc.array(word, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('x', 'y'), word, { noNullPrototype: true }),
);
const key = fc.constantFrom('host', 'user', 'port', 'tags', 'vars');
const entry = fc.dictionary(key, value, { minKeys: 1, noNullPrototype: true });
const comment = fc.constantFrom('', '', ' # why', '   # a: b');

interface Style {
  readonly step: number;
  readonly eol: string;
  readonly gap: boolean;
  readonly lastEol: boolean;
}
const style: fc.Arbitrary<Style> = fc.record({
  step: fc.constantFrom(1, 2, 4),
  eol: fc.constantFrom('\n', '\r\n'),
  gap: fc.boolean(),
  lastEol: fc.boolean(),
});
const machine = fc.record({ name, fields: entry, braces: fc.boolean(), note: comment });
type Written = Readonly<{ name: string; fields: Record<string, unknown>; braces: boolean; note: string }>;

function write(machines: readonly Written[], { step, eol, gap, lastEol }: Style): string {
  const blank = ' '.repeat(step);
  const one = ({ name: own, fields, braces, note }: Written): string[] =>
    braces
      ? [`${blank}${own}: ${JSON.stringify(fields)}${note}`]
      : [
          `${blank}${own}:${note}`,
          ...Object.entries(fields).map(([field, is]) => `${blank}${blank}${field}:  ${JSON.stringify(is)}${note}`),
        ];
  const body = machines.flatMap(each => [...one(each), ...(gap ? [''] : [])]);
  const lines = [
    '# top',
    'cluster: home   # kept',
    machines.length === 0 ? 'machines: {}' : 'machines:',
    ...body,
    'services: {}  # none',
  ];
  return lines.join(eol) + (lastEol ? eol : '');
}

const registry = fc
  .tuple(fc.uniqueArray(machine, { selector: one => one.name, maxLength: 4 }), style)
  .map(([machines, how]) => write(machines, how));

function machinesOf(text: string): Record<string, Record<string, unknown>> {
  const { value: read, diagnostics } = readYaml(main, text);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return (read as { machines: Record<string, Record<string, unknown>> }).machines;
}

/** Lines of `some` are lines of `all`, in the same order. */
function isWithin(some: readonly string[], all: readonly string[]): boolean {
  let at = 0;
  for (const line of all) if (at < some.length && some[at] === line) at += 1;
  return at === some.length;
}

/** The lines outside the machine (its own, until the next one of its indentation) and outside its section's key. */
function others(text: string, own: string): readonly string[] {
  const lines = text.split(/\r?\n/);
  const start = lines.findIndex(line => new RegExp(`^ +${own}:`).test(line));
  const indent = start < 0 ? 0 : (lines[start]?.search(/\S/) ?? 0);
  const length = lines.slice(start + 1).findIndex(line => line.trim() !== '' && line.search(/\S/) <= indent);
  const kept = start < 0 ? lines : [...lines.slice(0, start), ...lines.slice(start + 1 + length)];
  return kept.filter(line => line.trim() !== '' && !line.startsWith('machines:'));
}

function edited(edit: () => ReadonlyMap<string, string>, text: string): string | undefined {
  try {
    return edit().get(main) ?? text;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

describe('an edit', () => {
  it('of fields shows just these fields, and touches no other line', () => {
    const fields = fc.dictionary(key, fc.oneof(value, fc.constant(null)), { noNullPrototype: true });
    const holds = fc.property(registry, name, fields, (text, own, set) => {
      const after = edited(() => setMachine({ main, files: new Map([[main, text]]) }, own, set), text);
      expect(after).toBeDefined();
      const before = machinesOf(text);
      const known = Object.hasOwn(before, own);
      const merged = { ...(known ? before[own] : {}), ...set };
      const wanted = Object.fromEntries(Object.entries(merged).filter(([, is]) => is !== null));
      expect(machinesOf(after ?? '')).toEqual({ ...before, [own]: wanted });
      expect(isWithin(others(text, own), (after ?? '').split(/\r?\n/))).toBe(true);
      expect(after?.includes('\r\n')).toBe(text.includes('\r\n'));
    });
    expect(fc.defaultReportMessage(fc.check(holds, { numRuns: 600 }))).toBeUndefined();
  });

  it('that removes a machine removes it alone', () => {
    const holds = fc.property(registry, name, (text, own) => {
      const before = machinesOf(text);
      const after = edited(() => removeMachine({ main, files: new Map([[main, text]]) }, own), text);
      expect(after === undefined).toBe(!Object.hasOwn(before, own));
      if (after === undefined) return;
      expect(machinesOf(after)).toEqual(Object.fromEntries(Object.entries(before).filter(([one]) => one !== own)));
      expect(isWithin(others(text, own), after.split(/\r?\n/))).toBe(true);
    });
    expect(fc.defaultReportMessage(fc.check(holds, { numRuns: 400 }))).toBeUndefined();
  });
});
