// Batches that are followed, in real shells: what steps print is seen while they work, and nothing else of a batch is changed by it.
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sh } from '../../reconciler/commands/command.js';
import { until } from '../scenarios/until.js';
import { aChange, answerOf, aStep, batchOf, createScriptMachine, nonce, type ScriptMachine } from './batch-machine.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
beforeEach(() => {
  machine = createScriptMachine();
  mkdirSync(machine.place, { recursive: true });
});
afterEach(() => machine.remove());

const live = { live: true } as const;
const at = (name: string) => join(machine.place, name);

/** The frames of steps and what is printed between them. */
function followedIn(stdout: string): readonly string[] {
  const lines = stdout.split('\n').filter(line => line !== '');
  const from = lines.findIndex(line => line.startsWith(`@${nonce} begun`));
  const to = lines.findIndex(line => line === `@${nonce} results`);
  return lines.slice(from, to).map(line => line.replace(`@${nonce} `, '@'));
}

function groupLives(leader: number): boolean {
  try {
    return process.kill(-leader, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

describe.each(shells)('$name', shell => {
  test('a line is seen before its step has ended, and all of them in order', async () => {
    const waits = sh`echo one; while [ ! -e ${at('go')} ]; do sleep 0.1; done; printf 'two\nhalf'`;
    const change = aChange('web', { steps: [aStep(waits), aStep(sh`echo bad >&2; exit 3`)] });
    const child = machine.start(batchOf([change], live), shell);
    let stdout = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    await until(
      'the first line',
      () => followedIn(`${stdout}\n@${nonce} results`).includes('one'),
      () => stdout,
    );
    expect(stdout).not.toContain(`@${nonce} results`);
    writeFileSync(at('go'), '');
    const [code] = (await once(child, 'close')) as [number | null];
    expect(followedIn(stdout)).toEqual([
      '@begun 0.0',
      'one',
      'two',
      'half',
      '@ended 0.0 0',
      '@begun 0.1',
      'bad',
      '@ended 0.1 3',
    ]);
    expect(answerOf(code, stdout, '').rows).toMatchObject({ '0.0': '0', '0.1': '3', done: '0' });
  });

  test('the answer is what it is without', async () => {
    const steps = [aStep(sh`echo one; echo two`), aStep(sh`echo three; exit 4`)];
    const plain = await machine.run(batchOf([aChange('web', { steps })], { id: 'b1' }), shell);
    await machine.remove();
    machine = createScriptMachine();
    const followed = await machine.run(batchOf([aChange('web', { steps })], { ...live, id: 'b1' }), shell);
    const outputs = (answer: typeof plain) =>
      answer.sections?.filter(one => ['output', 'results', 'log'].includes(one.name));
    expect(followed.said('fence')).toBe(plain.said('fence'));
    expect(outputs(followed)).toEqual(outputs(plain));
    expect(followed.stderr).toBe('');
    expect(followed.code).toBe(plain.code);
  });

  test('what prints without end is copied only at its beginning, and its step goes on', async () => {
    const much = sh`head -c 9000000 /dev/zero | tr '\0' y; echo; echo the end`;
    const answer = await machine.run(batchOf([aChange('web', { steps: [aStep(much)] })], live), shell);
    expect(answer.rows).toMatchObject({ '0.0': '0', done: '0' });
    expect(answer.stdout.length).toBeLessThan(1_200_000);
    expect(answer.sections?.find(one => one.name === 'output')?.lines).toContain('the end');
  });

  test('nobody who reads is waited for: the work ends when the connection is gone, and nothing stays', async () => {
    const waits = sh`echo one; while [ ! -e ${at('go')} ]; do sleep 0.1; done; echo two; touch ${at('done')}`;
    const child = machine.start(batchOf([aChange('web', { steps: [aStep(waits)] })], live), shell);
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await until('it works', () => seen.includes('one'));
    child.stdout?.destroy();
    child.stderr?.destroy();
    process.kill(child.pid ?? 0, 'SIGKILL');
    writeFileSync(at('go'), '');
    await until('the work is done', () => existsSync(at('done')));
    await until('all its processes have ended', () => !groupLives(child.pid ?? 0));
    expect(existsSync(join(machine.state, 'steps/a1/open'))).toBe(false);
  });

  test('what is ended past the time of all is answered, and nothing stays', async () => {
    const steps = [aStep(sh`echo one; sleep 300`)];
    const answer = await machine.run(batchOf([aChange('web', { steps })], { ...live, timeLimitMs: 1000 }), shell);
    expect(answer.rows).toMatchObject({ time: '124' });
    expect(followedIn(answer.stdout).slice(0, 2)).toEqual(['@begun 0.0', 'one']);
  });
});
