// Batches that something ends: a time limit, a lost connection, a kill; and output without an end. In real shells.
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sh } from '../../reconciler/commands/command.js';
import { readBatch } from '../../reconciler/loop/batch-result.js';
import {
  aBatch,
  aChange,
  aStep,
  batchOf,
  createScriptMachine,
  filesBelow,
  type ScriptMachine,
  until,
  user,
} from './batch-machine.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
beforeEach(() => {
  machine = createScriptMachine();
});
afterEach(() => machine.remove());

const at = (name: string) => join(machine.place, name);
const put = (path: string, text: string) => ({ path, mode: 0o644, owner: user, bytes: Buffer.from(text) });

/** Dead, or dead and not yet reaped. */
function isGone(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || readFileSync(stat, 'utf8').includes(') Z');
}

describe.each(shells)('$name', shell => {
  test('keeps the end of an endless output', async () => {
    const noisy = sh`head -c 104857600 /dev/zero | tr '\\0' x; echo; echo the end; exit 5`;
    const answer = await machine.run(batchOf([aChange('web', { steps: [aStep(noisy)] })]), shell);
    expect(answer.rows['0.0']).toBe('5');
    expect(answer.stdout.length).toBeLessThan(10_000);
    expect(answer.stdout).toContain('the end\n');
  });

  test('past its time limit its processes are ended, and it says so', async () => {
    const pid = at('pid');
    const hangs = sh`mkdir -p ${machine.place}; sleep 1000 & echo $! >${pid}; wait`;
    const batch = aBatch([aChange('slow', { steps: [aStep(hangs)] }), aChange('next', { steps: [aStep(sh`true`)] })], {
      timeLimitMs: 1000,
    });
    const answer = await machine.run(batchOf(batch.changes, batch), shell);
    expect(answer.rows).toMatchObject({ time: '124' });
    const reading = readBatch(answer.sections, { batch, machine: 'm1', steps: [] });
    expect([...(reading?.failures ?? [])].map(([index, { error }]) => [index, error.code])).toEqual([
      [0, 'command-timeout'],
      [1, 'command-timeout'],
    ]);
    const sleeper = Number(readFileSync(pid, 'utf8'));
    await until(() => isGone(sleeper));
    expect(existsSync(join(machine.state, 'steps/a1/open'))).toBe(false);
  });

  test('a step past its own limit is ended with all that it started, and the others are made', async () => {
    const pids = at('pids');
    const waits = sh`sh -c ${`echo $$ >>${pids}; sleep 1000; :`}`;
    const hangs = sh`mkdir -p ${machine.place}; setsid ${waits} & ${waits}`;
    const changes = [
      aChange('slow', {
        steps: [aStep(hangs, { phase: 'setup', timeLimitMs: 1000 }), aStep(sh`touch ${at('never')}`)],
      }),
      aChange('next', { steps: [aStep(sh`touch ${at('made')}`)] }),
    ];
    const answer = await machine.run(batchOf(changes), shell);
    expect(answer.rows).toMatchObject({ '0.0': '124', '1.0': '0', done: '0' });
    expect([existsSync(at('never')), existsSync(at('made'))]).toEqual([false, true]);
    const started = readFileSync(pids, 'utf8').trim().split('\n').map(Number);
    expect(started).toHaveLength(2);
    await until(() => started.every(isGone));
  });

  test('goes on when its connection is lost', async () => {
    const slow = sh`mkdir -p ${machine.place}; touch ${at('began')}; while [ ! -e ${at('go')} ]; do sleep 0.1; done; echo done >${at('done')}`;
    const child = machine.start(
      batchOf([aChange('web', { files: [put(at('web/file'), 'x')], steps: [aStep(slow)] })]),
      shell,
    );
    await until(() => existsSync(at('began')));
    const closed = once(child, 'exit');
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.kill('SIGKILL');
    await closed;
    expect(existsSync(join(machine.state, 'steps/a1/open'))).toBe(true);
    writeFileSync(at('go'), '');
    await until(() => existsSync(at('done')));
    await until(() => !existsSync(join(machine.state, 'steps/a1/open')));
    expect(readFileSync(join(machine.state, 'steps/a1/result'), 'utf8')).toContain('done 0\n');
    const next = await machine.run(batchOf([aChange('other')], { id: 'a2' }), shell);
    expect(next.rows).toMatchObject({ 'claim.0': '0', done: '0' });
    expect(filesBelow(join(machine.state, 'steps')).filter(path => path.includes('/a1/'))).toEqual([]);
  });

  test('stamps alone are not written while steps run, and fence off none of them', async () => {
    const slow = sh`mkdir -p ${machine.place}; touch ${at('begun')}; while [ ! -e ${at('go')} ]; do sleep 0.1; done`;
    const running = machine.run(batchOf([aChange('web', { steps: [aStep(slow), aStep(sh`touch ${at('second')}`)] })]));
    await until(() => existsSync(at('begun')));
    const kept = () => ['lock', 'fence'].map(name => readFileSync(join(machine.state, name), 'utf8'));
    const before = kept();
    const answer = await machine.run(batchOf([aChange('api')], { id: 'a2' }), shell);
    expect([answer.code, answer.said('open'), answer.said('fence'), kept()]).toEqual([75, 'a1', undefined, before]);
    expect(existsSync(join(machine.state, 'stamps/api'))).toBe(false);
    writeFileSync(at('go'), '');
    expect((await running).rows).toMatchObject({ '0.0': '0', '0.1': '0', done: '0' });
    const next = await machine.run(batchOf([aChange('api')], { id: 'a3' }), shell);
    expect(next.rows).toMatchObject({ 'claim.0': '0', done: '0' });
  });

  test('steps that another holder is in the middle of are not made beside it: it is fenced, and this one begins nothing', async () => {
    const slow = sh`mkdir -p ${machine.place}; echo x >>${at('starts')}; while [ ! -e ${at('go')} ]; do sleep 0.1; done`;
    const starting = (id: string, gone: string, process: string) =>
      batchOf([aChange('web', { steps: [aStep(slow), aStep(sh`touch ${at('second step')}`)], made: 'f1' })], {
        id,
        gone,
        holder: { controller: 'c1', process },
      });
    const before = machine.start(starting('a1', '-', '1:1'), shell);
    await until(() => existsSync(at('starts')));
    // It was planned by a look before the other's steps began, and finds the claim that it would write itself.
    const answer = await machine.run(starting('a2', '1:1', '2:2'), shell);
    expect([answer.code, answer.said('busy')]).toEqual([75, 'a1']);
    expect(existsSync(join(machine.state, 'lock'))).toBe(false);
    const batch = aBatch([aChange('web')]);
    expect(readBatch(answer.sections, { batch, machine: 'm1', steps: [] })?.refused?.code).toBe('machine-lock');
    const ended = once(before, 'close');
    writeFileSync(at('go'), '');
    await ended;
    expect(readFileSync(at('starts'), 'utf8')).toBe('x\n');
    expect([existsSync(at('second step')), existsSync(join(machine.state, 'steps/made.web'))]).toEqual([false, false]);
    const next = await machine.run(batchOf([aChange('other')], { id: 'a3' }), shell);
    expect(next.rows).toMatchObject({ 'claim.0': '0', done: '0' });
  });

  test("a killed batch whose pid is another process's by now holds nothing up", async () => {
    const open = join(machine.state, 'steps/a1/open');
    const slow = sh`mkdir -p ${machine.place}; touch ${at('began')}; while [ ! -e ${at('go')} ]; do sleep 0.1; done`;
    const before = machine.start(batchOf([aChange('web', { steps: [aStep(slow)] })]), shell);
    await until(() => existsSync(at('began')));
    const [works = '', started = ''] = readFileSync(open, 'utf8').split('\n');
    const [pid = '', boot = ''] = works.split(' ');
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]).toBe(started);
    const ended = once(before, 'close');
    writeFileSync(at('go'), '');
    await ended;
    mkdirSync(join(machine.state, 'steps/dead'));
    // Ours for a moment: what a pid that came round again is to the machine.
    writeFileSync(join(machine.state, 'steps/dead/open'), `${process.pid} ${boot}\n${started}\n`);
    const next = await machine.run(batchOf([aChange('other')], { id: 'a2', gone: '1:1' }), shell);
    expect([next.said('busy'), next.rows['claim.0'], next.rows['done']]).toEqual([undefined, '0', '0']);
    expect(existsSync(join(machine.state, 'steps/dead'))).toBe(false);
  });

  test('what a killed batch had staged is cleared away by the next one', async () => {
    mkdirSync(at('web'), { recursive: true });
    writeFileSync(at('web/file'), 'old');
    const folder = join(machine.state, 'steps/dead');
    mkdirSync(folder, { recursive: true });
    writeFileSync(at('web/.portoser-new.dead.1'), 'half');
    writeFileSync(at('web/.portoser-new.mine'), 'of the user');
    writeFileSync(join(folder, 'staged'), `${at('web/.portoser-new.dead.1')}\n`);
    writeFileSync(join(folder, 'open'), '1 another boot\n');
    await machine.run(batchOf([aChange('other')], { id: 'a2' }), shell);
    expect(filesBelow(machine.place)).toEqual([at('web/.portoser-new.mine'), at('web/file')]);
    expect(readFileSync(at('web/file'), 'utf8')).toBe('old');
    expect(existsSync(folder)).toBe(false);
  });

  test('work that was killed did not do what it has no row for', async () => {
    const open = join(machine.state, 'steps/a1/open');
    const suicide = aStep(
      sh`p_k=$$; while [ "$p_k" = $$ ]; do sleep 0.1; read -r p_k p_b <${open}; done; kill -9 "$p_k"; sleep 1`,
    );
    const batch = aBatch([
      aChange('one', { steps: [aStep(sh`true`, { phase: 'setup' })] }),
      aChange('two', { steps: [suicide] }),
    ]);
    const answer = await machine.run(batchOf(batch.changes), shell);
    expect(answer.rows).toMatchObject({ '0.0': '0' });
    const reading = readBatch(answer.sections, { batch, machine: 'm1', steps: [] });
    expect([...(reading?.failures ?? [])].map(([index, { error }]) => [index, error.code])).toEqual([
      [0, 'command-failed'],
      [1, 'command-failed'],
    ]);
  });
});
