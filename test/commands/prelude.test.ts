// The functions that every longer script begins with, in real shells.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Command, lines, render, sh } from '../../reconciler/commands/command.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import { createScriptMachine, filesBelow, nonce, type ScriptMachine, user } from './batch-machine.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
let sleeper: ChildProcess | undefined;

/** Ends it, and takes it in as its parent does. */
async function endSleeper(): Promise<void> {
  if (sleeper === undefined) return;
  const closed = once(sleeper, 'close');
  sleeper.kill('SIGKILL');
  await closed;
  sleeper = undefined;
}

beforeEach(() => {
  machine = createScriptMachine();
  mkdirSync(machine.place);
});
afterEach(async () => {
  await endSleeper();
  await machine.remove();
});

const after = (command: Command, sudo: 'auto' | 'never' = 'never') => lines([prelude({ nonce, sudo }), command]);
const instead = (was: string, now: string) => (command: Command) => ({
  words: command.words.map(word => (word.kind === 'syntax' ? { ...word, text: word.text.replaceAll(was, now) } : word)),
});
/** As macOS and BSD have it; ps is the real one. */
const withoutProc = instead('/proc/self/stat', '/nowhere/stat');
/** As `hidepid` has it for processes of others. */
const hidingProc = instead('"/proc/$1/stat"', '"/nowhere/$1/stat"');
const at = (name: string) => join(machine.place, name);

describe.each(shells)('$name', shell => {
  test('p_say frames its words in one line', async () => {
    expect((await machine.run(after(sh`p_say one "two  three" ${"it's"}`), shell)).stdout).toBe(
      `@${nonce} one two  three it's\n`,
    );
  });

  test('p_uid and p_boot_id are those of the machine', async () => {
    const { stdout } = await machine.run(after(sh`echo "$p_uid"; p_boot_id`), shell);
    expect(stdout).toBe(`${process.getuid?.()}\n${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')}`);
  });

  test('p_sha256 hashes files of any name', async () => {
    writeFileSync(at('-n'), 'x');
    writeFileSync(at("it's"), 'x');
    const hash = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881';
    const { stdout } = await machine.run(after(sh`cd ${machine.place} && p_sha256 -n ${"it's"}`), shell);
    expect(stdout).toBe(`${hash}  -n\n${hash}  it's\n`);
  });

  test('p_write_line replaces a file at once, and leaves nothing behind when it cannot', async () => {
    const written = await machine.run(
      after(sh`p_write_line ${at('file')} 'one two' && p_write_line ${at('file')} three`),
      shell,
    );
    expect([written.code, readFileSync(at('file'), 'utf8'), filesBelow(machine.place)]).toEqual([
      0,
      'three\n',
      [at('file')],
    ]);
    const failed = await machine.run(after(sh`p_write_line ${at('no/file')} x 2>/dev/null`), shell);
    expect([failed.code, filesBelow(machine.place)]).toEqual([1, [at('file')]]);
  });

  test('p_as runs as it is for the same user, with words as they are', async () => {
    expect((await machine.run(after(sh`p_as ${user} printf '%s\\n' ${'a  b'} ${'$x'}`), shell)).stdout).toBe(
      'a  b\n$x\n',
    );
  });

  test('p_home_of prints the home folder of a user, and evaluates nothing', async () => {
    const names = [user, `x$(touch ${at('evaluated')})`, '-root', ''];
    const words = lines(names.map(name => sh`p_home_of ${name}; echo " $?"`));
    const { stdout } = await machine.run(after(words), shell);
    expect(stdout).toBe(`${userInfo().homedir} 0\n 1\n 1\n 1\n`);
    expect(filesBelow(machine.place)).toEqual([]);
  });

  describe.each([
    ['as /proc tells', (command: Command) => command],
    ['as ps tells, without /proc', withoutProc],
  ])('p_works, %s', (_, told) => {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const works = async (note: string) => {
      if (note !== '') writeFileSync(at('open'), note);
      return (await machine.run(told(after(sh`p_works ${at('open')} && echo works`)), shell)).stdout === 'works\n';
    };
    /** Notes a process that ends with `machine`; its pid and start. */
    const note = async () => {
      sleeper = spawn('sleep', ['1000'], { stdio: 'ignore' });
      await machine.run(told(after(sh`p_note_works ${at('open')} ${String(sleeper.pid)}`)), shell);
      const [first, start = ''] = readFileSync(at('open'), 'utf8').split('\n');
      expect([first, start === '']).toEqual([`${sleeper.pid} ${boot}`, false]);
      return { pid: sleeper.pid, start };
    };

    test('what was noted works until its process ends', async () => {
      await note();
      expect(await works('')).toBe(true);
      await endSleeper();
      expect(await works('')).toBe(false);
    });

    test('another process with its pid, or another boot, is not it; one of an older version has no start', async () => {
      const { pid, start } = await note();
      expect(await works(`${pid} ${boot}\n${start}0\n`)).toBe(false);
      expect(await works(`${pid} 0${boot}\n${start}\n`)).toBe(false);
      expect(await works(`${pid} ${boot}\n`)).toBe(true);
      expect(await works(`0 ${boot}\n`)).toBe(false);
      expect(await works('\n')).toBe(false);
    });

    test.skipIf(process.getuid?.() !== 0)(
      "another user's process works, too, though it may not be signalled",
      async () => {
        await note();
        const script = render(told(after(sh`p_works ${at('open')} && echo works; kill -0 ${String(sleeper?.pid)}`)));
        chmodSync(machine.home, 0o755);
        const words = ['-u', 'nobody', '--', shell.program, ...shell.words, '-s'];
        const { stdout, status } = spawnSync('runuser', words, { input: script, encoding: 'utf8' });
        expect([stdout, status]).toEqual(['works\n', 1]);
      },
    );
  });

  test.skipIf(process.getuid?.() !== 0)('p_works believes kill where /proc hides the process', async () => {
    sleeper = spawn('sleep', ['1000'], { stdio: 'ignore' });
    await machine.run(after(sh`p_note_works ${at('open')} ${String(sleeper.pid)}`), shell);
    chmodSync(machine.home, 0o755);
    const told = (as: readonly string[]) => {
      const words = [...as, shell.program, ...shell.words, '-s'];
      const input = render(hidingProc(after(sh`p_works ${at('open')}; echo "$?"`)));
      return spawnSync(words[0] ?? '', words.slice(1), { input, encoding: 'utf8' }).stdout;
    };
    const asNobody = ['runuser', '-u', 'nobody', '--'];
    expect([told([]), told(asNobody)]).toEqual(['0\n', '0\n']);
    await endSleeper();
    expect([told([]), told(asNobody)]).toEqual(['1\n', '1\n']);
  });

  test('p_works starts no process where nothing is noted', async () => {
    const tracing = sh`PATH=/nowhere; p_works ${at('none')}; echo "$?"`;
    const { stdout, stderr } = await machine.run(after(tracing), shell);
    expect([stdout, stderr]).toEqual(['1\n', '']);
  });

  test.skipIf(process.getuid?.() !== 0)('p_as another user, as root', async () => {
    chmodSync(machine.home, 0o755);
    const { stdout } = await machine.run(after(sh`p_as nobody sh -c 'id -un; echo "$HOME"'; p_home_of nobody`), shell);
    expect(stdout).toMatch(/^nobody\n(\/\S+)\n\1$/);
    expect((await machine.run(after(sh`p_root id -un; p_as nobody sh -c 'exit 3'`), shell)).code).toBe(3);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'without root, sudo is asked where it is allowed, and refused by a code of its own',
    () => {
      chmodSync(machine.home, 0o755);
      const tools = join(machine.home, 'tools');
      mkdirSync(tools);
      const as = (sudo: 'auto' | 'never', answers: number) => {
        writeFileSync(
          join(tools, 'sudo'),
          `#!/bin/sh\n[ ${answers} = 0 ] || exit 1\n[ "$*" = "-n true" ] || echo "sudo $*"\n`,
        );
        chmodSync(join(tools, 'sudo'), 0o755);
        const script = render(after(sh`p_root touch ${'a b'}; echo "$?"; p_as www-data id; echo "$?"`, sudo));
        const words = [
          '-u',
          'nobody',
          '--',
          'env',
          '-i',
          `PATH=${tools}:${process.env['PATH']}`,
          shell.program,
          ...shell.words,
          '-s',
        ];
        return execFileSync('runuser', words, { input: script, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
      };
      expect(as('auto', 0)).toBe('sudo -n -- touch a b\n0\nsudo -n -H -u www-data -- id\n0\n');
      expect(as('auto', 1)).toBe('77\n77\n');
      expect(as('never', 0)).toBe('77\n77\n');
    },
  );
});
