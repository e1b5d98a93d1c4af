// Which files a registry includes.
import { describe, expect, it } from 'vitest';
import { includePatterns, matchIncludes } from '../../reconciler/core/includes.js';

describe('includePatterns', () => {
  it.each([
    ['include: [a.yml, "b/*.yml"]', ['a.yml', 'b/*.yml']],
    ['"include":\n  - a.yml\n', ['a.yml']],
    ['cluster: a', []],
    ['include: a.yml', []],
    ['include: [1, a.yml, null]', ['a.yml']],
    ['include: [', []],
    ['', []],
    ['x: {include: [a.yml]}', []],
    ['- include: a', []],
  ])('%s', (text, expected) => {
    expect(includePatterns(text)).toEqual(expected);
  });
});

describe('matchIncludes', () => {
  const paths = ['z.yml', 'a.yml', 'b/c.yml', 'b/d/e.yml', 'b/d/e.yaml', 'b/c+.yml', 'bxc.yml'];
  it.each([
    [['a.yml'], ['a.yml']],
    [['./a.yml'], ['a.yml']],
    [['*.yml'], ['a.yml', 'bxc.yml', 'z.yml']],
    [['b/*.yml'], ['b/c+.yml', 'b/c.yml']],
    [['b/**/*.yml'], ['b/c+.yml', 'b/c.yml', 'b/d/e.yml']],
    [['**'], paths.toSorted()],
    [['b?c.yml'], ['bxc.yml']],
    [['b/c+.yml'], ['b/c+.yml']],
    [
      ['b/c.yml', 'a.yml', 'a.yml'],
      ['a.yml', 'b/c.yml'],
    ],
    [['nothing'], []],
    [['(a', '[b', 'a{2}', String.raw`\d`], []],
    [[], []],
  ])('%j', (patterns, expected) => {
    expect(matchIncludes(patterns, paths)).toEqual(expected);
  });

  it('does not take long for stars in a row', () => {
    expect(matchIncludes([`${'*'.repeat(40)}x`, `${'a*'.repeat(20)}x`], ['a'.repeat(60)])).toEqual([]);
  });
});
