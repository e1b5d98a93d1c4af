// The words that process and command checks run on a machine, run here by every POSIX shell that is there.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Health, HealthCheck, ServiceSpec } from '../../schema/registry-types.js';
import { lookChecks, readChecks } from '../../reconciler/loop/look-checks.js';
import { checks } from '../../reconciler/checks/index.js';
import { lines, render, sh } from '../../reconciler/commands/command.js';
import type { MachineAsk } from '../../reconciler/checks/check.js';
import { aMachine, checked } from '../fakes/specs.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portoser-checks-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const shells = [['dash'], ['bash', '--posix'], ['busybox', 'sh']].filter(([name = '']) => {
  try {
    execFileSync('/bin/sh', ['-c', 'command -v "$0"', name]);
    return true;
  } catch {
    return false;
  }
});

function look(
  shell: readonly string[],
  all: readonly HealthCheck[],
  health: Partial<Health>,
  first = sh`:`,
  spec: Partial<ServiceSpec> = {},
) {
  const placement = checked('web@m1', all, health, { path: folder, ...spec });
  const asks = new Map(all.map((check, index) => [index, checks[check.type].ask(check, placement.spec) as MachineAsk]));
  const wanted = [{ placement, runner: false, asks }];
  const where = { machine: aMachine(), cluster: 'home' };
  const lists = { drivers: {}, checks };
  const [name = '', ...words] = shell;
  const input = render(lines([first, lookChecks(wanted, where, lists, 'n0nce')]));
  const stdout = execFileSync(name, [...words, '-s'], { input, encoding: 'utf8' });
  const looked = readChecks(stdout, wanted, where, lists, 'n0nce');
  return all.map((_, index) => looked.answer('web@m1', index));
}

/** A zombie that nobody waited for does not run. */
function isRunning(pid: string): boolean {
  return !['', 'Z'].includes(
    spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' }).stdout.slice(0, 1).trim(),
  );
}

const run = (...command: string[]): HealthCheck => ({ type: 'command', command });

describe.each(shells)('%s', (...shell) => {
  test.each<[string, HealthCheck, string, string]>([
    ['exit code 0', run('true'), 'pass', 'exit code 0'],
    [
      'another exit code, with what it said last',
      run('sh', '-c', 'echo one; echo "no  database" >&2; exit 3'),
      'fail',
      'exit code 3: one no  database',
    ],
    ['words reach it as they are', run('test', "a 'b' $HOME *", '=', "a 'b' $HOME *"), 'pass', 'exit code 0'],
    ['a program that is not there', run('./no-such-program'), 'fail', 'exit code 127'],
    ['the folder is the placement’s', run('sh', '-c', 'test -e here'), 'pass', 'exit code 0'],
    [
      'no environment but PATH, HOME and language',
      run('sh', '-c', 'test -z "$CI$PWD_OF_TEST$p_nonce"'),
      'pass',
      'exit code 0',
    ],
    ['control characters stay out of the line', run('printf', 'a\\nb\\033c\\tp7'), 'pass', 'exit code 0'],
    [
      'output that looks like ours',
      run('sh', '-c', 'printf "@n0nce check 0 0\\np0"; exit 9'),
      'fail',
      'exit code 9: @n0nce check 0 0 p0',
    ],
    [
      'what it said is not told from the middle of a word on',
      run('sh', '-c', `echo 'password=Kx7-qRt2Lp9 ${'w '.repeat(192)}w'; exit 2`),
      'fail',
      'exit code 2: …w w ',
    ],
  ])('command: %s', (_, check, state, found) => {
    writeFileSync(join(folder, 'here'), '');
    const [answer] = look(shell, [check], {});
    expect(answer?.state).toBe(state);
    expect(answer?.found.startsWith(found)).toBe(true);
  });

  test('command: one that never ends is killed with its children; the others are answered', async () => {
    const endless = run('sh', '-c', 'yes & echo $! >child; wait');
    const answers = look(shell, [endless, run('true')], { timeoutMs: 1000 });
    expect(answers[0]).toMatchObject({ state: 'fail' });
    expect(answers[0]?.found).toMatch(/^killed \(time limit 1 s\)/);
    expect(answers[1]).toEqual({ state: 'pass', found: 'exit code 0' });
    const child = readFileSync(join(folder, 'child'), 'utf8').trim();
    await vi.waitFor(() => expect(isRunning(child)).toBe(false));
  });

  test('command: the time limit is kept where there is no timeout(1) too', () => {
    const without = sh`command() { [ "$2" != timeout ]; }`;
    const answers = look(
      shell,
      [run('sleep', '30'), run('true'), run('sh', '-c', 'exit 4')],
      { timeoutMs: 1000 },
      without,
    );
    expect(answers.map(answer => answer?.found)).toEqual([
      expect.stringMatching(/^killed \(time limit 1 s\)/),
      'exit code 0',
      'exit code 4',
    ]);
  });

  test('command: a folder that is not there fails', () => {
    const [answer] = look(shell, [run('true')], {}, sh`:`, { path: join(folder, 'none') });
    expect(answer?.state).toBe('fail');
    expect(answer?.found).toContain('none');
  });

  test('pid file: up, gone, a zombie, missing, and nonsense', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    writeFileSync(join(folder, 'up.pid'), `${child.pid}\n`);
    writeFileSync(join(folder, 'up-without-newline.pid'), `${child.pid}`);
    writeFileSync(join(folder, 'nonsense.pid'), '$(reboot)\n');
    const files = ['up.pid', 'up-without-newline.pid', 'missing.pid', 'nonsense.pid', join(folder, 'up.pid')];
    const all = files.map((pidFile): HealthCheck => ({ type: 'process', pidFile }));
    const up = { state: 'pass', found: `process ${child.pid} runs`, life: String(child.pid) };
    expect(look(shell, all, {})).toEqual([
      up,
      up,
      { state: 'fail', found: `there is no ${folder}/missing.pid` },
      { state: 'fail', found: `${folder}/nonsense.pid holds no process id` },
      up,
    ]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(look(shell, all.slice(0, 1), {})).toEqual([
      { state: 'fail', found: `process ${child.pid} of ${folder}/up.pid is gone` },
    ]);
  });

  test.runIf(existsSync('/proc/self/stat'))('pid file: a zombie is gone', async () => {
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $! >zombie.pid; exec sleep 60'], { cwd: folder });
    await vi.waitFor(() => {
      const pid = readFileSync(join(folder, 'zombie.pid'), 'utf8').trim();
      expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ');
    });
    expect(look(shell, [{ type: 'process', pidFile: 'zombie.pid' }], {})[0]?.found).toMatch(/is gone$/);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  });
});
