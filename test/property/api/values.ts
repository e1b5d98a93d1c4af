// Values for a JSON Schema: those that fit it, those that nearly do, and those that nobody should send.
import fc from 'fast-check';

export interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** Values of a member by its name, that mean something in this world. */
export type Known = Readonly<Record<string, fc.Arbitrary<unknown>>>;

export type Body = Readonly<Record<string, unknown>>;

const deep = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);

/** Nothing of it is the name of a program, a unit or a path of this machine: what takes it for one must come to nothing. */
export const hostileTexts: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\r\nx-injected: 1',
  '../../../nowhere/at/all',
  '%00%ff%',
  "'; no-such-program-here #",
  '$(no-such-program-here)',
  '`no-such-program-here`',
  '{{ NO_SUCH }}',
  '{{ service.name }}',
  '--no-such-flag',
  '-',
  '@',
  'web@',
  '@m1',
  'web@m1@m1',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '\ud800',
  '\u202eweb',
  'é',
  'e\u0301',
  '𝕨𝕖𝕓',
  '\u0000\u0001\u001b[31m',
  '1e999',
  '0x1F',
  'NaN',
  'null',
  '99999999999999999999999999',
  'a'.repeat(300),
  'ü'.repeat(5000),
  'x'.repeat(100_000),
];

const hostileText = fc.constantFrom(...hostileTexts);

export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(null, true, false, 0, -0, -1, 1.5, 1e308, -1e308, 2 ** 53, 2 ** 31, 5e-324),
  fc.constantFrom<unknown>([], {}, [null], [[]], { a: { b: {} } }, deep(100), deep(2000)),
  fc.array(hostileText, { maxLength: 40 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant(Array.from({ length: 5000 }, () => 'x')),
);

const plainText = fc.oneof(
  fc.constantFrom('web', 'm1', 'x', 'a word', '10m'),
  fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
);

/** It keeps out no more than what no text of people has. */
const isLoose = (pattern = ''): boolean => ['web', 'a word', '10m', 'ü/%'].every(one => new RegExp(pattern).test(one));

export function fitting(schema: Schema, known: Known, name = ''): fc.Arbitrary<unknown> {
  if (Object.hasOwn(known, name) && known[name] !== undefined) return known[name];
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'integer': {
      const [min, max] = [schema.minimum ?? Number.MIN_SAFE_INTEGER, schema.maximum ?? Number.MAX_SAFE_INTEGER];
      return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
    }
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(fitting(schema.items ?? {}, known, `${name}[]`), { maxLength: 3 });
    case 'object':
      return bodyOf(schema, known);
    default:
      return isLoose(schema.pattern) ? plainText : fc.stringMatching(new RegExp(schema.pattern ?? ''));
  }
}

/** With all that it needs, and some of what it may have. */
export function bodyOf({ properties = {}, required = [] }: Schema, known: Known): fc.Arbitrary<Body> {
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, one]) => [name, fitting(one, known, name)]),
  );
  return fc.record(members, { requiredKeys: [...required] }) as fc.Arbitrary<Body>;
}

type Change = (body: Record<string, unknown>, kept: ReadonlySet<string>) => void;

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), hostile).map(([at, value]): Change => (body, kept) => {
    const names = Object.keys(body).filter(name => !kept.has(name));
    const name = names[at % Math.max(1, names.length)];
    if (name !== undefined) body[name] = value;
  }),
  fc.nat().map((at): Change => (body, kept) => {
    const names = Object.keys(body).filter(name => !kept.has(name));
    const name = names[at % Math.max(1, names.length)];
    if (name !== undefined) delete body[name];
  }),
  fc.tuple(fc.constantFrom('__proto__', 'constructor', 'prototype', 'follow', 'x', '', '\0', 'name '), hostile).map(
    ([name, value]): Change =>
      body =>
        Object.defineProperty(body, name, { value, enumerable: true, configurable: true, writable: true }),
  ),
);

/** `kept`: members that stay as they are, because the world would not be a throw-away one without them. */
export function nearly(body: fc.Arbitrary<Body>, kept: ReadonlySet<string>): fc.Arbitrary<Body> {
  return fc.tuple(body, fc.array(changes, { minLength: 1, maxLength: 2 })).map(([whole, all]) => {
    const changed: Record<string, unknown> = { ...whole };
    for (const change of all) change(changed, kept);
    return changed;
  });
}
