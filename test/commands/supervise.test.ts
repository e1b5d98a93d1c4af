// The bare supervisor with real processes, in every shell that is here: start, look, stop, what a pid may turn out to be.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lines, render, sh, type Command } from '../../reconciler/commands/command.js';
import { shells } from './supervise-shells.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import {
  logLimitBytes,
  lookAtSupervised,
  superviseStart,
  superviseStop,
  tailLog,
} from '../../reconciler/commands/supervise.js';

const linux = process.platform === 'linux';

let folder = '';
let shell: (typeof shells)[number] = { name: 'sh', program: 'sh', words: [] };
const strangers: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portoser-supervise-'));
});

afterEach(async () => {
  await run(superviseStop('web', 2000));
  for (const stranger of strangers.splice(0)) {
    const ended = once(stranger, 'exit');
    if (stranger.kill('SIGKILL')) await ended;
  }
  rmSync(folder, { recursive: true });
});

/** As a batch does: a function of one script, on the standard input of a shell. Ends only when no process holds its output. */
async function run(command: Command): Promise<{ code: number | null; out: string }> {
  const settings = { nonce: 'n', sudo: 'never' } as const;
  const script = render(lines([prelude(settings), sh`p_state=${folder}\np_do() {\n${command}\n}\np_do`]));
  const child = spawn(shell.program, [...shell.words, '-s'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stdin.end(script);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out };
}

const log = (): string => join(folder, 'log');
const record = (): string => join(folder, 'supervise', 'web');

async function start(
  script: string,
  more: { restart?: boolean; stopTimeoutMs?: number } = {},
): Promise<{ code: number | null; out: string }> {
  const launcher = join(folder, 'run');
  writeFileSync(launcher, `#!/bin/sh\ncd ${folder} || exit\n${script}\n`);
  const { restart = true, stopTimeoutMs = 5000 } = more;
  return run(
    superviseStart({ service: 'web', user: userInfo().username, launcher, logFile: log(), stopTimeoutMs, restart }),
  );
}

const look = async (): Promise<string> => (await run(lookAtSupervised([{ index: 7, service: 'web' }]))).out.trim();
const state = async (): Promise<string | undefined> => (await look()).split(' ')[2];
const pidNow = (): number => Number(readFileSync(record(), 'utf8').split(' ')[0]);

function alive(pid: number): boolean {
  const found = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return found !== '' && !found.startsWith('Z');
}

async function until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 15_000; !(await probe()); await sleep(20)) {
    if (performance.now() > end) throw new Error(`not in time: ${what}`);
  }
}

const logged = (text: string) =>
  until(`the log says ${text}`, () => existsSync(log()) && readFileSync(log(), 'utf8').includes(text));

describe.each(shells)('$name', one => {
  beforeEach(() => {
    shell = one;
  });

  test('starts in a session of its own, is seen, and stops', async () => {
    expect(await look()).toBe('supervised 7 none - -');
    expect(await start('echo up; exec sleep 300')).toEqual({ code: 0, out: '' });
    await logged('up');
    const pid = pidNow();
    const row = (await look()).split(' ');
    expect(row.slice(0, 4)).toEqual(['supervised', '7', 'running', String(pid)]);
    expect(Number(row[4])).toBeGreaterThan(1_700_000_000);
    const ids = spawnSync('ps', ['-o', 'pgid=,sid=', '-p', String(pid)], { encoding: 'utf8' })
      .stdout.trim()
      .split(/\s+/);
    expect(ids).toEqual([String(pid), String(pid)]);
    expect(await run(superviseStop('web', 5000))).toEqual({ code: 0, out: '' });
    expect(alive(pid)).toBe(false);
    expect(await look()).toBe('supervised 7 none - -');
    expect((await run(superviseStop('web', 5000))).code).toBe(0);
  });

  test('is left running by a start that is no restart, and replaced by one that is', async () => {
    await start('exec sleep 300');
    const pid = pidNow();
    await start('exec sleep 300', { restart: false });
    expect(pidNow()).toBe(pid);
    await start('exec sleep 300');
    expect(pidNow()).not.toBe(pid);
    expect(alive(pid)).toBe(false);
  });

  test('a killed one is gone, and no longer there after its stop', async () => {
    await start('exec sleep 300');
    process.kill(pidNow(), 'SIGKILL');
    await until('it is gone', async () => (await state()) === 'gone');
    await run(superviseStop('web', 1000));
    expect(existsSync(record())).toBe(false);
  });

  test('a whole group that ignores TERM is killed after the time limit', async () => {
    await start('trap "" TERM; (trap "" TERM; sleep 301; sleep 302) & echo "child $!"; while :; do sleep 1; done');
    await logged('child');
    const child = Number(/child (\d+)/.exec(readFileSync(log(), 'utf8'))?.[1]);
    const pid = pidNow();
    expect((await run(superviseStop('web', 300))).code).toBe(0);
    expect([alive(pid), alive(child)]).toEqual([false, false]);
  });

  test.runIf(linux)('what its first process left behind is seen, and ended by a new start', async () => {
    await start('sleep 300 & echo "child $!"; exec sleep 300');
    await logged('child');
    const child = Number(/child (\d+)/.exec(readFileSync(log(), 'utf8'))?.[1]);
    process.kill(pidNow(), 'SIGKILL');
    await until('the rest is seen', async () => (await state()) === 'rest');
    await start('exec sleep 300');
    expect([await state(), alive(child)]).toEqual(['running', false]);
  });

  test('a reused pid is never taken for ours, and its process is left alone', async () => {
    const stranger = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
    strangers.push(stranger);
    await start('exec sleep 300');
    const ours = pidNow();
    writeFileSync(record(), readFileSync(record(), 'utf8').replace(String(ours), String(stranger.pid)));
    expect(await state()).toBe('reused');
    expect((await run(superviseStop('web', 1000))).code).toBe(0);
    expect(alive(stranger.pid ?? 0)).toBe(true);
    process.kill(ours, 'SIGKILL');
  });

  test('a record of an earlier boot, or a broken one, names nobody', async () => {
    await start('exec sleep 300');
    const whole = readFileSync(record(), 'utf8');
    const boot = whole.split(' ')[2] ?? '';
    writeFileSync(record(), whole.replace(boot, 'other-boot'));
    expect(await state()).toBe('gone');
    writeFileSync(record(), 'rubbish\n');
    expect(await state()).toBe('gone');
    writeFileSync(record(), whole);
    expect(await state()).toBe('running');
  });

  test('a large log is put aside at a start, and three are kept', async () => {
    for (const name of ['log', 'log.1', 'log.2', 'log.3']) writeFileSync(join(folder, name), `${name}\n`);
    truncateSync(log(), logLimitBytes + 1);
    await start('echo new; exec sleep 300');
    await logged('new');
    expect(readFileSync(log(), 'utf8')).toBe('new\n');
    expect(statSync(join(folder, 'log.1')).size).toBe(logLimitBytes + 1);
    expect(readFileSync(join(folder, 'log.2'), 'utf8')).toBe('log.1\n');
    expect(readFileSync(join(folder, 'log.3'), 'utf8')).toBe('log.2\n');
    expect(existsSync(join(folder, 'log.4'))).toBe(false);
  });

  test('its log is told', async () => {
    await start('echo one; echo two >&2; exec sleep 300');
    await logged('two');
    expect((await run(tailLog(log(), { follow: false, lines: 1 }))).out).toBe('two\n');
    expect(await run(tailLog(log(), { follow: false, lines: 1, since: '10m' }))).toMatchObject({
      code: 64,
      out: expect.stringContaining('no times') as string,
    });
    expect((await run(tailLog(join(folder, 'none'), { follow: false, lines: 1 }))).code).not.toBeNull();
  });

  test('a log that cannot be written is an error of the start', async () => {
    writeFileSync(join(folder, 'file'), '');
    const launcher = join(folder, 'run');
    const asked = { service: 'web', user: userInfo().username, launcher, stopTimeoutMs: 1000, restart: true };
    const ended = await run(superviseStart({ ...asked, logFile: join(folder, 'file', 'log') }));
    expect(ended.code).toBe(1);
    expect(ended.out).toContain('portoser: it could not be started');
  });
});
