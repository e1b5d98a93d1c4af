// Taking our traces off a machine, in each shell: all of the state folder goes, and only where nobody is at work and it is ours.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lines, sh } from '../../reconciler/commands/command.js';
import { forget, type Forget } from '../../reconciler/commands/forget.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import { createScriptMachine, filesBelow, nonce, type ScriptMachine } from './batch-machine.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
let worker: ChildProcess | undefined;
beforeEach(() => {
  machine = createScriptMachine();
  for (const folder of ['stamps', 'steps/s1', 'incoming', 'supervise', 'newer'])
    mkdirSync(join(machine.state, folder), { recursive: true });
  for (const [name, text] of Object.entries({
    identity: 'root1\n',
    machine: 'abc\n',
    fence: '4.old\n',
    'stamps/web': 'a stamp\n',
    'supervise/web': '1 2 3\n',
    'newer/thing': 'of a later version\n',
    '.hidden': '',
  }))
    writeFileSync(join(machine.state, name), text);
});
afterEach(async () => {
  if (worker?.exitCode === null) {
    const closed = once(worker, 'close');
    worker.kill('SIGKILL');
    await closed;
  }
  worker = undefined;
  await machine.remove();
});

const ask = (more: Partial<Forget> = {}) =>
  forget({
    id: 'f1',
    nonce,
    sudo: 'never',
    cluster: 'c',
    identity: 'root1',
    holder: { controller: 'c1', process: '7:70' },
    gone: '-',
    ...more,
  });
const now = () => Math.floor(Date.now() / 1000);
const clusters = () => dirname(machine.state);

describe.each(shells)('$name', shell => {
  test('everything of the cluster goes, and the folders above it once they are empty', async () => {
    const answer = await machine.run(ask(), shell);
    expect([answer.code, answer.said('forgot')]).toEqual([0, `removed ${machine.state}`]);
    expect(existsSync(dirname(clusters()))).toBe(false);
    expect(existsSync(machine.home)).toBe(true);
    expect((await machine.run(ask(), shell)).said('forgot')).toBe('nothing');
  });

  test('another cluster stays, and so do the folders above it', async () => {
    const other = join(clusters(), 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'identity'), 'root1\n');
    expect((await machine.run(ask(), shell)).said('forgot')).toBe(`removed ${machine.state}`);
    expect(filesBelow(clusters())).toEqual([join(other, 'identity')]);
  });

  test.each([
    ['another repository has the name', { identity: 'root2' }, 'refused', 'identity root1'],
    ['a registry outside any repository asks', { identity: '-' }, 'refused', 'identity root1'],
  ])('%s: nothing is touched', async (_, more, frame, said) => {
    const before = filesBelow(machine.state);
    const answer = await machine.run(ask(more), shell);
    expect([answer.code, answer.said(frame)]).toEqual([73, said]);
    expect(filesBelow(machine.state)).toEqual(before);
  });

  test('a folder that a first change left without identity goes', async () => {
    rmSync(join(machine.state, 'identity'));
    expect((await machine.run(ask(), shell)).said('forgot')).toBe(`removed ${machine.state}`);
  });

  test('another controller that has the lock is left to it', async () => {
    writeFileSync(join(machine.state, 'lock'), `c2 9:90 ${now()} 4\n`);
    const before = filesBelow(machine.state);
    const answer = await machine.run(ask(), shell);
    expect([answer.code, answer.said('locked')?.startsWith('c2 9:90 ')]).toEqual([75, true]);
    expect(filesBelow(machine.state)).toEqual(before);
    expect(readFileSync(join(machine.state, 'fence'), 'utf8')).toBe('4.old\n');
  });

  test('a lock of a process of ours that is gone is taken over', async () => {
    writeFileSync(join(machine.state, 'lock'), `c1 9:90 ${now()} 4\n`);
    expect((await machine.run(ask(), shell)).said('locked')).toMatch(/^c1 9:90 /);
    expect((await machine.run(ask({ gone: '9:90' }), shell)).said('forgot')).toBe(`removed ${machine.state}`);
  });

  test('a change that is running is not fenced off', async () => {
    worker = spawn('sleep', ['1000'], { stdio: 'ignore' });
    const bootId = lines([prelude({ nonce, sudo: 'never' }), sh`p_say boot "$(p_boot_id)"`]);
    const boot = (await machine.run(lines([sh`p_nonce=x`, bootId]), shell)).stdout.trim().split(' ').at(-1);
    writeFileSync(join(machine.state, 'steps/s1/open'), `${worker.pid} ${boot}\n`);
    const answer = await machine.run(ask(), shell);
    expect([answer.code, answer.said('open')]).toEqual([75, 's1']);
    expect(readFileSync(join(machine.state, 'fence'), 'utf8')).toBe('4.old\n');
    expect(existsSync(join(machine.state, 'stamps/web'))).toBe(true);
  });

  test('what a crash left beside its targets goes too', async () => {
    mkdirSync(machine.place);
    const staged = join(machine.place, '.portoser-new.s1.1');
    writeFileSync(staged, 'half');
    writeFileSync(join(machine.place, 'data'), 'whole');
    writeFileSync(join(machine.state, 'steps/s1/staged'), `${staged}\n`);
    expect((await machine.run(ask(), shell)).said('forgot')).toBe(`removed ${machine.state}`);
    expect(filesBelow(machine.place)).toEqual([join(machine.place, 'data')]);
  });

  test('a folder that lies elsewhere is emptied there', async () => {
    const real = join(machine.home, 'disk');
    mkdirSync(real);
    writeFileSync(join(real, 'identity'), 'root1\n');
    rmSync(machine.state, { recursive: true });
    symlinkSync(real, machine.state);
    expect((await machine.run(ask(), shell)).said('forgot')).toBe(`removed ${machine.state}`);
    expect(filesBelow(real)).toEqual([]);
  });

  test('the folder itself stays, empty, where those above it are root’s and nobody may become root', async () => {
    const refuses = sh`rm() {
  for p_x do if [ "$p_x" = "$p_state" ]; then command rm -rf "$p_state"/* "$p_state"/.[!.]*; return 1; fi; done
  command rm "$@"
}`;
    const answer = await machine.run(lines([refuses, ask()]), shell);
    expect([answer.code, answer.said('forgot')]).toEqual([0, `emptied ${machine.state}`]);
    expect([existsSync(machine.state), filesBelow(machine.state)]).toEqual([true, []]);
  });

  test('what cannot be removed is told, and the lock is given back', async () => {
    const refuses = sh`rm() {
  for p_x do case $p_x in */stamps) echo 'rm: read-only' >&2; return 1 ;; esac; done
  command rm "$@"
}`;
    const answer = await machine.run(lines([refuses, ask()]), shell);
    expect([answer.code, answer.said('forgot'), existsSync(join(machine.state, 'lock'))]).toEqual([
      73,
      undefined,
      false,
    ]);
    expect(answer.stderr).toContain('read-only');
  });
});
