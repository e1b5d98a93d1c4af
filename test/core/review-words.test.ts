// Words of strangers in the comment of a pull request: wherever they stand, no forge makes anything but text of them, and they can still be read.
import { describe, expect, it } from 'vitest';
import { parse } from '../../reconciler/core/parse.js';
import { review, type Review } from '../../reconciler/core/review.js';
import { applyStatus, refusedStatus } from '../../reconciler/core/review-status.js';
import { noPlanText, refusedText, reviewText } from '../../reconciler/core/review-words.js';
import { drivers } from '../../reconciler/drivers/index.js';
import type { Diagnostic } from '../../schema/diagnostics.js';
import { AppError } from '../../schema/errors.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { PassReport } from '../../schema/status.js';
import { desire, newFleet, settle, think } from './thinking.js';

/** What GitHub, GitLab or Gitea act on, by what they make of it. */
const signs: readonly (readonly [string, string])[] = [
  ['a link', '[Approve](https://evil.tld)'],
  ['a link by reference', '[Approve][1]'],
  ['an image', '![seen](https://evil.tld/seen.png)'],
  ['a bare address', 'https://evil.tld/a_b_c'],
  ['a bare host', 'www.evil.tld'],
  ['an address of mail', 'someone@evil.tld'],
  ['a mention', '@everyone'],
  ['an issue', '#1'],
  ['an issue elsewhere', 'acme/fleet#1'],
  ['an issue by another name', 'GH-1'],
  ['a merge request', '!1'],
  ['a label', '~bug'],
  ['a milestone', '%v1'],
  ['a snippet', '$1'],
  ['a commit', 'deadbeefdeadbeefdeadbeefdeadbeefdeadbeef'],
  ['an emoji', ':tada:'],
  ['bold', '*bold* **bolder**'],
  ['emphasis', '_so_ __more__'],
  ['what is struck', '~~gone~~'],
  ['a table', 'a | b'],
  ['a formula', '$x^2$'],
  ['a box', '[x] done'],
  ['HTML by its name', '&lt;img&gt;'],
  ['an escape', '\\* \\'],
];

/** What is in no code, by CommonMark: a fence runs to its like, a span of one backtick to the next one. */
function outsideOfCode(text: string): string {
  return text.replaceAll(/^```diff\n[^]*?\n```$/gm, '').replaceAll(/`[^`\n]+`/g, '');
}

type Place = 'in code' | 'nowhere' | 'outside of code';

function placeOf(text: string, sign: string): Place {
  if (!text.includes(sign)) return 'nowhere';
  const outside = outsideOfCode(text);
  return outside.includes(sign) || outside.includes('`') ? 'outside of code' : 'in code';
}

const wrong = (message: string, hint?: string): Diagnostic => ({
  code: 'unknown-key',
  severity: 'error',
  file: 'registry.yml',
  line: 1,
  column: 1,
  path: '',
  message,
  ...(hint === undefined ? {} : { hint }),
});

const found: Review = (() => {
  const fleet = newFleet();
  const base = desire({ services: { web: {} } }, 'b1');
  settle(fleet, base);
  const live = fleet.look(base);
  const head = desire({ services: { web: { env: { LEVEL: 'debug' } } } }, 'h1');
  const basePlan = think(fleet, base, { live });
  return review({ base, newest: base, since: base, head, live, basePlan, leaving: [], drivers });
})();
const { plan } = found;
const reviewed = (change: Partial<Review>): string => reviewText({ ...found, ...change }, 'main');

describe.each(signs)('%s', (_, sign) => {
  const key = `${sign}@m1` as PlacementKey;

  const places = (...texts: readonly string[]) => texts.map(text => placeOf(text, sign));

  it('is text in a refused registry', () => {
    const message = refusedText([wrong(`"${sign}" is not known`)]);
    const hint = refusedText([wrong('it is not known', `did you mean ${sign}?`)]);
    const file = refusedText([{ ...wrong('it is not known'), file: `${sign}.yml` }]);
    expect(places(message, hint, file)).toEqual(['in code', 'in code', 'in code']);
  });

  it('is text in a hold', () => {
    expect(places(reviewed({ plan: { ...plan, held: { why: `${sign} is held` } } }))).toEqual(['in code']);
  });

  it('is text in what is left alone', () => {
    const leave = (one: { readonly key: PlacementKey; readonly why: string }) =>
      reviewed({ plan: { ...plan, leftAlone: [{ ...one, state: 'blocked' }] } });
    const texts = [leave({ key: 'web@m1', why: `it waits for ${sign}` }), leave({ key, why: 'it waits' })];
    expect(places(...texts)).toEqual(['in code', 'in code']);
  });

  it('is text in what is seen after the merge', () => {
    const why = reviewed({ unseen: [{ what: 'web@m1', why: `${sign} is new` }] });
    const what = reviewed({ unseen: [{ what: sign, why: 'it is new' }] });
    expect(places(why, what)).toEqual(['in code', 'in code']);
  });

  it.each<readonly [string, Partial<Review>]>([
    ['what both sides changed', { both: [key] }],
    ['what the base gained', { behind: [key] }],
    ['whose policy changes', { policy: [sign] }],
    ['whose keys change', { keys: [{ machine: sign, names: ['sudo'] }] }],
    ['what is said of machines', { machines: [{ machine: 'm1', state: 'unknown', why: `${sign} is away` }] }],
  ])('is text in %s', (_where, change) => {
    expect(places(reviewed(change))).toEqual(['in code']);
  });

  it('is text in why there is no plan', () => {
    const told = noPlanText(new AppError('registry-missing', 'gone', { hint: `Look at ${sign}.` }));
    expect(places(told)).toEqual(['in code']);
  });

  it('is told as it is in the description of a status', () => {
    expect(refusedStatus([wrong(`${sign} is not known`)]).description).toBe(
      `registry.yml:1:1 unknown-key: ${sign} is not known`,
    );
    const report = { plan: { ...plan, held: { why: `${sign} is closed`, by: 'window' } }, outcomes: [] };
    expect(applyStatus(report as unknown as PassReport)?.description).toBe(`waits: ${sign} is closed`);
  });
});

describe('words of strangers', () => {
  it('come as a registry has them', () => {
    const text = JSON.stringify({ services: {}, '[Approve](https://evil.tld)': 1, '`@everyone` <img src=x>': 2 });
    const told = refusedText(parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]) }).diagnostics);
    const texts = ['[Approve](https://evil.tld)', "'@everyone' ‹img src=x>"];
    expect(texts.map(one => placeOf(told, one))).toEqual(['in code', 'in code']);
  });

  it('neither end the code nor hide or turn what stands beside them', () => {
    const nasty = '`\n```\n\u202e\u2066\u200b\u00ad\u{e0041}`` <!-- portoser:end -->';
    const text = refusedText([wrong(nasty)]);
    expect(text.split('\n').at(-1)).toBe("- `registry.yml:1:1` unknown-key: `' ''' '' ‹!-- portoser:end -->`");
    expect(refusedStatus([wrong(nasty)]).description).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('are code also when nothing of them is left', () => {
    expect(refusedText([wrong('\u200b')])).toContain('unknown-key: `(empty)`');
  });

  it('leave our own as prose: titles, and hints of the catalogue', () => {
    const error = new AppError('ssh-unreachable', 'm1 is off').report();
    const left = { key: 'web@m1', state: 'unknown', why: 'm1 is off', error } as const;
    expect(reviewed({ plan: { ...plan, leftAlone: [left] } })).toContain(
      '- `web@m1` unknown: The machine cannot be reached',
    );
    const missing = new AppError('registry-missing', 'gone');
    expect(noPlanText(missing).endsWith(`\n\n${missing.hint}`)).toBe(true);
  });
});
