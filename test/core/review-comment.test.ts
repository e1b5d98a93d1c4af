// The comment of a pull request: one plan on top, a few older ones folded, never more than a forge takes.
import { describe, expect, it } from 'vitest';
import { commentBody, markerOf, partsOf } from '../../reconciler/core/review-comment.js';

const commit = (digit: number): string => String(digit).repeat(40);
const part = (digit: number, text = `plan ${digit}`) => ({ head: commit(digit), base: commit(9), text });

describe('a comment', () => {
  it('carries its marker and one part', () => {
    const body = commentBody('home', part(1), undefined);
    expect(body.startsWith(markerOf('home'))).toBe(true);
    expect(partsOf(body)).toEqual([part(1)]);
    expect(body).not.toContain('<details>');
  });

  it('takes the place of a plan of the same head', () => {
    const body = commentBody('home', part(1, 'anew'), commentBody('home', part(1), undefined));
    expect(partsOf(body)).toEqual([part(1, 'anew')]);
  });

  it('is the same text when nothing is new, also as a forge gives it back', () => {
    const body = commentBody('home', part(2), commentBody('home', part(1), undefined));
    expect(commentBody('home', part(2), body.replaceAll('\n', '\r\n'))).toBe(body);
  });

  it('folds three earlier ones, the newest first', () => {
    const body = [1, 2, 3, 4, 5].reduce<string | undefined>(
      (before, one) => commentBody('home', part(one), before),
      '',
    );
    expect(partsOf(body ?? '').map(one => one.head[0])).toEqual(['5', '4', '3', '2']);
    expect(body).toContain('<summary>Earlier plans (3)</summary>');
  });

  it('stays within what forges take, with fences closed', () => {
    const long = `\`\`\`diff\n${'+ create a@b\n'.repeat(20_000)}\`\`\``;
    const body = [1, 2, 3, 4].reduce<string | undefined>(
      (before, one) => commentBody('home', part(one, long), before),
      '',
    );
    expect(body?.length).toBeLessThan(60_000);
    expect((body?.match(/```/g) ?? []).length % 2).toBe(0);
    expect(body).toContain('shortened');
  });
});
