// Words of commands: by tables how they are written, by real shells that they arrive as they were.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  display,
  document,
  lines,
  quote,
  render,
  renderBody,
  secret,
  sh,
  text,
} from '../../reconciler/commands/command.js';

const password = secret({ source: 'vault', name: 'secret/web#password' });

describe('sh', () => {
  const rows: readonly [name: string, command: ReturnType<typeof sh>, wire: string][] = [
    ['syntax alone', sh`true && echo $HOME`, 'true && echo $HOME'],
    ['a word', sh`ls ${'a b'}`, "ls 'a b'"],
    ['a word that needs no quotes', sh`ls ${'/srv/a-b_c.d:e@f'}`, 'ls /srv/a-b_c.d:e@f'],
    ['an empty word', sh`test ${''}`, "test ''"],
    ['a quote', sh`echo ${"it's"}`, "echo 'it'\\''s'"],
    ['a number', sh`exit ${3}`, 'exit 3'],
    ['a list', sh`docker ${['compose', 'up', 'a b']}`, "docker compose up 'a b'"],
    ['an empty list', sh`true ${[]}`, 'true '],
    ['lists in lists', sh`x ${['a', [], ['b', [1, 'c d']]]}`, "x a b 1 'c d'"],
    ['a command', sh`if ${sh`test -e ${'a b'}`}; then :; fi`, "if test -e 'a b'; then :; fi"],
    ['words in a list', sh`x ${[text('$A'), sh`"$B"`]}`, `x '$A' "$B"`],
    ['dollar, backtick, backslash', sh`echo ${'$(reboot) `id` \\'}`, "echo '$(reboot) `id` \\'"],
    ['no assignment', sh`${'A=b'} ${'x'}`, "'A=b' x"],
    ['no grammar', sh`${'time'} ${'if'}`, "'time' 'if'"],
    ['an option with a value', sh`x ${'--a=b'}`, 'x --a=b'],
  ];
  it.each(rows)('%s', (_name, command, wire) => expect(renderBody(command)).toBe(wire));

  it('puts commands on lines of their own', () => {
    expect(renderBody(lines([sh`a`, sh`b ${'c d'}`]))).toBe("a\nb 'c d'\n");
  });

  it('refuses NUL, which no argument can hold', () => {
    expect(() => quote('a\0b')).toThrow(TypeError);
    expect(() => render(sh`echo ${'\0'}`)).toThrow(TypeError);
  });
});

describe('secrets', () => {
  it('are revealed on the wire and masked for people, whatever they hold', () => {
    const command = sh`PASSWORD=${password}; export PASSWORD`;
    expect(renderBody(command, () => "a'b")).toBe("PASSWORD='a'\\''b'; export PASSWORD");
    expect(display(command)).toBe('PASSWORD=***; export PASSWORD');
  });

  it('are asked for by their reference, and refused without a source', () => {
    const asked: unknown[] = [];
    renderBody(sh`x ${password}`, reference => {
      asked.push(reference);
      return 'v';
    });
    expect(asked).toEqual([{ source: 'vault', name: 'secret/web#password' }]);
    expect(() => render(sh`x ${password}`)).toThrow('vault:secret/web#password');
  });
});

describe('display', () => {
  it('replaces what a terminal would obey', () => {
    expect(display(sh`echo ${'\u001b[2J\u009b\u202etxt\ttab'}`)).toBe("echo '\uFFFD[2J\uFFFD\uFFFDtxt\ttab'");
  });

  it('names documents with their size', () => {
    for (const size of [0, 1, 2, 3, 1000]) {
      expect(display(sh`cat ${document('unit', Buffer.alloc(size))}`)).toBe(`cat <(unit, ${size} bytes)`);
    }
  });
});

const shells = (
  [
    ['dash', ['-s']],
    ['bash', ['-s']],
    ['busybox', ['sh', '-s']],
    ['zsh', ['--emulate', 'sh', '-s']],
    ['/bin/sh', ['-s']],
  ] as const
).filter(([program]) => spawnSync(program, ['-c', 'true']).error === undefined);

function runIn(program: string, words: readonly string[], script: string): { status: number | null; stdout: Buffer } {
  const { status, stdout } = spawnSync(program, words, { input: script, maxBuffer: 64 * 1024 * 1024 });
  return { status, stdout };
}

const nasty = [
  '',
  ' ',
  '\n',
  "'",
  '"',
  '\\',
  '$HOME',
  '`id`',
  '*',
  '~',
  '-n',
  '--',
  '#a',
  'a=b',
  '!',
  '{',
  '%s',
  '\u00e9',
  '\u{1f600}',
  '\u0001\u007f\r',
];
const word = fc.oneof(
  fc.string({ unit: 'binary' }).filter(value => !value.includes('\0')),
  fc.string({ unit: 'grapheme-ascii' }),
  fc.constantFrom(...nasty),
  fc.array(fc.constantFrom(...nasty)).map(parts => parts.join('')),
);

const folder = mkdtempSync(join(tmpdir(), 'portoser-command-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(shells)('%s', (program, options) => {
  it('gets every word as it was', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 40 }), words => {
        const got = runIn(program, options, render(sh`printf ${'%s\\0'} ${words}`));
        expect(got.status).toBe(0);
        expect(got.stdout).toEqual(Buffer.from(words.map(one => `${one}\0`).join('')));
      }),
      { numRuns: 40 },
    );
  });

  it('gets words exactly at the start of a command too', () => {
    for (const name of ['A=b', 'until', 'if', '{', '!', '-x', '~', '#', 'a b']) {
      const got = runIn(program, options, render(sh`${name} >/dev/null 2>&1; echo $?`));
      expect([name, got.stdout.toString()]).toEqual([name, '127\n']);
    }
  });

  it('gets documents byte by byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), bytes => {
        const got = runIn(program, options, render(sh`cat ${document('bytes', bytes)}`));
        expect(Buffer.from(got.stdout.toString(), 'base64')).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 30 },
    );
  });

  it('runs nothing of a script that was cut short, wherever', () => {
    const [first, last] = [join(folder, 'first'), join(folder, 'last')];
    const command = sh`: >${first}
cat >/dev/null ${document('bytes', Buffer.alloc(100, 'x'))}
if true; then echo ${"it's"}; fi
: >${last}`;
    const script = Buffer.from(render(command));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: script.length - 2 }), length => {
        runIn(program, options, script.subarray(0, length).toString());
        expect([existsSync(first), existsSync(last)]).toEqual([false, false]);
      }),
      { numRuns: 60, examples: Array.from({ length: 48 }, (_, index) => [script.length - 2 - index]) },
    );
    expect(runIn(program, options, script.toString()).status).toBe(0);
    expect([existsSync(first), existsSync(last)]).toEqual([true, true]);
    rmSync(first);
    rmSync(last);
  });

  it('hands on the exit code, and gives commands an empty standard input', () => {
    const got = runIn(program, options, render(sh`cat; umask; exit 7`));
    expect([got.status, got.stdout.toString().trim()]).toEqual([7, expect.stringMatching(/^0*22$/)]);
  });
});
