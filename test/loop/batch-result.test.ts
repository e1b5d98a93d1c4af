// What a batch's answer means for each of its changes.
import { describe, expect, it } from 'vitest';
import { readProbe } from '../../reconciler/commands/probe.js';
import { sh } from '../../reconciler/commands/command.js';
import type { Driver, Step } from '../../reconciler/drivers/driver.js';
import { type Batched, readBatch } from '../../reconciler/loop/batch-result.js';
import { report } from '../../reconciler/core/machines.js';
import { aBatch, aChange } from '../commands/batch-machine.js';

const explains = {
  explain: (_: Step, output: string) =>
    output.includes('no such image') ? report('image-missing', 'it is not there') : undefined,
} as Pick<Driver, 'explain'> as Driver;
const head = sh`reload`;
const own = (what: string): Step => ({ phase: 'start', what, command: sh`x`, timeLimitMs: 1 });
const shared: Step = {
  phase: 'reload',
  what: 'read the units anew',
  command: head,
  timeLimitMs: 1,
  merge: { key: 'reload', head },
};
const joined = (word: string): Step => ({
  phase: 'start',
  what: `start ${word}`,
  command: sh`x`,
  timeLimitMs: 1,
  merge: { key: 'start', head, word },
});

const batched: Batched = {
  batch: aBatch([aChange('a'), aChange('b'), aChange('c')], { timeLimitMs: 90_000 }),
  machine: 'm1',
  steps: [
    { driver: explains, steps: [shared, joined('a')] },
    { driver: explains, steps: [shared, joined('b')] },
    { driver: explains, steps: [own('start it')] },
  ],
};

function read(
  rows: readonly string[],
  outputs: Readonly<Record<string, string>> = {},
  frames: readonly string[] = ['fence 3.a1'],
) {
  const text = [
    '@n portoser 1',
    ...frames.map(frame => `@n ${frame}`),
    '@n results',
    ...rows,
    ...Object.entries(outputs).flatMap(([id, output]) => [`@n output ${id}`, output]),
    '@n end',
  ];
  return readBatch(readProbe(text.join('\n'), 'n'), batched);
}

/** `0 code: message` of each change that failed. */
const failures = (...of: Parameters<typeof read>) =>
  [...(read(...of)?.failures ?? [])].map(([index, { error }]) => `${index} ${error.code}: ${error.message}`);

describe('a result', () => {
  it('without failures is that of all', () => {
    const reading = read(['claim.0 0', 'land.claim 0', '0.0 0', 'merged.start_0 0', '2.0 0', 'done 0']);
    expect([reading?.fence, [...(reading?.failures ?? [])], reading?.refused]).toEqual(['3.a1', [], undefined]);
  });

  it('tells of each step how it ended, also of those that were one command', () => {
    const rows = ['claim.0 0', 'files.1 1', 'land.claim 0', '0.0 0', 'merged.start_0 0', '2.0 3', 'done 0'];
    const reading = read(rows, { '2.0': 'no\n', 'merged.start_0': 'up' });
    const told = [...(reading?.steps ?? [])].map(([, steps]) =>
      steps.map(one => [one.what, one.result, one.code, one.outputTail].filter(part => part !== undefined).join(' ')),
    );
    expect(told).toEqual([
      ['claim the placement done', 'read the units anew done', 'start a done up'],
      ['write the files failed 1', 'read the units anew not-run', 'start b not-run'],
      ['start it failed 3 no'],
    ]);
    expect([...(read(['claim.0 0', 'time 124'])?.steps.get(2) ?? [])]).toEqual([
      { what: 'start it', result: 'not-run' },
    ]);
  });

  it('tells of no step that it was made for a change which had failed before, though it was for others', () => {
    const told = (...rows: readonly string[]) => [...(read(rows)?.steps ?? [])].map(([, all]) => all.at(-1)?.result);
    expect(told('claim.1 78', '0.0 0', 'merged.start_0 0', '2.0 0')).toEqual(['done', 'not-run', 'done']);
    expect(told('0.0 0', 'merged.start_0 1', '0.1 1', '1.1 0', '2.0 0')).toEqual(['failed', 'done', 'done']);
  });

  it.each([
    ['that failed', '3', `${'x'.repeat(2050)} ${'word '.repeat(408)}`],
    ['that went through', '0', 'word '.repeat(200)],
  ])('of a step %s is never told from the middle of a word on', (_, code, behind) => {
    const sent = code === '0' ? 1024 : 4096;
    // As the machine sends it: its last bytes.
    const output = `password=Kx7-qRt2 ${behind}`.slice(-sent);
    const reading = read([`2.0 ${code}`, 'done 0'], { '2.0': output });
    const told = reading?.steps.get(2)?.at(-1)?.outputTail;
    expect(told).toMatch(/^…word .*word$/);
    expect(JSON.stringify([...(reading?.failures ?? [])])).not.toContain('Rt2');
  });

  it.each<[string, readonly string[], Readonly<Record<string, string>>, readonly string[]]>([
    [
      'a stale stamp',
      ['claim.1 78', 'done 0'],
      { 'claim.1': 'the stamp changed since the plan was made' },
      ['1 stale-plan: m1: the stamp changed since the plan was made'],
    ],
    [
      'a raised fence',
      ['0.0 76', '2.0 76', 'done 0'],
      {},
      [
        '0 machine-fenced: another controller took m1 over while it was changed',
        '1 machine-fenced: another controller took m1 over while it was changed',
        '2 machine-fenced: another controller took m1 over while it was changed',
      ],
    ],
    [
      'refused sudo',
      ['files.2 77', 'done 0'],
      { 'files.2': 'portoser: sudo asks for a password' },
      ['2 sudo-refused: m1: sudo asks for a password (to write the files)'],
    ],
    [
      'a full disk',
      ['files.2 1', 'done 0'],
      { 'files.2': 'base64: write error: No space left on device' },
      ['2 machine-disk-full: no space left on m1 (to write the files)'],
    ],
    ['what the driver knows', ['2.0 1', 'done 0'], { '2.0': 'no such image' }, ['2 image-missing: it is not there']],
    [
      'what nobody knows',
      ['2.0 9', 'done 0'],
      { '2.0': 'first\nlast words' },
      ['2 command-failed: start it failed on m1 with exit code 9: last words'],
    ],
    [
      'a folder that cannot be made',
      ['folders.1 1', 'done 0'],
      { 'folders.1': 'mkdir: File exists' },
      ['1 command-failed: make the folder failed on m1 with exit code 1: mkdir: File exists'],
    ],
    [
      'one word of many',
      ['merged.start_0 1', '0.1 0', '1.1 5', 'done 0'],
      { '1.1': 'b is bad' },
      ['1 command-failed: start b failed on m1 with exit code 5: b is bad'],
    ],
    [
      'a step that several share',
      ['0.0 1', 'done 0'],
      { '0.0': 'bus is down' },
      [
        '0 command-failed: read the units anew failed on m1 with exit code 1: bus is down',
        '1 command-failed: read the units anew failed on m1 with exit code 1: bus is down',
      ],
    ],
    [
      'the first failure of a change',
      ['files.2 77', '2.0 9', 'done 0'],
      {},
      ['2 sudo-refused: m1:  (to write the files)'],
    ],
    ['a row of nobody', ['7.0 1', '2.9 1', 'done 0'], {}, []],
  ])('%s', (_, rows, outputs, expected) => {
    expect(failures(rows, outputs)).toEqual(expected);
  });

  it('of files that cannot be put in place is that of all', () => {
    expect(failures(['land.files 1'], { 'land.files': 'mv: Read-only file system' })).toHaveLength(3);
  });

  it.each([
    ['has no end', ['claim.0 0', '2.0 0'], 'command-failed'],
    ['was cut in the middle of a row', ['claim.0 0', '2.0'], 'command-failed'],
    ['ended by its time', ['claim.0 0', 'time 124'], 'command-timeout'],
    ['is empty', [], 'command-failed'],
  ])('that %s is no success of anybody', (_, rows, code) => {
    expect(failures(rows).map(line => line.split(':')[0])).toEqual([`0 ${code}`, `1 ${code}`, `2 ${code}`]);
  });

  it('keeps what a change failed with, when the time came later', () => {
    expect(failures(['2.0 9', 'time 124']).find(line => line.startsWith('2'))).toMatch(/^2 command-failed/);
  });
});

describe('an answer that is none', () => {
  const answer = (frames: readonly string[]) =>
    readBatch(readProbe(['@n portoser 1', ...frames.map(one => `@n ${one}`), '@n end'].join('\n'), 'n'), batched);

  it('names who holds the lock', () => {
    expect(answer(['locked c2 9:90 12 4'])).toMatchObject({
      refused: { code: 'machine-lock', message: 'm1 is locked by controller c2 for 12 s' },
      lockedBy: { controller: 'c2', process: '9:90' },
      fence: '',
    });
  });

  it('names the change whose steps run', () => {
    const refused = { code: 'machine-lock', message: 'a change (s9) is running on m1' };
    expect(answer(['open s9'])).toMatchObject({ refused, fence: '' });
  });

  it('names whose the machine is', () => {
    expect(answer(['refused identity 0123456789abcdef'])?.refused).toMatchObject({ code: 'machine-claimed' });
  });

  it('names a state folder that cannot be used', () => {
    expect(answer(['refused state /var/lib/portoser/clusters/c'])?.refused).toMatchObject({
      code: 'machine-state',
      message: '/var/lib/portoser/clusters/c on m1 cannot be written',
    });
  });

  it('without results says nothing', () => {
    expect(answer(['fence 3.a1'])).toBeUndefined();
    expect(readBatch(undefined, batched)).toBeUndefined();
  });
});
