// Did-you-mean.
import { describe, expect, it } from 'vitest';
import { closest, didYouMean, distance } from '../../schema/closest.js';

describe('distance', () => {
  it.each([
    ['', '', 0],
    ['a', '', 1],
    ['', 'abc', 3],
    ['port', 'prot', 1],
    ['kitten', 'sitting', 3],
    ['abc', 'abc', 0],
  ])('%s to %s is %i', (from, to, away) => {
    expect(distance(from, to)).toBe(away);
    expect(distance(to, from)).toBe(away);
  });
});

describe('closest', () => {
  it.each([
    ['prot', ['path', 'port', 'ports'], 'port'],
    ['depends-on', ['depends_on', 'description'], 'depends_on'],
    ['Machine', ['machine', 'machines'], 'machine'],
    ['zzz', ['port'], undefined],
    ['a'.repeat(10_000), ['port'], undefined],
    ['x', [], undefined],
  ])('%s', (word, known, expected) => {
    expect(closest(word, known)).toBe(expected);
  });
});

describe('didYouMean', () => {
  it('names the nearest, or all of a few', () => {
    expect(didYouMean('web1', ['web', 'api'])).toBe('did you mean `web`?');
    expect(didYouMean('nothing-like-it', ['web', 'api'])).toBe('known are: web, api');
    expect(didYouMean('nothing-like-it', [])).toBeUndefined();
    expect(didYouMean('nothing-like-it', ['docker', 'docker'])).toBe('known are: docker');
  });
});
