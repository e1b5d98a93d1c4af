// A registry in one even style says what it said before.
import { describe, expect, it } from 'vitest';
import { tidy } from '../../reconciler/core/tidy.js';

describe('tidy', () => {
  it.each([
    ['indent and blanks', 'a:\n    b:   1   \n    c: [ 1,2 ]\n\n\n', 'a:\n  b: 1\n  c: [1, 2]\n'],
    ['line ends', 'a: 1\r\nb: 2\r\n', 'a: 1\nb: 2\n'],
    ['comments', '# top\na: 1 # why\n\n# next\nb: 2', '# top\na: 1 # why\n\n# next\nb: 2\n'],
    ['empty values', 'a:\nb: {}\n', 'a:\nb: {}\n'],
    ['block texts', 'a: |\n  one\n    two\nb: 1\n', 'a: |\n  one\n    two\nb: 1\n'],
    ['anchors and merge keys', 'x: &x {a: 1}\ny:\n    <<: *x\n', 'x: &x {a: 1}\ny:\n  <<: *x\n'],
  ])('%s', (_, before, after) => {
    expect(tidy(before)).toBe(after);
    expect(tidy(after)).toBe(after);
  });

  it.each(['a: [', 'a: 1\na: 2\n', '\tb: 1'])('what is no YAML stays as it is: %j', text => {
    expect(tidy(text)).toBeUndefined();
  });
});
