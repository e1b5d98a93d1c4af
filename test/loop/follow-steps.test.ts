// What a batch prints while it works, as who follows is told it: by step and change, line by line, however it is cut up on the way.
import { describe, expect, it } from 'vitest';
import type { RunTold, Told } from '../../schema/live.js';
import type { Step } from '../../reconciler/drivers/driver.js';
import { sh } from '../../reconciler/commands/command.js';
import { type FollowedBatch, followSteps } from '../../reconciler/loop/follow-steps.js';
import { createRedactor } from '../../schema/redact.js';
import { createFakeClock } from '../fakes/clock.js';

const aStep = (what: string, more: Partial<Step> = {}): Step => ({
  phase: 'start',
  what,
  command: sh`true`,
  timeLimitMs: 1,
  ...more,
});
const reload = aStep('reload', { phase: 'reload', merge: { key: 'reload', head: sh`true` } });
const start = (word: string) => aStep('start the unit', { merge: { key: 'start', head: sh`true`, word } });

const batch: FollowedBatch = {
  machine: 'm1',
  nonce: 'n1',
  changes: [
    { change: { key: 'web@m1' }, steps: [aStep('pull', { phase: 'prepare' }), reload, start('web')] },
    { change: { key: 'api@m1' }, steps: [reload, start('api')] },
  ],
};

function follow(chunks: readonly (string | Uint8Array)[], secrets: readonly string[] = []): readonly string[] {
  const told: Told[] = [];
  const bus = { tell: (one: Told) => void told.push(one), followed: () => true };
  const redactor = createRedactor();
  redactor.learn(secrets.map(value => ({ value })));
  const take = followSteps({ ports: { bus, clock: createFakeClock(), redactor }, runId: 'r1' }, batch);
  for (const one of chunks) take?.(typeof one === 'string' ? Buffer.from(one) : one);
  return (told as RunTold[]).map(one => {
    if (one.kind !== 'step.begun' && one.kind !== 'step.line' && one.kind !== 'step.ended') return one.kind;
    const keys = one.of.map(({ key }) => key).join('+');
    const what =
      one.kind === 'step.line'
        ? `${one.text.slice(0, 20)}${one.text.slice(20).includes('Sentinel') ? ' with Sentinel' : ''}${one.cut ? '…' : ''}`
        : one.what;
    return `${one.kind.slice(5)} ${keys} ${what}${one.kind === 'step.ended' && one.result === 'failed' ? ` ${one.code}` : ''}`;
  });
}

const whole = [
  '@n1 portoser 1\n@n1 fence 1.a\n',
  '\n@n1 begun claim.1\n\n@n1 ended claim.1 0\n',
  '\n@n1 begun 0.0\npulling ü\r\n@n2 ended 0.0 0\nhalf\n@n1 ended 0.0 3\n',
  '\n@n1 begun 0.1\nboth\n\n@n1 ended 0.1 0\n',
  '\n@n1 begun merged.start_0\n\n@n1 ended merged.start_0 0\n',
  '\n@n1 begun land.files\n\n@n1 ended land.files 0\n',
  '\n@n1 results\n0.0 3\n@n1 output 0.0\nnot a line\n@n1 end\n',
].join('');

const expected = [
  'begun api@m1 claim the placement',
  'ended api@m1 claim the placement',
  'begun web@m1 pull',
  'line web@m1 pulling ü',
  'line web@m1 @n2 ended 0.0 0',
  'line web@m1 half',
  'ended web@m1 pull 3',
  'begun web@m1+api@m1 reload',
  'line web@m1+api@m1 both',
  'ended web@m1+api@m1 reload',
  'begun web@m1+api@m1 start the unit',
  'ended web@m1+api@m1 start the unit',
  'begun web@m1+api@m1 put the files in place',
  'ended web@m1+api@m1 put the files in place',
];

describe('what a batch prints', () => {
  it('is told by step and change', () => {
    expect(follow([whole])).toEqual(expected);
  });

  it.each([1, 2, 3, 7, 64])('is the same in pieces of %i bytes', size => {
    const bytes = Buffer.from(whole);
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
    expect(follow(pieces)).toEqual(expected);
  });

  it('is cut where a line is too long, and nothing of it is kept', () => {
    const lines = follow(['\n@n1 begun 0.0\n', 'x'.repeat(5000), 'y'.repeat(5000), '\nnext\n']);
    expect(lines).toEqual([
      'begun web@m1 pull',
      `line web@m1 ${'x'.repeat(20)}…`,
      `line web@m1 ${'y'.repeat(20)}…`,
      'line web@m1 next',
    ]);
  });

  it('holds no secret, also one that came in two pieces or stands where a line is cut', () => {
    const begun = '\n@n1 begun 0.0\n';
    expect(follow([begun, 'a Sent', 'inel-One b\n'], ['Sentinel-One'])).toEqual([
      'begun web@m1 pull',
      'line web@m1 a *** b',
    ]);
    const long = follow([begun, 'x'.repeat(4090), 'Sentinel', '-One\n'], ['Sentinel-One']);
    expect(long).toEqual(['begun web@m1 pull', `line web@m1 ${'x'.repeat(20)}`]);
  });

  it('of steps that are not known is told to nobody, and breaks nothing', () => {
    expect(follow(['@n1 begun 9.9\nx\n@n1 ended 9.9 1\n@n1 begun\n@n1 ended x.y 1\n@n1\n'])).toEqual([]);
  });

  it('is not looked at where nobody follows', () => {
    const bus = { tell: () => expect.fail('told'), followed: () => false };
    const redactor = createRedactor();
    expect(followSteps({ ports: { bus, clock: createFakeClock(), redactor }, runId: 'r1' }, batch)).toBeUndefined();
  });
});
