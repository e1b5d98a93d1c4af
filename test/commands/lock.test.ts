// The lock of a machine's state folder, taken by real shells: by whom, from whom, and by one alone.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Command, lines, sh } from '../../reconciler/commands/command.js';
import { breakLock, checkFence, renewLock, takeLock } from '../../reconciler/commands/lock.js';
import { findState } from '../../reconciler/commands/ownership.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import { createScriptMachine, filesBelow, nonce, type ScriptMachine } from './batch-machine.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
beforeEach(() => {
  machine = createScriptMachine();
  mkdirSync(machine.state, { recursive: true });
});
afterEach(() => machine.remove());

const lock = () => join(machine.state, 'lock');
const fence = () => join(machine.state, 'fence');
const now = () => Math.floor(Date.now() / 1000);
const held = (line: string) => writeFileSync(lock(), `${line}\n`);

/** Takes it and says whether the fence holds after all that others did meanwhile. */
function taking(controller: string, more: { process?: string; gone?: string; token?: string; before?: Command } = {}) {
  const { process = '7:70', gone = '-', token = 'aa', before = sh`:` } = more;
  return lines([
    prelude({ nonce, sudo: 'never' }),
    sh`p_say portoser 1`,
    findState('c'),
    before,
    takeLock({ controller, process }, gone, token),
    sh`if p_fence_holds; then p_say holds; fi`,
    sh`p_say end`,
  ]);
}

const breaking = (theirs: { readonly controller: string; readonly process: string }) =>
  lines([
    prelude({ nonce, sudo: 'never' }),
    sh`p_say portoser 1`,
    findState('c'),
    breakLock({ controller: 'c1', process: '7:70' }, theirs, 'bb'),
    sh`p_say end`,
  ]);

describe.each(shells)('$name', shell => {
  test('a free lock is taken, and says who holds it', async () => {
    const answer = await machine.run(taking('c1'), shell);
    expect([answer.code, answer.said('fence'), answer.said('holds')]).toEqual([0, '1.aa', '']);
    const [controller, process, at, number] = readFileSync(lock(), 'utf8').trim().split(' ');
    expect([controller, process, number]).toEqual(['c1', '7:70', '1']);
    expect(Math.abs(Number(at) - now())).toBeLessThan(60);
    expect(readFileSync(fence(), 'utf8')).toBe('1.aa\n');
    expect(filesBelow(machine.state)).toEqual([fence(), lock()]);
    expect(answer.stderr).toBe('');
  });

  test.each([
    ['another controller that renewed it', () => `c2 9:90 ${now() - 20} 4`, {}],
    ['another process of this controller that runs', () => `c1 9:90 ${now()} 4`, {}],
    ['a process of that name of another controller', () => `c2 9:90 ${now()} 4`, { gone: '9:90' }],
  ])('is left to %s', async (_, line, more) => {
    writeFileSync(fence(), '4.old\n');
    held(line());
    const before = readFileSync(lock(), 'utf8');
    const answer = await machine.run(taking('c1', more), shell);
    expect(answer.code).toBe(75);
    expect(answer.said('locked')).toMatch(new RegExp(`^${before.split(' ')[0]} 9:90 \\d+ 4$`));
    expect([readFileSync(lock(), 'utf8'), readFileSync(fence(), 'utf8')]).toEqual([before, '4.old\n']);
    expect(filesBelow(machine.state)).toEqual([fence(), lock()]);
  });

  test.each([
    ['another controller, 61 s without renewal', () => `c2 9:90 ${now() - 61} 4\n`, {}],
    ['another controller, by a clock that was an hour ahead', () => `c2 9:90 ${now() + 3600} 4\n`, {}],
    ['a process of this controller that is gone', () => `c1 9:90 ${now()} 4\n`, { gone: '9:90' }],
    ['this very process', () => `c1 7:70 ${now()} 4\n`, {}],
    ['nobody: an empty file is left of a crash', () => '', {}],
    ['nobody who can be read', () => 'c2 9:90 yesterday 4\n', {}],
  ])('is taken over from %s', async (_, text, more) => {
    writeFileSync(fence(), '4.old\n');
    writeFileSync(lock(), text());
    const answer = await machine.run(taking('c1', more), shell);
    expect([answer.code, answer.said('fence'), readFileSync(fence(), 'utf8')]).toEqual([0, '5.aa', '5.aa\n']);
    expect(readFileSync(lock(), 'utf8')).toMatch(/^c1 7:70 \d+ 5\n$/);
    expect(filesBelow(machine.state)).toEqual([fence(), lock()]);
  });

  test('a fence that cannot be read as a number begins anew', async () => {
    writeFileSync(fence(), 'x08\n');
    expect((await machine.run(taking('c1'), shell)).said('fence')).toBe('1.aa');
  });

  test('a file system without hard links is refused, not waited for', async () => {
    const answer = await machine.run(taking('c1', { before: sh`ln() { return 1; }` }), shell);
    expect([answer.code, answer.said('refused')]).toEqual([73, `state ${machine.state}`]);
    expect(filesBelow(machine.state)).toEqual([]);
  });

  test('a state folder that is not there is refused', async () => {
    const gone = lines([
      prelude({ nonce, sudo: 'never' }),
      sh`p_say portoser 1`,
      findState('c'),
      sh`p_state=${join(machine.home, 'nowhere')}`,
      takeLock({ controller: 'c1', process: '1:1' }, '-', 'aa'),
    ]);
    const refused = await machine.run(gone, shell);
    expect([refused.code, refused.said('refused')]).toEqual([73, `state ${join(machine.home, 'nowhere')}`]);
  });

  test.each([
    ['free', () => undefined],
    ['left by a controller that is gone', () => held(`c0 1:1 ${now() - 1000} 4`)],
  ])('of many at once exactly one has it: %s', async (_, prepare) => {
    prepare();
    const takers = Array.from({ length: 12 }, (__, index) =>
      machine.run(taking(`k${index}`, { token: `t${index}` }), shell),
    );
    const answers = await Promise.all(takers);
    expect(answers.filter(one => one.said('fence') !== undefined && one.said('holds') !== undefined)).toHaveLength(1);
    expect(answers.filter(one => one.said('locked') !== undefined)).toHaveLength(11);
    expect(filesBelow(machine.state)).toEqual([fence(), lock()]);
  });

  test.each([
    ['of another controller, fresh', 'c2'],
    ['of this controller, whose process lives', 'c1'],
  ])('a lock %s, is broken, and its holder fenced', async (_, controller) => {
    writeFileSync(fence(), '4.aa\n');
    held(`${controller} 9:90 ${now()} 4`);
    const answer = await machine.run(breaking({ controller, process: '9:90' }), shell);
    expect([answer.code, answer.said('broken')]).toEqual([0, '5.bb']);
    expect([existsSync(lock()), readFileSync(fence(), 'utf8')]).toEqual([false, '5.bb\n']);
    const step = lines([prelude({ nonce, sudo: 'never' }), sh`p_state=${machine.state}`, checkFence('4.aa')]);
    expect((await machine.run(step, shell)).code).toBe(76);
    expect(filesBelow(machine.state)).toEqual([fence()]);
  });

  test('a lock that another holds by now is not broken', async () => {
    writeFileSync(fence(), '4.aa\n');
    held(`c3 8:80 ${now()} 4`);
    const before = readFileSync(lock(), 'utf8');
    const answer = await machine.run(breaking({ controller: 'c2', process: '9:90' }), shell);
    expect([answer.code, answer.said('locked')?.startsWith('c3 8:80 ')]).toEqual([75, true]);
    expect([readFileSync(lock(), 'utf8'), readFileSync(fence(), 'utf8')]).toEqual([before, '4.aa\n']);
  });

  test('where there is no lock, nothing is broken and nothing written', async () => {
    expect((await machine.run(breaking({ controller: 'c2', process: '9:90' }), shell)).said('free')).toBe('');
    expect(filesBelow(machine.state)).toEqual([]);
  });

  test('is renewed while the fence is the newest, and not after', async () => {
    held('c1 7:70 1000 4');
    writeFileSync(fence(), '4.aa\n');
    const renewal = (held_: string) =>
      lines([
        prelude({ nonce, sudo: 'never' }),
        sh`p_say portoser 1; p_state=${machine.state}`,
        checkFence(held_),
        renewLock({ controller: 'c1', process: '7:70' }),
      ]);
    expect((await machine.run(renewal('4.aa'), shell)).code).toBe(0);
    const [, , at, number] = readFileSync(lock(), 'utf8').trim().split(' ');
    expect(Number(at)).toBeGreaterThan(1000);
    expect(number).toBe('4');
    const late = await machine.run(renewal('4.bb'), shell);
    expect([late.code, late.said('fenced')]).toEqual([76, '4.aa']);
    expect(existsSync(lock())).toBe(true);
  });
});
