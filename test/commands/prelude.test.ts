// The functions that every longer script begins with, in real shells.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Command, lines, render, sh } from '../../reconciler/commands/command.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import { createScriptMachine, filesBelow, nonce, type ScriptMachine, user } from './batch-machine.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
beforeEach(() => {
  machine = createScriptMachine();
  mkdirSync(machine.place);
});
afterEach(() => machine.remove());

const after = (command: Command, sudo: 'auto' | 'never' = 'never') => lines([prelude({ nonce, sudo }), command]);
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
