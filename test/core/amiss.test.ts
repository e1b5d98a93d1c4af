// What a pass or a look at health shows to be amiss, and what of what was amiss it shows to be over.
import { describe, expect, it } from 'vitest';
import { lookOfHealth } from '../../reconciler/core/amiss-health.js';
import { lookOfPass, type Seen } from '../../reconciler/core/amiss-pass.js';
import type { Incident } from '../../reconciler/core/incidents.js';
import { catalogue, type ErrorCode } from '../../schema/errors.js';
import { type NotifyKind, notifyKindNames } from '../../schema/notify.js';
import type { Change, LeftAlone, MachineNote, Outcome, Plan } from '../../schema/plan.js';
import { desire } from './thinking.js';

const desired = desire({
  services: { web: {}, db: { machine: 'm2', critical: true }, odd: { policy: { on_failure: 'leave' } } },
});
const errorOf = (code: ErrorCode, message = 'it is so') => ({ code, message, ...catalogue[code] });
const aPlan = (more: Partial<Plan> = {}): Plan => ({
  id: 'p1',
  commit: 'c1',
  waves: [],
  leftAlone: [],
  machines: [],
  ...more,
});
const report = (more: Partial<Seen> = {}): Seen => ({
  commit: 'c1',
  diagnostics: [],
  plan: aPlan(),
  outcomes: [],
  findings: [],
  ...more,
});
const change = (more: Partial<Change> = {}): Change => ({
  key: 'web@m1',
  service: 'web',
  machine: 'm1',
  kind: 'update',
  reason: 'changed',
  because: 'env.A changed',
  fields: [],
  basis: '',
  after: [],
  ...more,
});
const left = (state: LeftAlone['state'], more: Partial<LeftAlone> = {}): LeftAlone => ({
  key: 'web@m1',
  why: 'because',
  state,
  ...more,
});
const note = (state: MachineNote['state'], more: Partial<MachineNote> = {}): MachineNote => ({
  machine: 'm1',
  why: 'because',
  state,
  ...more,
});
const outcome = {
  applied: { key: 'web@m1', result: 'applied', kind: 'update', durationMs: 1 },
  failed: { key: 'web@m1', result: 'failed', error: errorOf('gate-failed', 'it answered 500') },
  skipped: { key: 'web@m1', result: 'skipped', why: 'interrupted' },
  'in-progress': { key: 'web@m1', result: 'in-progress', why: 'it goes on' },
} as const satisfies Record<Outcome['result'], Outcome>;

const withoutPlan = (more: Partial<Seen> = {}): Seen => {
  const { plan: _, ...rest } = report(more);
  return rest;
};

const keys = (seen: Seen): readonly string[] => lookOfPass(seen, desired).seen.map(one => one.key);

describe('a pass shows', () => {
  it.each<readonly [string, Seen, readonly string[]]>([
    ['nothing amiss', report(), []],
    ['a change that failed', report({ outcomes: [outcome.failed] }), ['deploy.failed:web@m1']],
    ['a revision that is held', report({ plan: aPlan({ leftAlone: [left('held')] }) }), ['deploy.failed:web@m1']],
    [
      'both, as one',
      report({ outcomes: [outcome.failed], plan: aPlan({ leftAlone: [left('held')] }) }),
      ['deploy.failed:web@m1'],
    ],
    ['what was condemned and put right in one pass', report({ outcomes: [outcome.failed, outcome.applied] }), []],
    ['something in the way', report({ plan: aPlan({ leftAlone: [left('blocked')] }) }), ['deploy.blocked:web@m1']],
    ['drift that policy leaves', report({ plan: aPlan({ leftAlone: [left('drifted')] }) }), ['drift:web@m1']],
    ['hands off', report({ plan: aPlan({ leftAlone: [left('suspended')], machines: [note('suspended')] }) }), []],
    [
      'a machine that is away, and not what is on it',
      report({ plan: aPlan({ machines: [note('unknown')], leftAlone: [left('unknown')] }) }),
      ['machine.down:m1'],
    ],
    ['a machine with another key', report({ plan: aPlan({ machines: [note('blocked')] }) }), ['machine.down:m1']],
    [
      'a controller that is cut off',
      report({ plan: aPlan({ machines: [note('unknown')], isolated: { why: 'nobody answers' } }) }),
      ['controller.isolated'],
    ],
    [
      'a plan that waits',
      report({ plan: aPlan({ held: { why: 'policy.apply is approve' } }) }),
      ['approval.needed:p1'],
    ],
    [
      'a part that waits',
      report({ plan: aPlan({ waiting: [{ id: 'w1', why: 'it removes', changes: [change()] }] }) }),
      ['approval.needed:w1'],
    ],
    [
      'a part that waits for its window',
      report({ plan: aPlan({ waiting: [{ id: 'w1', why: 'later', by: 'window', changes: [change()] }] }) }),
      [],
    ],
    [
      'a rewritten branch',
      report({ findings: [{ kind: 'git', message: 'rewritten', code: 'git-held', hint: 'x' }] }),
      ['git.held'],
    ],
    ['a rewritten branch whose base is gone', withoutPlan({ error: errorOf('git-held') }), ['git.held']],
    [
      'a repository that is away',
      report({ findings: [{ kind: 'git', message: 'away', code: 'git-unreachable', hint: 'x' }] }),
      ['git.down'],
    ],
    ['a repository that never was', withoutPlan({ error: errorOf('git-auth') }), ['git.down']],
    [
      'a registry that is refused',
      report({ findings: [{ kind: 'registry', message: 'the registry at c2 was refused' }] }),
      ['registry.refused'],
    ],
    ['a first registry that is refused', withoutPlan(), ['registry.refused']],
    ['a registry that went away', withoutPlan({ error: errorOf('registry-missing') }), ['registry.refused']],
    ['a full disk of the controller', report({ error: errorOf('state-dir-unusable') }), ['controller.failed']],
    [
      'a file that is not taken over',
      report({ findings: [{ kind: 'git', key: 'web@m1', message: 'not taken over' }] }),
      [],
    ],
  ])('%s', (_, seen, expected) => {
    expect(keys(seen)).toEqual(expected);
  });

  it('what it is, why, and what to do', () => {
    const undone = { result: 'back', commit: '0123456789abcdef' } as const;
    const [failed] = lookOfPass(report({ outcomes: [{ ...outcome.failed, undone }] }), desired).seen;
    expect(failed).toMatchObject({
      subject: 'web@m1',
      why: 'it answered 500; the last healthy revision (commit 0123456789ab) runs again',
      todo: expect.stringContaining('`portoser why web`') as string,
      commit: 'c1',
    });
    const plan = aPlan({ waiting: [{ id: 'w1', why: 'it removes', changes: [change({ kind: 'remove' })] }] });
    expect(lookOfPass(report({ plan }), desired).seen).toMatchObject([
      { why: 'it removes (remove web@m1)', todo: expect.stringContaining('`portoser approve w1`') as string },
    ]);
    const error = {
      file: 'registry.yml',
      line: 3,
      column: 5,
      code: 'unknown-key',
      severity: 'error',
      path: 'x',
      message: 'unknown key `prt`',
    } as const;
    expect(lookOfPass(withoutPlan({ diagnostics: [error] }), desired).seen).toMatchObject([
      { why: 'the registry at c1 was refused: registry.yml:3:5 unknown key `prt`' },
    ]);
  });

  it('what is urgent: what concerns a critical service', () => {
    const plan = aPlan({ machines: [note('unknown', { machine: 'm2' }), note('unknown')] });
    expect(lookOfPass(report({ plan }), desired).seen.map(one => one.urgent)).toEqual([true, undefined]);
    const down = lookOfHealth({ key: 'db@m2', to: 'unhealthy', found: 'x', planned: false }, desired);
    expect(down.seen).toMatchObject([{ key: 'service.down:db@m2', urgent: true }]);
  });

  it('what may pass by itself is not told at once', () => {
    const passing = { ...outcome.failed, error: errorOf('image-missing') };
    const soon = { ...outcome.failed, error: errorOf('command-failed') };
    const patience = [passing, soon].map(one => lookOfPass(report({ outcomes: [one] }), desired).seen[0]?.patienceMs);
    expect(patience).toEqual([undefined, 120_000]);
  });
});

const incident = (kind: NotifyKind, subject: string): Incident => ({
  key: `${kind}:${subject}`,
  kind,
  subject,
  what: '',
  why: '',
  sinceAt: 1,
  toldAt: 1,
  openedAt: 1,
  times: 1,
});
const ended = (seen: Seen, kind: NotifyKind, subject = 'web@m1') =>
  lookOfPass(seen, desired).ended(incident(kind, subject));

describe('what was amiss is over', () => {
  const git = { kind: 'git', message: 'away', code: 'git-unreachable' } as const;

  it.each<readonly [NotifyKind, string, Seen]>([
    ['deploy.failed', 'web@m1', report()],
    ['deploy.failed', 'web@m1', report({ outcomes: [outcome.applied], plan: aPlan({ waves: [[change()]] }) })],
    ['deploy.failed', 'gone@m1', report()],
    ['deploy.failed', 'web@m1', report({ plan: aPlan({ leftAlone: [left('suspended')] }) })],
    ['deploy.failed', 'web@m1', report({ plan: aPlan({ leftAlone: [left('drifted')] }) })],
    ['deploy.blocked', 'web@m1', report()],
    ['drift', 'web@m1', report()],
    ['machine.down', 'm1', report()],
    ['machine.down', 'm1', report({ plan: aPlan({ machines: [note('suspended')] }) })],
    ['machine.down', 'm9', report()],
    ['service.down', 'gone@m1', report()],
    ['service.down', 'web@m1', report({ plan: aPlan({ leftAlone: [left('suspended')] }) })],
    ['approval.needed', 'Plan p0', report()],
    ['git.held', '', report()],
    ['git.down', '', report()],
    ['registry.refused', '', report()],
    ['controller.failed', '', report()],
    ['controller.isolated', '', report()],
  ])('%s %s', (kind, subject, seen) => {
    expect(ended(seen, kind, subject)).toEqual(expect.any(String));
  });

  it.each<readonly [string, NotifyKind, string, Seen]>([
    ['its machine is away', 'deploy.failed', 'web@m1', report({ plan: aPlan({ machines: [note('unknown')] }) })],
    [
      'it stands in the plan',
      'deploy.failed',
      'web@m1',
      report({ plan: aPlan({ waves: [[change()]] }), outcomes: [outcome.skipped] }),
    ],
    [
      'it goes on',
      'deploy.failed',
      'web@m1',
      report({ plan: aPlan({ waves: [[change()]] }), outcomes: [outcome['in-progress']] }),
    ],
    [
      'it waits',
      'deploy.failed',
      'web@m1',
      report({ plan: aPlan({ waiting: [{ id: 'w', why: 'x', changes: [change()] }] }) }),
    ],
    ['it cannot be looked at', 'deploy.failed', 'web@m1', report({ plan: aPlan({ leftAlone: [left('unknown')] }) })],
    ['policy leaves what failed', 'deploy.failed', 'odd@m1', report()],
    ['a pass without a plan', 'deploy.failed', 'web@m1', withoutPlan({ error: errorOf('state-dir-unusable') })],
    ['a controller that is cut off', 'machine.down', 'm2', report({ plan: aPlan({ isolated: { why: 'x' } }) })],
    ['its health tells', 'service.down', 'web@m1', report()],
    ['a machine is being changed', 'machine.down', 'm1', report({ plan: aPlan({ machines: [note('in-progress')] }) })],
    [
      'a part of the plan is not known',
      'approval.needed',
      'Plan p0',
      report({ plan: aPlan({ machines: [note('unknown')] }) }),
    ],
    ['git is away', 'git.held', '', report({ findings: [git] })],
    ['git is away too', 'registry.refused', '', report({ findings: [git] })],
  ])('not when %s', (_, kind, subject, seen) => {
    expect(ended(seen, kind, subject)).toBeUndefined();
  });

  it('by health: what was ill by itself, and what policy leaves as it failed', () => {
    const look = lookOfHealth({ key: 'odd@m1', to: 'healthy', found: '', planned: false }, desired);
    expect(look.seen).toEqual([]);
    expect([look.ended(incident('service.down', 'odd@m1')), look.ended(incident('deploy.failed', 'odd@m1'))]).toEqual(
      Array(2).fill('it is healthy again'),
    );
    expect(look.ended(incident('service.down', 'web@m1'))).toBeUndefined();
    const web = lookOfHealth({ key: 'web@m1', to: 'healthy', found: '', planned: false }, desired);
    expect(web.ended(incident('deploy.failed', 'web@m1'))).toBeUndefined();
    const planned = lookOfHealth({ key: 'web@m1', to: 'unhealthy', found: '', planned: true }, desired);
    expect(planned.seen).toEqual([]);
  });

  it('never both seen and over', () => {
    const busy = report({
      outcomes: [outcome.failed],
      plan: aPlan({ machines: [note('unknown', { machine: 'm2' })], held: { why: 'x' } }),
      findings: [git],
    });
    for (const one of lookOfPass(busy, desired).seen)
      expect(
        lookOfPass(busy, desired).ended({ ...incident(one.kind, one.subject), key: one.key }),
        one.key,
      ).toBeUndefined();
    expect(notifyKindNames.length).toBe(15);
  });
});
