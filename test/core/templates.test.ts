// `{{ NAME }}`: what is filled, what keeps its type, and what is refused.
import { describe, expect, it } from 'vitest';
import { fill, fillText, variableValue, type Lookup } from '../../reconciler/core/templates.js';

const values: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['A', 'a'],
  ['N', 8080],
  ['B', true],
  ['L', [1, 2]],
  ['services.db.host', 'h'],
  ['T', '{{ A }}'],
]);
const lookup: Lookup = name =>
  values.has(name) ? { value: values.get(name) } : { code: 'unknown-variable', message: name };

function filled(text: string): { readonly value: unknown; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const value = fillText(text, lookup, problem => problems.push(problem.code));
  return { value, problems };
}

describe('fillText', () => {
  it.each([
    ['none', 'none'],
    ['{{ A }}', 'a'],
    ['{{A}}-{{  A  }}', 'a-a'],
    ['{{ N }}', 8080],
    ['{{ B }}', true],
    ['{{ L }}', [1, 2]],
    ['port {{ N }} {{ B }}', 'port 8080 true'],
    ['{{ services.db.host }}:1', 'h:1'],
    ['{{{{', '{{'],
    ['{{{{ A }}', '{{ A }}'],
    ['{{{{{{ A }}', '{{a'],
    ['a } b }} c', 'a } b }} c'],
    ['{{ T }} once', '{{ A }} once'],
    ['${A}', '${A}'],
  ])('%s', (text, value) => {
    expect(filled(text)).toEqual({ value, problems: [] });
  });

  it.each([
    ['{{ X }}', 'unknown-variable'],
    ['a {{ X }}', 'unknown-variable'],
    ['{{', 'invalid-value'],
    ['{{ A', 'invalid-value'],
    ['{{ }}', 'invalid-value'],
    ['{{ A | upper }}', 'invalid-value'],
    ['{{ A.b() }}', 'invalid-value'],
    ['{{{ A }}}', 'invalid-value'],
    ['in {{ L }}', 'invalid-value'],
  ])('%s is refused', (text, code) => {
    expect(filled(text).problems).toEqual([code]);
  });
});

describe('fill', () => {
  it('goes through lists and maps, and leaves vars and x- keys alone', () => {
    const paths: string[] = [];
    const given = { a: ['{{ A }}', { b: '{{ X }}' }], vars: { v: '{{ X }}' }, 'x-a': '{{ X }}', n: 1, z: null };
    expect(fill(given, lookup, path => paths.push(path.join('.')))).toEqual({ ...given, a: ['a', { b: '{{ X }}' }] });
    expect(paths).toEqual(['a.1.b']);
  });
});

describe('variableValue', () => {
  it('is taken as it is; a literal {{ is written as in templates', () => {
    expect(variableValue(3)).toEqual({ value: 3 });
    expect(variableValue('{{{{ x }}')).toEqual({ value: '{{ x }}' });
    expect(variableValue('{{ x }}')).toMatchObject({ code: 'invalid-value' });
  });
});
