// Whether a value fits is answered in two ways: quickly, and by ajv, which also tells what is wrong. They must agree.
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fits } from '../../schema/fits.js';
import { partSchemas } from '../../schema/registry-parts.js';

type Schema = Readonly<Record<string, unknown>>;

// As schema/validate.ts sets it.
const ajv = new Ajv2020({ strict: false, validateSchema: false, ownProperties: true, logger: false });
const parts = Object.entries(partSchemas).map(([name, schema]) => ({
  name,
  schema: schema as Schema,
  byAjv: ajv.compile(schema),
}));

const texts = [
  'web',
  'm1',
  'Web',
  'a_b',
  '/opt/web',
  '/opt/../x',
  '~/.ssh/id',
  './serve',
  '30s',
  '5m',
  '1.5h',
  '512M',
  '1G',
  'auto',
]
  .concat([
    '20000-29999',
    '10.0.0.1',
    'https://vault.example.org:8200',
    'db.example.org',
    'root',
    'MY_VAR',
    '200-299',
    '0 22 * * *',
    '5s…5m',
    'machines > 3',
  ])
  .concat(['', ' ', '{{ NAME }}', 'two words', 'a\u0000b', 'line\nbreak', '-x', '0', '0.5', '65536'])
  .concat([
    `ssh-ed25519 ${'A'.repeat(48)}`,
    'x'.repeat(63),
    'x'.repeat(64),
    '😀'.repeat(60),
    '😀'.repeat(300),
    'y'.repeat(5000),
  ]);
const keys = ['x-mine', 'bogus', 'constructor', '__proto__', 'Web', 'web', 'MY_VAR', ''];
const junk = fc.oneof(
  fc.constantFrom<unknown>(...texts, null, true, false, 0, 1, -1, 0.5, 80, 443, 65_535, 65_536, 1e300, 200, 600),
  fc.constantFrom<unknown>([], {}, [[]], [null], [''], ['web', 80], { web: 1 }),
);

function mapOf(entries: readonly (readonly [string, unknown])[]): unknown {
  const map = {};
  for (const [key, value] of entries)
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  return map;
}

function mapNear(schema: Schema): fc.Arbitrary<unknown> {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  const required = (schema['required'] ?? []) as readonly string[];
  const more = schema['additionalProperties'];
  const other = typeof more === 'object' ? near(more as Schema) : junk;
  const known = properties.map(([key, one]) => {
    const there = { arbitrary: fc.tuple(fc.constant(key), near(one)), weight: required.includes(key) ? 30 : 1 };
    return fc.oneof(there, { arbitrary: fc.constant(undefined), weight: required.includes(key) ? 1 : 6 });
  });
  const extra = fc.array(fc.tuple(fc.constantFrom(...keys), other), { maxLength: 2 });
  const rare = fc.oneof(
    { arbitrary: extra, weight: properties.length === 0 ? 8 : 1 },
    { arbitrary: fc.constant([]), weight: 8 },
  );
  return fc
    .tuple(fc.tuple(...known), rare)
    .map(([own, rest]) => mapOf([...own.filter(one => one !== undefined), ...rest]));
}

/** Values that mostly have the right shape, down to their leaves. */
function near(schema: Schema): fc.Arbitrary<unknown> {
  const types = [(schema['type'] ?? []) as string | readonly string[]].flat();
  const choices = ((schema['anyOf'] ?? []) as readonly Schema[]).map(near);
  if (types.includes('object')) choices.push(mapNear(schema));
  if (types.includes('array')) choices.push(fc.array(near((schema['items'] ?? {}) as Schema), { maxLength: 3 }));
  if (Array.isArray(schema['enum'])) choices.push(fc.constantFrom<unknown>(...(schema['enum'] as unknown[])));
  if (types.includes('string'))
    choices.push(fc.constantFrom<unknown>(...texts.filter(text => fits(schema, text)), 'web'));
  if (types.includes('integer') || types.includes('number'))
    choices.push(fc.constantFrom<unknown>(1, 80, 200, 0.5, 70_000));
  if (types.includes('boolean')) choices.push(fc.boolean());
  const good = choices.length === 0 ? junk : fc.oneof(...choices);
  return fc.oneof({ arbitrary: good, weight: 40 }, { arbitrary: junk, weight: 1 });
}

describe.each(parts)('$name', ({ schema, byAjv }) => {
  it('fits exactly where ajv says so', () => {
    const answers = new Set<boolean>();
    fc.assert(
      fc.property(near(schema), value => {
        const answer = fits(schema, value);
        answers.add(answer);
        expect(answer, JSON.stringify(byAjv.errors)).toBe(byAjv(value));
      }),
      { numRuns: 400, seed: 20_26 },
    );
    const anything = schema['type'] === undefined && schema['anyOf'] === undefined;
    expect(answers).toEqual(new Set(anything ? [true] : [true, false]));
  });
});

it('refuses a keyword that it does not know, rather than let everything pass', () => {
  expect(() => fits({ contains: {} }, [])).toThrow(TypeError);
});
