// Texts that were made to hurt end in diagnostics: no crash, no long wait, no trace in our own objects.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from '../../reconciler/core/parse.js';
import { brokenRegistries } from '../core/broken-registries.js';

const read = (text: string) => parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]) });
/** What a property asks for: an answer, of one of the two kinds. */
const answers = (text: string): boolean => {
  const { registry, diagnostics } = read(text);
  return (registry === undefined) === diagnostics.some(({ severity }) => severity === 'error');
};
const codes = (text: string): readonly string[] => [...new Set(read(text).diagnostics.map(({ code }) => code))];

function bomb(levels: number, line: (below: string, level: number) => string): string {
  const rows = Array.from(
    { length: levels },
    (_, level) => `x-l${level}: &l${level} ${level === 0 ? '{k: v}' : line(`*l${level - 1}`, level)}`,
  );
  return `${rows.join('\n')}\n`;
}

/** What fast-check says when the property does not hold; undefined when it does. */
function counterexample<T>(property: fc.IPropertyWithHooks<T>, numRuns: number): string | undefined {
  return fc.defaultReportMessage(fc.check(property, { numRuns }));
}

describe('size', () => {
  it('refuses a file over 512 KiB unread, counted in bytes', () => {
    expect(codes(`cluster: ${'a'.repeat(10 * 1024 * 1024)}`)).toEqual(['file-too-large']);
    expect(codes(`# ${'ü'.repeat(256 * 1024)}`)).toEqual(['file-too-large']);
    expect(codes(`cluster: home\n# ${'a'.repeat(512 * 1024 - 20)}`)).toEqual([]);
  });

  it('refuses an included file over 512 KiB', () => {
    const files = new Map([
      ['registry.yml', 'include: [more.yml]'],
      ['more.yml', 'a'.repeat(600_000)],
    ]);
    expect(parse({ main: 'registry.yml', files }).diagnostics).toMatchObject([
      { code: 'file-too-large', file: 'more.yml' },
    ]);
  });
});

describe('parts', () => {
  it.each([
    ['commas', `[${','.repeat(400_000)}]`],
    ['braces', '{}'.repeat(250_000)],
    ['aliases', `x-a: &a 1\nx-b: [${'*a,'.repeat(150_000)}]`],
    ['quotes', '"'.repeat(500_000)],
    ['tags', '!a '.repeat(150_000)],
  ])('refuses hundreds of thousands of %s before composing them', (_, text) => {
    expect(codes(text)).toEqual(['file-too-large']);
  });
});

describe('depth and expansion', () => {
  it.each([
    ['flow lists', '['.repeat(200_000)],
    ['flow maps', '{a: '.repeat(100_000)],
    ['block maps', Array.from({ length: 700 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ['block lists', '- '.repeat(100_000)],
    ['complex keys', '? '.repeat(100_000)],
    ['closed lists', `x-a: ${'['.repeat(100)}${']'.repeat(100)}`],
  ])('refuses deep %s', (_, text) => {
    expect(codes(text)).toEqual(['yaml-syntax']);
  });

  it.each([
    ['lists of aliases', bomb(12, below => `[${Array.from({ length: 10 }, () => below).join(', ')}]`)],
    [
      'maps of aliases',
      bomb(12, below => `{${Array.from({ length: 10 }, (_, key) => `k${key}: ${below}`).join(', ')}}`),
    ],
    ['merged aliases', bomb(30, (below, level) => `{<<: [${below}, ${below}], k${level}: ${below}}`)],
    ['a long chain of aliases', bomb(500, below => `[${below}]`)],
  ])('refuses a bomb of %s', (_, text) => {
    expect(codes(text)).toEqual(['yaml-syntax']);
  });

  it('takes anchors as people use them', () => {
    const services = Array.from({ length: 300 }, (_, index) => `  s${index}: {<<: *base, path: /opt/s${index}}`);
    const text = `x-base: &base {type: docker, machine: m1, health: {interval: 10}}\nmachines:\n  m1: {host: a, user: b, platform: linux}\nservices:\n${services.join('\n')}\n`;
    const { registry, diagnostics } = read(text);
    expect(diagnostics).toEqual([]);
    expect(registry?.placements).toHaveLength(300);
  });
});

describe('many', () => {
  const many = (row: (index: number) => string, count: number): string =>
    Array.from({ length: count }, (_, index) => row(index)).join('\n');

  it.each([
    ['unknown keys', () => many(index => `k${index}: 1`, 10_000), ['unknown-key']],
    ['variables', () => `vars:\n${many(index => `  k${index}: 1`, 15_000)}`, []],
    ['doubled keys', () => many(() => 'a: 1', 15_000), ['unknown-key', 'duplicate-key']],
    [
      'broken services',
      () => `services:\n${many(index => `  s${index}: {tpye: docker}`, 1500)}`,
      ['missing-field', 'unknown-key'],
    ],
    ['templates', () => `domain: "${'{{ x }}'.repeat(20_000)}"`, ['unknown-variable']],
  ])('does not take quadratic time for %s', (_, text, expected) => {
    expect(codes(text())).toEqual(expected);
  });
});

describe('prototypes', () => {
  it.each(['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString'])(
    '%s is a key like any other, everywhere',
    key => {
      const name = key.toLowerCase().replaceAll('_', '');
      const text = `vars: {${key}: 1}\nmachines:\n  ${name}: {host: a, user: b, platform: linux, vars: {${key}: 2}}\nservices:\n  ${name}: {type: docker, machine: ${name}, path: /opt/x, env: {${key}: "{{ ${key} }}"}, group: ${name}}\n`;
      const { registry, diagnostics } = read(text);
      expect(diagnostics).toEqual([]);
      expect(Object.entries(registry?.placements[0]?.env ?? {})).toEqual([[key, '2']]);
      expect(registry?.groups).toEqual({ [name]: [name] });
      expect(Object.keys(Object.prototype)).toEqual([]);
    },
  );

  it.each(['__proto__', 'constructor', 'toString'])('%s is not a variable that exists', key => {
    expect(
      codes(
        `machines:\n  m: {host: a, user: b, platform: linux}\nservices:\n  s: {type: docker, machine: m, path: "/opt/{{ ${key} }}"}\n`,
      ),
    ).toEqual(['unknown-variable']);
  });
});

describe('anything', () => {
  const whole = Object.values(brokenRegistries).flatMap(list => list.map(({ text }) => text));

  it('never throws for any text', () => {
    expect(
      counterexample(
        fc.property(fc.string({ unit: 'binary', maxLength: 300 }), text => answers(text)),
        200,
      ),
    ).toBeUndefined();
  });

  it('never throws for a registry with pieces cut, doubled or swapped', () => {
    const piece = fc.record({
      text: fc.constantFrom(...whole),
      at: fc.nat(400),
      length: fc.nat(30),
      put: fc.constantFrom('', '\t', '*a', '&a ', '{{ x }}', '[', '}', ': ', '\n  ', 'null', '"', '!!x ', '\0', '<<: '),
    });
    expect(
      counterexample(
        fc.property(piece, ({ text, at, length, put }) => answers(text.slice(0, at) + put + text.slice(at + length))),
        400,
      ),
    ).toBeUndefined();
  });

  it('never throws for any value in any place', () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    const key = fc.constantFrom(
      'type',
      'machine',
      'machines',
      'path',
      'source',
      'port',
      'ports',
      'port_mapping',
      'env',
      'env_file',
      'health',
      'policy',
      'depends_on',
      'command',
      'resources',
      'vars',
      'group',
      'tags',
      'images',
      'tls',
      'expose',
      'hostname',
    );
    const base = { type: 'local', machine: 'm', path: '/opt/x', command: 'run' };
    const text = (own: object, top: object): string =>
      JSON.stringify({
        machines: { m: { host: 'a', user: 'b', platform: 'linux' } },
        services: { s: { ...base, ...own } },
        ...top,
      });
    expect(
      counterexample(
        fc.property(fc.dictionary(key, value), own => answers(text(own, {}))),
        300,
      ),
    ).toBeUndefined();
    const topKey = fc.constantFrom(
      'machines',
      'services',
      'groups',
      'vars',
      'defaults',
      'include',
      'domain',
      'cluster',
      'policy',
      'caddy',
      'dns',
      'vault',
      'ca',
      'notify',
      'healing',
      'mcp',
      'status_page',
    );
    expect(
      counterexample(
        fc.property(fc.dictionary(topKey, value), top => answers(text({}, top))),
        200,
      ),
    ).toBeUndefined();
  });
});
