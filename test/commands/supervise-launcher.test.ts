// The launcher, run by every shell that is here: its environment, its env files, its program, its Python set-up.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { shells } from './supervise-shells.js';
import { launcherText, type LauncherWish } from '../../reconciler/commands/supervise-launcher.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portoser launcher '));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
}

function launch(shell: (typeof shells)[number], wish: Partial<LauncherWish>, mode?: 'setup' | 'mend'): Ended {
  const file = join(folder, 'run');
  writeFileSync(file, launcherText({ folder, command: ['env', '-0'], env: {}, envFiles: [], ...wish }));
  const words = [...shell.words, file, ...(mode === undefined ? [] : [mode])];
  const path = `${join(folder, 'tools')}:${process.env['PATH'] ?? ''}`;
  const ended = spawnSync(shell.program, words, { encoding: 'utf8', env: { PATH: path, HOME: folder } });
  return { code: ended.status, out: `${ended.stdout}${ended.stderr}` };
}

function program(name: string, text: string): void {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** A uv that says how it was called, and with what environment. */
const tellingUv = 'echo "uv $*" "offline=$UV_OFFLINE"';

describe.each(shells)('$name', shell => {
  const variables = (wish: Partial<LauncherWish>): Record<string, string> =>
    Object.fromEntries(
      launch(shell, wish)
        .out.split('\0')
        .flatMap(entry => {
          const at = entry.indexOf('=');
          return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)]] : [];
        }),
    );

  test('hands on every character of env', () => {
    const env = { A: `it's "$HOME" \`x\` \\n ü`, B: 'one\ntwo', C: '', PORT: '8080' };
    expect(variables({ env })).toMatchObject(env);
  });

  test('reads env files without running them; later wins, env wins over all', () => {
    const text = [
      '# comment',
      'PLAIN=a b # c',
      '  export SPACED = "x \\"y\\" \\$HOME \\`z\\` \\\\ \\q" # foo',
      String.raw`SINGLE='it # $HOME \n'`,
      'MULTI="one',
      String.raw`two\nthree"`,
      "QUOTED='one",
      "two'",
      'HASH=a#b',
      'EMPTY=',
      'EMPTY_TOO=""',
      'BAD-NAME=x',
      'no equals sign',
      'OVER=first',
      'WINS=file',
      `TRICK=$(touch ${folder}/ran)\`touch ${folder}/ran\`;touch ${folder}/ran`,
      'CR="q"\r',
      'LAST=no newline',
    ].join('\n');
    writeFileSync(join(folder, '.env'), text);
    writeFileSync(join(folder, 'more.env'), 'OVER=second\n');
    const found = variables({ env: { WINS: 'env' }, envFiles: [join(folder, '.env'), join(folder, 'more.env')] });
    expect(found).toMatchObject({
      PLAIN: 'a b',
      SPACED: 'x "y" $HOME `z` \\ \\q',
      SINGLE: 'it # $HOME \\n',
      MULTI: 'one\ntwo\nthree',
      QUOTED: 'one\ntwo',
      HASH: 'a#b',
      EMPTY: '',
      EMPTY_TOO: '',
      OVER: 'second',
      WINS: 'env',
      CR: 'q',
      LAST: 'no newline',
    });
    expect(found['TRICK']).toContain('$(touch');
    expect(Object.keys(found)).not.toContain('BAD-NAME');
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });

  test('an env file that is not there is told', () => {
    const file = join(folder, 'none.env');
    expect(launch(shell, { envFiles: [file] })).toEqual({ code: 66, out: `portoser: file-missing ${file}\n` });
  });

  test.each([[['./bin/say', 'a b', '$X', '']], [['bin/say', 'a b', '$X', '']], [['say', 'a b', '$X', '']]])(
    '%j is found in its folder, with its words as they are',
    command => {
      const name = command[0]?.replace('./', '') ?? '';
      program(name, `printf '[%s]' "$0" "$PWD" "$@"`);
      expect(launch(shell, { command }).out).toBe(`[${folder}/${name}][${folder}][a b][$X][]`);
    },
  );

  test('a program that is nowhere fails the set-up', () => {
    expect(launch(shell, { command: ['no-such-program'] }, 'setup')).toEqual({
      code: 127,
      out: 'portoser: program-missing no-such-program\n',
    });
    expect(launch(shell, { command: ['sh'] }, 'setup')).toEqual({ code: 0, out: '' });
  });

  describe('with uv', () => {
    const wish = { command: ['sh', '-c', 'exit 0'], env: { UV_OFFLINE: '1' }, python: { unlocked: false } };
    beforeEach(() => program('tools/uv', tellingUv));

    test.each([
      [['pyproject.toml', 'uv.lock'], 'setup', 'uv sync --frozen offline=1\n'],
      [['pyproject.toml'], 'setup', 'uv sync offline=1\n'],
      [['pyproject.toml', 'uv.lock'], undefined, 'uv run --frozen --no-sync -- sh -c exit 0 offline=1\n'],
      [['pyproject.toml'], undefined, 'uv run --no-sync -- sh -c exit 0 offline=1\n'],
      [
        ['requirements.txt'],
        'setup',
        'uv venv .venv offline=1\nuv pip sync --python .venv/bin/python requirements.txt offline=1\n',
      ],
      [[], 'setup', ''],
      [[], undefined, ''],
    ] as const)('%j, %s: %s', (names, mode, out) => {
      for (const name of names) writeFileSync(join(folder, name), '');
      expect(launch(shell, wish, mode)).toEqual({ code: 0, out });
    });

    test('a lock of the app itself is followed, not frozen', () => {
      for (const name of ['pyproject.toml', 'uv.lock']) writeFileSync(join(folder, name), '');
      expect(launch(shell, { ...wish, python: { unlocked: true } }, 'setup').out).toBe('uv sync offline=1\n');
    });

    test('a command that is uv already is not wrapped', () => {
      writeFileSync(join(folder, 'pyproject.toml'), '');
      expect(launch(shell, { ...wish, command: ['uv', 'run', 'serve'] }).out).toBe('uv run serve offline=1\n');
    });

    test('mending leaves an environment that works alone', () => {
      writeFileSync(join(folder, 'pyproject.toml'), '');
      program('.venv/bin/python', 'exit 0');
      expect(launch(shell, wish, 'mend').out).toBe('');
      program('.venv/bin/python', 'exit 1');
      expect(launch(shell, wish, 'mend').out).toBe('uv sync offline=1\n');
    });

    test('a set-up that fails says so, and keeps no lock that it made', () => {
      program('tools/uv', 'touch uv.lock; exit 3');
      writeFileSync(join(folder, 'pyproject.toml'), '');
      expect(launch(shell, wish, 'setup')).toEqual({ code: 1, out: 'portoser: uv-failed\n' });
      expect(existsSync(join(folder, 'uv.lock'))).toBe(false);
    });

    test('a native service is never set up by uv', () => {
      writeFileSync(join(folder, 'pyproject.toml'), '');
      expect(launch(shell, { command: wish.command }, 'setup').out).toBe('');
    });
  });

  test('no uv where one is needed', () => {
    writeFileSync(join(folder, 'pyproject.toml'), '');
    const wish = { env: { PATH: '/nowhere' }, command: ['true'], python: { unlocked: false } };
    expect(launch(shell, wish, 'setup')).toEqual({ code: 69, out: 'portoser: uv-missing\n' });
  });
});
