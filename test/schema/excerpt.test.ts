// Parts of long texts: no word is cut in two, so that nothing of a secret is told that is not known as one.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstOf, lastOf } from '../../schema/excerpt.js';
import { createRedactor } from '../../schema/redact.js';

describe('the end of a text', () => {
  it.each([
    ['is all of a short one', 'pulling\nfailed', 100, 'pulling\nfailed'],
    ['begins with a line', 'one two three\nfour five\nsix seven', 24, '…four five\nsix seven'],
    ['begins with a word where the line would leave little', 'six seven eight nine ten\nno', 20, '…eight nine ten\nno'],
    ['is nothing of a word that is longer', 'x'.repeat(50), 20, '…'],
    ['counts bytes, as programs on machines do', 'fünf Wörter übrig', 18, '…Wörter übrig'],
  ])('%s', (_, text, most, expected) => {
    expect(lastOf(text, most)).toBe(expected);
  });
});

describe('the beginning of a text', () => {
  it.each([
    ['is all of a short one', 'a b', 3, 'a b'],
    ['ends with a word', 'one two three', 9, 'one two…'],
    ['keeps a word that ends just there', 'one two three', 7, 'one two…'],
    ['is nothing of a word that is longer', 'x'.repeat(50), 20, '…'],
  ])('%s', (_, text, most, expected) => {
    expect(firstOf(text, most)).toBe(expected);
  });
});

const secret = 'Kx7-qRt2Lp9_wZ4vNm8b';
const redactor = createRedactor();
redactor.learn([{ value: secret, name: 'API_TOKEN' }]);
const word = fc.stringMatching(/^[a-z]{1,12}$/);
const space = fc.constantFrom(' ', '\n', '\t');
const around = fc.array(
  fc.tuple(word, space).map(both => both.join('')),
  { maxLength: 30 },
);

it('wherever a secret is cut by it, nothing of the secret is told', () => {
  fc.assert(
    fc.property(around, around, fc.integer({ min: 1, max: 200 }), (before, behind, most) => {
      const text = `${before.join('')}${secret} ${behind.join('')}`;
      for (const part of [lastOf(text, most), firstOf(text, most)]) {
        const told = redactor.text(part);
        expect(secret.match(/.{4}/g)?.filter(piece => told.includes(piece))).toEqual([]);
      }
    }),
  );
});
