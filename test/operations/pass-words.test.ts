// What a controller says of its passes: what is new, once; and of a cut between it and all machines two words.
import { expect, it } from 'vitest';
import { passWords, type Said } from '../../reconciler/operations/parts/pass-words.js';
import type { Plan } from '../../schema/plan.js';
import type { Finding, PassReport } from '../../schema/status.js';

const emptyPlan: Plan = { id: 'p', commit: 'c', waves: [], leftAlone: [], machines: [] };
const settled: PassReport = {
  id: '1',
  trigger: 'interval',
  startedAt: 1,
  endedAt: 2,
  commit: 'c',
  diagnostics: [],
  plan: emptyPlan,
  outcomes: [],
  findings: [],
  next: { next: 'settled' },
};
const port: Finding = { kind: 'blocked', key: 'web@m1', message: 'port 80 is taken' };
const busy: PassReport = { ...settled, findings: [port], next: { next: 'stalled', why: '' } };
const why = 'the controller is isolated: none of its 2 machines can be reached';
const cut: PassReport = {
  ...settled,
  plan: { ...emptyPlan, isolated: { why } },
  findings: [{ kind: 'isolated', message: why }],
  next: { next: 'again', afterMs: 1, why },
};
const broken: PassReport = { ...settled, next: { next: 'stalled', why: '' } };
const { plan: _, ...planless } = broken;

function said(...reports: readonly PassReport[]): readonly string[] {
  let before: Said | undefined;
  return reports.flatMap(report => {
    const words = passWords(report, before);
    before = words.said;
    return words.lines.map(line => `${line.event}: ${line.text}`);
  });
}

const first = ['git.commit: commit c is in force', 'pass.settled: everything is as the registry says'];

it.each<[string, readonly PassReport[], readonly string[]]>([
  ['a trouble once', [settled, busy, busy], [...first, 'pass.trouble: web@m1: port 80 is taken']],
  [
    'a cut once, and that it is over',
    [settled, cut, cut, settled, settled],
    [
      ...first,
      `controller.isolated: ${why}; what runs there runs on`,
      'controller.rejoined: machines can be reached again',
      'pass.settled: everything is as the registry says',
    ],
  ],
  [
    'a cut that outlasts a pass which could not think',
    [settled, cut, planless, cut],
    [...first, `controller.isolated: ${why}; what runs there runs on`],
  ],
  [
    'what was amiss before a cut is not told again after it',
    [busy, cut, busy],
    [
      'git.commit: commit c is in force',
      'pass.trouble: web@m1: port 80 is taken',
      `controller.isolated: ${why}; what runs there runs on`,
      'controller.rejoined: machines can be reached again',
    ],
  ],
])('%s', (__, reports, expected) => {
  expect(said(...reports)).toEqual(expected);
});
