// What the doctor found as text, and the exit code that a script goes by.
import { describe, expect, it } from 'vitest';
import { doctorExitCode } from '../../api/cli/commands/machine-doctor.js';
import { createPaint } from '../../api/cli/paint.js';
import { doctorText } from '../../api/cli/render/doctor.js';
import type { OutputOf } from '../../reconciler/engine.js';

const off = { code: 'ssh-unreachable', message: 'no route', hint: 'Check that it is on.', retry: 'backoff' } as const;
const found: OutputOf<'machine.doctor'> = {
  at: 1,
  level: 'problem',
  unseen: ['m2'],
  machines: [
    {
      machine: 'm1',
      host: '10.0.0.1',
      user: 'admin',
      remarks: [
        { subject: 'reach', level: 'ok', text: 'over SSH' },
        { subject: 'docker', level: 'problem', text: 'm1 has no docker', hint: 'Install it.', code: 'docker-missing' },
        { subject: 'disk', level: 'warning', text: '/ has 1 GiB free', hint: 'Free space.' },
      ],
    },
    {
      machine: 'm2',
      host: '10.0.0.2',
      user: 'pi',
      error: off,
      remarks: [{ subject: 'reach', level: 'problem', text: 'no route', hint: off.hint, code: off.code }],
    },
    { machine: 'here', host: 'local', user: 'ada', remarks: [] },
  ],
};

describe('what the doctor found', () => {
  it('is a line for each remark, with what to do below it, and a count', () => {
    expect(doctorText(found, createPaint(false)).split('\n')).toEqual([
      'm1 (admin@10.0.0.1)',
      '  ok       reach   over SSH',
      '  problem  docker  m1 has no docker [docker-missing]',
      '                   Install it.',
      '  warning  disk    / has 1 GiB free',
      '                   Free space.',
      'm2 (pi@10.0.0.2)',
      '  problem  reach  no route [ssh-unreachable]',
      '                  Check that it is on.',
      'here (local)',
      '1 problem, 1 warning on 2 machines. Not looked at: m2.',
    ]);
  });

  it('is nothing without machines', () => {
    expect(doctorText({ at: 1, level: 'ok', unseen: [], machines: [] }, createPaint(false))).toBe(
      'The registry names no machines.',
    );
  });

  it.each([
    ['ok', [], 0],
    ['warning', [], 0],
    ['problem', [], 2],
    ['problem', ['m2'], 2],
    ['warning', ['m2'], 1],
  ] as const)('%s with %j not looked at exits with %d', (level, unseen, code) => {
    expect(doctorExitCode({ level, unseen })).toBe(code);
  });
});
