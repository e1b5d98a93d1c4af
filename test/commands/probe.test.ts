// The probe in real shells: what it says of files and texts whatever they are called, and that it only reads.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lines, render, sh } from '../../reconciler/commands/command.js';
import { type ProbeAsk, probeCommand, readProbe } from '../../reconciler/commands/probe.js';
import { readFacts, readListeners } from '../../reconciler/core/facts.js';
import { type Answer, answerOf, createScriptMachine, filesBelow, nonce, type ScriptMachine } from './batch-machine.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
beforeEach(() => {
  machine = createScriptMachine();
  mkdirSync(machine.place, { recursive: true });
});
afterEach(() => machine.remove());

const at = (name: string) => join(machine.place, name);
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const probe = (more: Partial<ProbeAsk> = {}) =>
  probeCommand({ nonce, sudo: 'never', cluster: 'c', files: [], own: [], looks: [], ...more });

const linesOf = (answer: Answer, name: string) =>
  (answer.sections ?? [])
    .filter(one => one.name === name)
    .flatMap(one => one.lines)
    .filter(line => line !== '');

/** Path to "mode hash", as the answer tells both. */
function filesOf(answer: Answer): Readonly<Record<string, string>> {
  const modes = new Map(linesOf(answer, 'modes').map(line => [line.slice(line.indexOf(' ') + 1), line.split(' ')[0]]));
  return Object.fromEntries(
    linesOf(answer, 'files').map(line => [line.slice(66), `${modes.get(line.slice(66))} ${line.slice(0, 64)}`]),
  );
}

function stampLines(service: string, lines: readonly string[]): void {
  mkdirSync(join(machine.state, 'stamps'), { recursive: true });
  writeFileSync(join(machine.state, 'stamps', service), `${lines.join('\n')}\n`);
}

const oddNames = ["it's", 'a "b" c', '$HOME', 'ünï ☃', '*', '-n', 'a  b', ' lead', '`x`', '#no', '~'];

describe.each(shells)('$name', shell => {
  test('a machine without a state folder says where it would be, and nothing else of ours', async () => {
    const answer = await machine.run(probe(), shell);
    expect([answer.code, answer.stderr, answer.said('state')]).toEqual([0, '', `- ${machine.state}`]);
    expect(answer.sections?.map(one => one.name)).toEqual([
      'portoser',
      'facts',
      'disks',
      'inodes',
      'listeners',
      'state',
      'files',
      'end',
    ]);
    expect(readFacts(linesOf(answer, 'facts'), linesOf(answer, 'disks'), linesOf(answer, 'inodes'))?.uid).toBe(
      process.getuid?.(),
    );
    expect(Array.isArray(readListeners(linesOf(answer, 'listeners')))).toBe(true);
  });

  test('hashes and modes of files with any name; what is not there has none; a pipe or folder is not opened', async () => {
    for (const name of oddNames) writeFileSync(at(name), name, { mode: 0o640 });
    chmodSync(at('*'), 0o755);
    symlinkSync(at('*'), at('link'));
    mkdirSync(at('folder'));
    execFileSync('mkfifo', [at('pipe')]);
    const files = [...oddNames, 'gone', 'link', 'folder', 'pipe'].map(at);
    const answer = await machine.run(probe({ files, own: [{ path: at('$HOME'), text: false }] }), shell);
    const expected = oddNames.map(name => [at(name), `${name === '*' ? 755 : 640} ${sha256(name)}`]);
    expect(filesOf(answer)).toEqual({ ...Object.fromEntries(expected), [at('link')]: `777 ${sha256('*')}` });
    expect(answer.stderr).toBe('');
  });

  test('more files than one argument list may hold', async () => {
    const long = 'x'.repeat(200);
    const names = Array.from({ length: 500 }, (_, index) => `${long}-${index}`);
    for (const name of names) writeFileSync(at(name), name);
    stampLines(
      'web',
      names.map(name => `file 644 ${'0'.repeat(64)} source ${at(name)}`),
    );
    // With a small stack the system takes 128 KiB of arguments (execve(2)), not 2 MiB.
    const command = lines([sh`ulimit -s 512`, probe({ files: names.map(at) })]);
    const seen = filesOf(await machine.run(command, shell));
    expect(Object.keys(seen)).toHaveLength(500);
    expect(seen[at(names[499] ?? '')]).toBe(`644 ${sha256(names[499] ?? '')}`);
  });

  test('files that only stamps name are looked at too', async () => {
    writeFileSync(at('my file'), 'a');
    writeFileSync(at('own'), 'b');
    stampLines('web', [
      `file 644 ${'0'.repeat(64)} source ${at('my file')}`,
      `own - ${at('own')}`,
      `own ${'1'.repeat(64)} ${at('gone')}`,
    ]);
    const answer = await machine.run(probe(), shell);
    expect(filesOf(answer)).toEqual({ [at('my file')]: `644 ${sha256('a')}`, [at('own')]: `644 ${sha256('b')}` });
    expect(linesOf(answer, 'stamps')).toHaveLength(3);
  });

  test.each([
    ['a line without its end', 'services: {}'],
    ['lines with theirs', 'services:\n  a: {}\n'],
    ['nothing', ''],
    ['empty lines at the end', 'a\n\n\n'],
    ['a line like a frame', '@other say\n@n0 end\n'],
  ])('own texts come as they are: %s', async (_, text) => {
    writeFileSync(at('compose.yaml'), text);
    const own = [
      { path: at('gone'), text: true },
      { path: at('secret'), text: false },
      { path: at('compose.yaml'), text: true },
    ];
    const answer = await machine.run(probe({ own }), shell);
    const section = answer.sections?.find(one => one.name === 'text');
    expect([section?.rest, section?.lines.join('\n')]).toEqual(['1', text]);
  });

  test('each driver looks in a shell of its own', async () => {
    const looks = [
      ['docker', sh`echo one; exit 3`],
      ['native', sh`echo two`],
    ] as const;
    const answer = await machine.run(probe({ looks }), shell);
    expect(answer.sections?.filter(one => one.name === 'look').map(one => [one.rest, ...one.lines])).toEqual([
      ['docker', 'one'],
      ['native', 'two'],
    ]);
    expect(answer.said('end')).toBe('');
  });

  test('says what stands in the state folder', async () => {
    stampLines('web', ['portoser-stamp 1', 'end']);
    stampLines('api', ['portoser-stamp 1', 'end']);
    for (const [name, text] of Object.entries({ machine: 'id1', identity: 'root1', lock: 'c1 1:1 1000 4' }))
      writeFileSync(join(machine.state, name), `${text}\n`);
    const boot = execFileSync('cat', ['/proc/sys/kernel/random/boot_id'], { encoding: 'utf8' }).trim();
    for (const [id, open] of [
      ['runs', `${process.pid} ${boot}`],
      ['ended', `4194304 ${boot}`],
      ['before', `${process.pid} another-boot`],
    ] as const) {
      mkdirSync(join(machine.state, 'steps', id), { recursive: true });
      writeFileSync(join(machine.state, 'steps', id, 'open'), `${open}\n`);
    }
    const answer = await machine.run(probe(), shell);
    expect(answer.said('state')).toBe(`${machine.state} ${machine.state}`);
    expect([answer.said('id'), answer.said('identity'), answer.said('lock')]).toEqual([
      'id1',
      'root1',
      'c1 1:1 1000 4',
    ]);
    expect(answer.sections?.filter(one => one.name === 'open').map(one => one.rest)).toEqual(['runs']);
    expect(linesOf(answer, 'stamps')).toEqual(['portoser-stamp 1', 'end', 'portoser-stamp 1', 'end']);
  });

  test('changes nothing: no file is made, and no time of a file', async () => {
    writeFileSync(at('file'), 'x');
    stampLines('web', ['portoser-stamp 1', `file 644 ${sha256('x')} source ${at('file')}`, 'end']);
    const files = filesBelow(machine.home);
    for (const path of files) utimesSync(path, 1000, 1000);
    const times = () => files.map(path => [statSync(path).mtimeMs, statSync(path).ctimeMs]);
    const before = times();
    await machine.run(probe({ files: [at('file')], own: [{ path: at('file'), text: true }] }), shell);
    expect(filesBelow(machine.home)).toEqual(files);
    expect(times()).toEqual(before);
  });
});

describe('of two state folders', () => {
  test('the one of XDG_STATE_HOME comes before the one of the home folder', async () => {
    const home = join(machine.home, '.local/state/portoser/clusters/c');
    mkdirSync(home, { recursive: true });
    expect((await machine.run(probe())).said('state')).toBe(`${home} ${machine.state}`);
    mkdirSync(machine.state, { recursive: true });
    expect((await machine.run(probe())).said('state')).toBe(`${machine.state} ${machine.state}`);
  });
});

describe.skipIf(process.getuid?.() !== 0)('as another user', () => {
  test.each(shells)('$name: what it may not read has no hash and does no harm; sudo reads it', shell => {
    chmodSync(machine.home, 0o755);
    mkdirSync(at('closed'));
    for (const name of ['open', 'secret', 'closed/in']) writeFileSync(at(name), name);
    chmodSync(at('secret'), 0o600);
    chmodSync(at('closed'), 0o700);
    mkdirSync(join(machine.home, 'tools'));
    // Stands for a sudo that allows just these: a copy of the files' bytes is not needed, the calls are.
    writeFileSync(join(machine.home, 'tools/sudo'), `#!/bin/sh\necho "$*" >>${at('calls')}\nexit 0\n`, { mode: 0o755 });
    writeFileSync(at('calls'), '', { mode: 0o666 });
    chmodSync(at('calls'), 0o666);
    const ask = (sudo: 'auto' | 'never') => {
      const script = render(probe({ sudo, files: ['open', 'secret', 'closed/in', 'gone', 'no/folder'].map(at) }));
      const path = `${join(machine.home, 'tools')}:${process.env['PATH']}`;
      const words = [
        '-u',
        'nobody',
        '--',
        'env',
        '-i',
        `PATH=${path}`,
        `HOME=${machine.home}`,
        shell.program,
        ...shell.words,
        '-s',
      ];
      return answerOf(0, execFileSync('runuser', words, { input: script, encoding: 'utf8' }), '');
    };
    expect(Object.keys(filesOf(ask('never')))).toEqual([at('open')]);
    expect(execFileSync('cat', [at('calls')], { encoding: 'utf8' })).toBe('');
    expect(Object.keys(filesOf(ask('auto')))).toEqual([at('open')]);
    expect(
      execFileSync('cat', [at('calls')], { encoding: 'utf8' })
        .trim()
        .split('\n'),
    ).toEqual([
      '-n true',
      `-n sha256sum -- ${at('closed/in')} ${at('secret')}`,
      `-n stat -c %a %n -- ${at('closed/in')} ${at('secret')}`,
    ]);
  });
});

describe('an answer', () => {
  const whole = '@n portoser 1\n@n facts\nuname Linux\n@n end\n';
  test.each([
    ['whole', whole, true],
    ['with words of a login shell before it', `welcome!\n${whole}`, true],
    ['cut short', whole.slice(0, -4), false],
    ['of another version', whole.replace('portoser 1', 'portoser 2'), false],
    ['of something else', 'sh: not found\n', false],
    ['empty', '', false],
  ])('%s', (_, text, expected) => {
    expect(readProbe(text, 'n') !== undefined).toBe(expected);
  });
});
