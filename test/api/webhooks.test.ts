// `portoser events --webhooks` and the line of `status`: who told, of what, how often, and what became of it.
import { describe, expect, it } from 'vitest';
import { createPaint } from '../../api/cli/paint.js';
import { deliveriesText, webhookLines } from '../../api/cli/render/webhooks.js';
import type { Delivery } from '../../schema/webhooks.js';

const paint = createPaint(false);
const push: Delivery = {
  id: 'd1',
  at: 1_764_300_000_000,
  lastAt: 1_764_300_060_000,
  times: 12,
  forge: 'gitea',
  kind: 'push',
  verdict: 'folded',
  why: 'main is looked at within seconds',
  branch: 'main',
};
const pull: Delivery = {
  ...push,
  id: 'd2',
  kind: 'pull-request',
  number: 7,
  verdict: 'handed-on',
  times: 1,
  why: 'it is',
};
const stranger: Delivery = {
  id: 'd3',
  at: 0,
  lastAt: 0,
  times: 3,
  forge: 'github',
  verdict: 'refused',
  why: 'no signature',
};

describe('deliveries', () => {
  it('are a table', () => {
    const lines = deliveriesText([push, pull, stranger], paint).split('\n');
    expect(lines.map(line => line.slice(21))).toEqual([
      'FORGE   WHAT                  VERDICT    TIMES  WHY',
      'gitea   push main             folded     12     main is looked at within seconds',
      'gitea   pull-request #7 main  handed on  1      it is',
      'github                        refused    3      no signature',
    ]);
    expect(deliveriesText([], paint)).toBe('No webhooks.');
  });

  it('are one line of the status, and none while nothing came', () => {
    const ageOf = (at: number) => `${at} ms`;
    expect(webhookLines(undefined, ageOf, paint)).toEqual([]);
    expect(webhookLines({ accepted: 0, refused: 0, last: [] }, ageOf, paint)).toEqual([]);
    expect(webhookLines({ accepted: 13, refused: 0, last: [push] }, ageOf, paint)).toEqual([
      'Webhooks: 13 accepted; the last one 1764300060000 ms ago (gitea push main): folded, main is looked at within seconds.',
    ]);
    expect(webhookLines({ accepted: 13, refused: 3, last: [stranger, push] }, ageOf, paint)).toEqual([
      'Webhooks: 13 accepted, 3 refused; the last one 0 ms ago (github): refused, no signature.',
    ]);
  });
});
