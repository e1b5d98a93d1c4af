// Results as text: plans, passes, tables, and what is masked for a bug report.
import { describe, expect, it } from 'vitest';
import { planExitCode, type PlanReport } from '../../api/cli/commands/plan.js';
import { failureText } from '../../api/cli/failure.js';
import { createPaint } from '../../api/cli/paint.js';
import { createPrefixer, prefixed } from '../../api/cli/prefix.js';
import { backedUpText } from '../../api/cli/render/backup.js';
import { holderText } from '../../api/cli/render/lock.js';
import { passExitCode, passText } from '../../api/cli/render/pass.js';
import { planText } from '../../api/cli/render/plan.js';
import { maskText, maskValue } from '../../api/cli/render/share.js';
import { age } from '../../api/cli/render/status.js';
import { table } from '../../api/cli/render/table.js';
import { passWords } from '../../reconciler/operations/parts/pass-words.js';
import { AppError } from '../../schema/errors.js';
import type { Change, Plan } from '../../schema/plan.js';
import type { PassReport } from '../../schema/status.js';

const plain = createPaint(false);
const change = (key: Change['key'], more: Partial<Change> = {}): Change => {
  const [service = '', machine = ''] = key.split('@');
  return {
    key,
    service,
    machine,
    kind: 'create',
    reason: 'missing',
    because: 'it is not there',
    fields: [],
    basis: '',
    after: [],
    ...more,
  };
};
const plan: Plan = {
  id: '0a1b',
  commit: 'c',
  waves: [
    [change('db@m1')],
    [
      change('web@m2', {
        kind: 'update',
        reason: 'changed',
        because: 'env.A changed in git',
        fields: [
          { field: 'env.A', from: '1', to: '2' },
          { field: 'env.B', to: 'x\ny' },
        ],
      }),
    ],
  ],
  leftAlone: [
    {
      key: 'api@m1',
      state: 'blocked',
      why: 'port 80 is taken',
      error: { code: 'port-taken', message: '', hint: 'Stop it.', retry: 'human' },
    },
  ],
  machines: [{ machine: 'm3', state: 'unknown', why: 'no route' }],
};
const nothing: Plan = { ...plan, waves: [], leftAlone: [], machines: [] };

describe('a plan', () => {
  it('tells each change with its why and fields, then what is left alone', () => {
    expect(planText(plan, plain)).toBe(`Wave 1
  + create db@m1 (missing: it is not there)
Wave 2
  ~ update web@m2 (changed: env.A changed in git)
      env.A: 1 → 2
      env.B: (none) → x⏎y
Left alone:
  · api@m1 blocked: port 80 is taken
      Stop it. [port-taken]
Machines:
  · m3 unknown: no route
2 changes on 2 machines.`);
  });

  it('tells of a controller that is cut off in one line', () => {
    const cut = { machine: 'm1', state: 'unknown', why: 'm1 cannot be reached' } as const;
    const isolated = { why: 'the controller is isolated' };
    expect(planText({ ...nothing, machines: [cut, { ...cut, machine: 'm2' }], isolated }, plain)).toBe(`Machines:
  · the controller is isolated
      Look at the network of the controller itself; nothing is judged or changed until a machine answers. [isolated]
Nothing to do on what could be seen.`);
  });

  it('names the command that approves it', () => {
    expect(planText({ ...plan, held: { why: 'too much' } }, plain)).toContain(
      'Held: too much\n  Look at it, then run `portoser approve 0a1b`.',
    );
  });

  it('tells what of it is held, after what goes on, each with what lets it go on', () => {
    const [go = [], wait = []] = plan.waves;
    const waiting = [
      { id: 'ffff', by: 'approval', why: 'policy.apply is approve', changes: wait },
      { id: 'eeee', by: 'observe', why: 'policy.apply is observe', changes: [change('log@m1')] },
    ] as const;
    expect(planText({ ...nothing, waves: [go], waiting }, plain)).toBe(`  + create db@m1 (missing: it is not there)
Held: policy.apply is approve
  ~ update web@m2 (changed: env.A changed in git)
      env.A: 1 → 2
      env.B: (none) → x⏎y
  Look at it, then run \`portoser approve ffff\`.
Held: policy.apply is observe
  + create log@m1 (missing: it is not there)
  No approval changes that: write \`apply: auto\` or \`apply: approve\` into the policy.
1 change on 1 machine.`);
  });

  const report = (made: Plan | undefined, more: Partial<PlanReport> = {}): PlanReport => ({
    commit: 'c',
    differs: false,
    diagnostics: [],
    changes: made?.waves.flat().length ?? 0,
    left: 0,
    health: {},
    ...(made === undefined ? {} : { plan: made }),
    ...more,
  });

  it.each([
    ['nothing', report(nothing), 0],
    ['changes', report(plan), 2],
    ['held', report({ ...nothing, held: { why: 'x' } }), 2],
    ['a part that waits', report({ ...nothing, waiting: [{ id: 'a', why: 'x', changes: [] }] }), 2],
    [
      'a quarantined change',
      report({ ...nothing, leftAlone: [{ key: 'a@b', state: 'held', why: 'failed before' }] }),
      2,
    ],
    ['a rewritten branch', report(nothing, { held: 'rewritten' }), 2],
    ['only a blocked one', report({ ...nothing, leftAlone: plan.leftAlone }), 1],
    ['only an unreachable machine', report({ ...nothing, machines: plan.machines }), 1],
    ['what drifted and is left so', report({ ...nothing, leftAlone: [{ key: 'a@b', state: 'drifted', why: 'x' }] }), 2],
    ['a suspended one', report({ ...nothing, leftAlone: [{ key: 'a@b', state: 'suspended', why: 'x' }] }), 0],
    ['no registry', report(undefined), 1],
  ])('exits by what there is: %s', (_, made, code) => {
    expect(planExitCode(made)).toBe(code);
  });
});

describe('a pass', () => {
  const base: PassReport = {
    id: 'p',
    trigger: 't',
    startedAt: 0,
    endedAt: 1,
    diagnostics: [],
    outcomes: [],
    findings: [],
    plan: nothing,
    next: { next: 'settled' },
  };
  const error = { code: 'gate-failed', message: 'HTTP 502', hint: 'Correct it.', retry: 'human' } as const;

  it.each([
    ['settled', base, 0],
    ['applied', { ...base, outcomes: [{ key: 'a@b', result: 'applied', kind: 'create', durationMs: 1 }] }, 0],
    ['failed', { ...base, outcomes: [{ key: 'a@b', result: 'failed', error }] }, 1],
    ['broke', { ...base, error }, 1],
    ['unreachable', { ...base, findings: [{ kind: 'unreachable', machine: 'm', message: 'x' }] }, 1],
    ['another changes there', { ...base, next: { next: 'again', afterMs: 1, why: 'x' } }, 1],
    ['held', { ...base, plan: { ...nothing, held: { why: 'x' } }, next: { next: 'stalled', why: 'x' } }, 2],
    [
      'a part waits',
      {
        ...base,
        plan: { ...nothing, waiting: [{ id: 'a', why: 'x', changes: [] }] },
        next: { next: 'stalled', why: 'x' },
      },
      2,
    ],
    [
      'a rewritten branch',
      { ...base, findings: [{ kind: 'git', message: 'rewritten' }], next: { next: 'stalled', why: 'x' } },
      2,
    ],
  ] as readonly (readonly [string, PassReport, number])[])('exits by how it ended: %s', (_, report, code) => {
    expect(passExitCode(report)).toBe(code);
  });

  it('tells what drifted and is left so, and what was found', () => {
    const fields = [{ field: 'enabled', from: 'disabled', to: 'enabled' }];
    const drifted = { ...nothing, leftAlone: [{ key: 'a@b', state: 'drifted', why: 'by hand', fields }] } as const;
    expect(planText(drifted, plain)).toBe(
      'Left alone:\n  · a@b drifted: by hand\n      enabled: disabled → enabled\nNothing is changed: policy leaves what was changed by hand.',
    );
    const report = { ...base, plan: drifted, next: { next: 'stalled', why: 'x' } } as const;
    expect([passExitCode(report), passText(report, plain)]).toEqual([
      2,
      '  ! a@b drifted: by hand\nSomething waits for a person.',
    ]);
  });

  it('tells when and by whom, in a plan also that it is not known', () => {
    const who = { at: 1, text: 'stopped at X: tc ran `x` by sudo at Y' };
    const culprits = [who, { text: 'when and by whom is unknown' }];
    const [waves, leftAlone] = [
      [[change('web@m2', { kind: 'repair', reason: 'stopped', because: 'it is stopped', culprits })]],
      [{ key: 'a@b', state: 'drifted', why: 'by hand', culprits }],
    ] as const;
    expect(planText({ ...nothing, waves, leftAlone }, plain)).toBe(`  ~ repair web@m2 (stopped: it is stopped)
      ${who.text}
      when and by whom is unknown
Left alone:
  · a@b drifted: by hand
      ${who.text}
      when and by whom is unknown
1 change on 1 machine.`);
    const outcomes = [{ key: 'web@m2', result: 'applied', kind: 'repair', durationMs: 100 }] as const;
    const report = { ...base, outcomes, plan: { ...nothing, waves, leftAlone } };
    expect(passText(report, plain)).toContain(`  ✓ web@m2 repaired (0.1 s)
      ${who.text}
  ! a@b drifted: by hand
      ${who.text}
`);
    expect(passWords(report, undefined).lines.map(one => one.text)).toEqual([`a@b: by hand; ${who.text}`]);
  });

  it('tells what is held and the command that lets it go on', () => {
    const waiting = [{ id: 'ffff', why: 'policy.apply is approve', changes: [change('web@m2')] }];
    expect(passText({ ...base, plan: { ...nothing, waiting }, next: { next: 'stalled', why: 'x' } }, plain)).toBe(
      'Held: policy.apply is approve\n  Look at it, then run `portoser approve ffff`.',
    );
  });

  it('tells a failure with the end of the log and what to do', () => {
    const text = passText(
      { ...base, outcomes: [{ key: 'a@b', result: 'failed', error, outputTail: 'one\ntwo\n' }] },
      plain,
    );
    expect(text).toBe(
      '  ✗ a@b failed: HTTP 502\n      | one\n      | two\n      Correct it. [gate-failed]\nNot everything is as the registry says.',
    );
  });
});

describe('small forms', () => {
  it('an error says what, where, why and what to do', () => {
    const error = new AppError('ssh-unreachable', 'm1 (10.0.0.1:22): connection refused', {
      details: { machine: 'm1' },
    });
    expect(failureText(error, plain)).toBe(
      'portoser: The machine cannot be reached\n  m1 (10.0.0.1:22): connection refused\n  machine: m1\n  Check that it is on, that its address and port are right, and that sshd listens. [ssh-unreachable]',
    );
  });

  it('columns are as wide as what is seen of them', () => {
    const { good } = createPaint(true);
    expect(
      table(
        [
          [good('a'), 'x'],
          ['bbb', ''],
        ],
        ['N', 'V'],
      ),
    ).toBe(`N    V\n${good('a')}    x\nbbb`);
  });

  it.each([
    [5, '5 s'],
    [61, '1 m'],
    [7_300, '2 h'],
    [200_000, '2 d'],
    [-3, '0 s'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(age(seconds)).toBe(text);
  });

  it('lines of several sources carry their names, also in pieces', () => {
    expect(prefixed('a', 'x\ny\n')).toBe('a | x\na | y\n');
    const lines = createPrefixer();
    expect([lines.add('a', 'on'), lines.add('b', 'B\n'), lines.add('a', 'e\ntwo\nth')]).toEqual([
      '',
      'b | B\n',
      'a | one\na | two\n',
    ]);
  });
});

describe('what is shared', () => {
  const secrets = { hosts: ['web-host', 'web-host.lan', '10.1.2.3'], users: ['ada', 'root'] };

  it.each([
    ['connect to web-host.lan as ada', 'connect to host-1 as user-1'],
    ['adapter of /home/ada/x', 'adapter of /home/user-1/x'],
    ['10.1.2.3:80 and 192.168.7.9', 'host-3:80 and ADDRESS'],
    ['127.0.0.1:80 and ::1', '127.0.0.1:80 and ::1'],
    ['fe80::1c2:3 at 12:30:01', 'ADDRESS at 12:30:01'],
    ['2001:db8:0:0:0:0:0:1 as root', 'ADDRESS as root'],
  ])('%s', (before, after) => {
    expect(maskText(before, secrets)).toBe(after);
  });

  it('also in JSON', () => {
    expect(maskValue({ a: ['ada'], b: 1, c: { ada: '10.9.9.9' }, d: null }, secrets)).toEqual({
      a: ['user-1'],
      b: 1,
      c: { ada: 'ADDRESS' },
      d: null,
    });
  });
});

describe('who holds a lock', () => {
  const lock = (ageSeconds: number) => ({ controller: 'c0ffee', process: '71:70-abc', ageSeconds, fence: 4 });
  const shown = { machine: 'm1', stale: false, steps: [] } as const;
  it.each([
    [{ ...shown, state: 'free' }, 'free'],
    [{ ...shown, state: 'free', steps: ['b1'] }, 'free; its steps run there now'],
    [{ ...shown, state: 'ours', lock: lock(5) }, 'held by the controller that runs here (process 71), renewed 5 s ago'],
    [
      { ...shown, state: 'left', lock: lock(5), stale: true },
      'left by process 71 of this controller, which is gone; the next change takes it over',
    ],
    [
      { ...shown, state: 'theirs', lock: lock(120), stale: true },
      'held by another controller (c0ffee, process 71 there), renewed 2 m ago; the next change takes it over',
    ],
    [
      {
        ...shown,
        state: 'unknown',
        error: { code: 'ssh-unreachable', message: 'it is off', hint: '', retry: 'backoff' },
      },
      'unknown: it is off',
    ],
  ] as const)('%j', (one, text) => {
    expect(holderText(one)).toBe(text);
  });
});

describe('a backup', () => {
  const one = { file: '/b', encrypted: false, files: 3, settings: true, at: 0 };

  it.each([
    [{ ...one, tables: { run: 2, audit: 0 } }, 'the files of the audit log (history has a copy)'],
    [one, 'the audit log'],
  ])('says what is not in it', (backup, audit) => {
    for (const done of ['saved', 'restored'] as const)
      expect(backedUpText(backup, done)).toContain(`API tokens, approvals of plans, ${audit}, and`);
  });
});
