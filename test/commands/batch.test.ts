// Batches in real shells: claims, files, steps, outcomes of each change, and what happens when something ends them.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lines, sh } from '../../reconciler/commands/command.js';
import { fileWords } from '../../reconciler/commands/files.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import {
  aBatch,
  aChange,
  aStep,
  batchOf,
  createScriptMachine,
  filesBelow,
  finishOf,
  nonce,
  type ScriptMachine,
  stampIn,
  user,
} from './batch-machine.js';
import { readBatch } from '../../reconciler/loop/batch-result.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
beforeEach(() => {
  machine = createScriptMachine();
});
afterEach(() => machine.remove());

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const at = (name: string) => join(machine.place, name);
const put = (path: string, text: string | Uint8Array, mode = 0o644) => ({
  path,
  mode,
  owner: user,
  bytes: Buffer.from(text),
});
const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);
const leftovers = () => filesBelow(machine.home).filter(path => path.includes('.portoser-new.'));

describe.each(shells)('$name', shell => {
  test('claims, folders, files with their modes, steps in the order of phases, and no trace of the way there', async () => {
    const odd = 'it\'s "odd" $HOME \\ ünï `x`.txt';
    const bytes = Buffer.from([0, 1, 2, 255, 10, 13, 39, 0]);
    const change = aChange('web', {
      folders: [{ path: at('web'), owner: user }],
      files: [
        put(at('web/run'), '#!/bin/sh\n', 0o755),
        put(at(`web/deep/er/${odd}`), bytes, 0o600),
        put(at('web/empty'), ''),
      ],
      steps: [
        aStep(sh`echo start >>${at('order')}`),
        aStep(sh`test -x ${at('web/run')} && echo setup >>${at('order')}`, { phase: 'setup' }),
        aStep(sh`mkdir -p ${machine.place}; echo prepare >>${at('order')}`, { phase: 'prepare' }),
        aStep(sh`test ! -e ${at('web/run')} && echo stop >>${at('order')}`, { phase: 'stop' }),
      ],
    });
    const answer = await machine.run(batchOf([change]), shell);
    expect(answer.rows).toMatchObject({
      'claim.0': '0',
      'land.claim': '0',
      'files.0': '0',
      'land.files': '0',
      done: '0',
    });
    expect(answer.said('fence')).toBe('1.a1');
    expect(readFileSync(at('order'), 'utf8')).toBe('prepare\nstop\nsetup\nstart\n');
    expect(stampIn(machine, 'web')).toBe('claim of web\n');
    expect(readFileSync(at(`web/deep/er/${odd}`)).equals(bytes)).toBe(true);
    expect([
      modeOf(at('web/run')),
      modeOf(at(`web/deep/er/${odd}`)),
      modeOf(join(machine.state, 'stamps/web')),
    ]).toEqual(['755', '600', '644']);
    expect(readFileSync(at('web/empty'), 'utf8')).toBe('');
    expect(leftovers()).toEqual([]);
    expect(answer.stderr).toBe('');
  });

  test('a failing step ends its own change and no other', async () => {
    const changes = [
      aChange('bad', {
        files: [put(at('bad/file'), 'x')],
        steps: [aStep(sh`echo why >&2; exit 3`, { phase: 'setup' }), aStep(sh`touch ${at('never')}`)],
      }),
      aChange('good', { files: [put(at('good/file'), 'y')], steps: [aStep(sh`touch ${at('good/started')}`)] }),
    ];
    const answer = await machine.run(batchOf(changes), shell);
    expect(answer.rows).toMatchObject({ '0.0': '3', '1.0': '0', done: '0' });
    expect(answer.rows['0.1']).toBeUndefined();
    expect(answer.sections?.find(one => one.name === 'output' && one.rest === '0.0')?.lines[0]).toBe('why');
    expect([existsSync(at('never')), existsSync(at('good/started'))]).toEqual([false, true]);
  });

  test('a file that cannot be put down fails its change; what was staged of it is taken back', async () => {
    mkdirSync(at('bad/file'), { recursive: true });
    const changes = [
      aChange('bad', {
        files: [put(at('bad/other'), 'x'), put(at('bad/file'), 'x')],
        unlink: [],
        steps: [aStep(sh`touch ${at('never')}`)],
      }),
      aChange('good', { files: [put(at('good/file'), 'y')] }),
    ];
    const answer = await machine.run(batchOf(changes), shell);
    expect(answer.rows).toMatchObject({ 'files.0': '1', 'files.1': '0', 'land.files': '0' });
    expect(filesBelow(machine.place)).toEqual([at('good/file')]);
    expect(leftovers()).toEqual([]);
  });

  test('merged steps are one command; when it fails, word by word, so that each change has its own outcome', async () => {
    const head = sh`p_try() { echo "$*" >>${at('calls')}; for p_w do case $p_w in bad*) return 4;; esac; done; }; mkdir -p ${machine.place}; p_try`;
    const changes = ['one', 'bad one', 'two'].map(word =>
      aChange(word.replace(' ', '-'), {
        steps: [aStep(sh`false`, { merge: { key: 'k', head, word } }), aStep(sh`echo ${word} >>${at('after')}`)],
      }),
    );
    const answer = await machine.run(batchOf(changes), shell);
    expect(readFileSync(at('calls'), 'utf8')).toBe('one bad one two\none\nbad one\ntwo\n');
    expect(answer.rows).toMatchObject({ '0.0': '0', '1.0': '4', '2.0': '0' });
    expect(readFileSync(at('after'), 'utf8')).toBe('one\ntwo\n');
  });

  test('a stamp that is not the one of the plan is stale, and only its own change is left out', async () => {
    mkdirSync(join(machine.state, 'stamps'), { recursive: true });
    writeFileSync(join(machine.state, 'stamps/changed'), 'by another\n');
    writeFileSync(join(machine.state, 'stamps/new'), 'unknown\n');
    writeFileSync(join(machine.state, 'stamps/same'), 'as known\n');
    const steps = [aStep(sh`mkdir -p ${machine.place}; echo x >>${at('ran')}`)];
    const changes = [
      aChange('changed', { basis: sha256('as known\n'), steps }),
      aChange('new', { steps }),
      aChange('same', { basis: sha256('as known\n'), steps }),
      aChange('gone', { basis: sha256('was there\n'), steps }),
    ];
    const answer = await machine.run(batchOf(changes), shell);
    expect(answer.rows).toMatchObject({
      'claim.0': '78',
      'claim.1': '78',
      'claim.2': '0',
      'claim.3': '78',
      '2.0': '0',
    });
    expect(readFileSync(at('ran'), 'utf8')).toBe('x\n');
    expect(stampIn(machine, 'changed')).toBe('by another\n');
    expect(stampIn(machine, 'same')).toBe('claim of same\n');
  });

  test('a raised fence stops what has not begun', async () => {
    const raise = sh`echo 9.other >${join(machine.state, 'fence')}`;
    const changes = [
      aChange('web', {
        files: [put(at('web/file'), 'x')],
        steps: [aStep(raise, { phase: 'stop' }), aStep(sh`touch ${at('never')}`)],
      }),
    ];
    const answer = await machine.run(batchOf(changes), shell);
    expect(answer.rows).toMatchObject({ '0.0': '0', 'files.0': '76', 'land.files': '76' });
    expect(filesBelow(machine.place)).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  test('files that left git are unlinked, those that are gone already do no harm', async () => {
    mkdirSync(at('web'), { recursive: true });
    writeFileSync(at('web/old'), 'x');
    writeFileSync(at('web/theirs'), 'x');
    const answer = await machine.run(
      batchOf([aChange('web', { unlink: [at('web/old'), at('web/gone'), at('nowhere/at/all')] })]),
      shell,
    );
    expect(answer.rows).toMatchObject({ 'files.0': '0', done: '0' });
    expect(filesBelow(machine.place)).toEqual([at('web/theirs')]);
  });

  test('finishes with final stamps, forgets what is gone, and releases the lock', async () => {
    const before = await machine.run(batchOf([aChange('web'), aChange('gone')]), shell);
    expect(existsSync(join(machine.state, 'lock'))).toBe(true);
    const finish = {
      fence: before.said('fence') ?? '',
      stamps: [{ service: 'web', text: 'final\n' }],
      forget: ['gone'],
    };
    const answer = await machine.run(finishOf(finish), shell);
    expect([answer.code, answer.said('end')]).toEqual([0, '']);
    expect(stampIn(machine, 'web')).toBe('final\n');
    expect([existsSync(join(machine.state, 'stamps/gone')), existsSync(join(machine.state, 'lock'))]).toEqual([
      false,
      false,
    ]);
    expect(leftovers()).toEqual([]);
  });

  test('when it is finished nothing is left of its steps, nor of what it made where a stamp says it now', async () => {
    const made = (service: string) => aChange(service, { steps: [aStep(sh`true`)], made: 'f1' });
    await machine.run(batchOf([made('web'), made('unseen')]), shell);
    await machine.run(finishOf({ stamps: [{ service: 'web', text: 'final\n' }], forget: [] }), shell);
    expect(filesBelow(join(machine.state, 'steps'))).toEqual([join(machine.state, 'steps/made.unseen')]);
    expect(existsSync(join(machine.state, 'steps/a1'))).toBe(false);
  });

  test('finishes nothing when another controller took over', async () => {
    await machine.run(batchOf([aChange('web')]), shell);
    writeFileSync(join(machine.state, 'fence'), '2.zz\n');
    const answer = await machine.run(finishOf({ stamps: [{ service: 'web', text: 'final\n' }], forget: [] }), shell);
    expect([answer.code, answer.said('fenced')]).toEqual([76, '2.zz']);
    expect(stampIn(machine, 'web')).toBe('claim of web\n');
  });

  test("nor when another takes over while it writes: the lock is that one's by then", async () => {
    await machine.run(batchOf([aChange('web'), aChange('gone')]), shell);
    const finish = finishOf({ stamps: [{ service: 'web', text: 'final\n' }], forget: ['gone'] });
    const overtaken = sh`chmod() { echo 2.zz >${join(machine.state, 'fence')}; command chmod "$@"; }\n`;
    const answer = await machine.run(lines([overtaken, finish]), shell);
    expect([answer.code, answer.said('fenced')]).toEqual([76, '2.zz']);
    expect(['web', 'gone'].map(one => stampIn(machine, one))).toEqual(['claim of web\n', 'claim of gone\n']);
    expect(filesBelow(join(machine.state, 'stamps'))).toHaveLength(2);
    expect(existsSync(join(machine.state, 'lock'))).toBe(true);
  });

  test('a folder that somebody else makes at the same moment is as good as ours', async () => {
    const slower = sh`mkdir() { command mkdir "$@"; command mkdir "$@"; }\n`;
    const folder = sh`if p_folder ${at('apps/web')} ${user}; then p_say made; fi\np_say end`;
    const settings = prelude({ nonce, sudo: 'never' });
    const answer = await machine.run(lines([settings, sh`p_say portoser 1`, fileWords(), slower, folder]), shell);
    expect(answer.said('made')).toBe('');
    expect(existsSync(at('apps/web'))).toBe(true);
  });

  test('another repository has the name here: nothing is touched', async () => {
    mkdirSync(machine.state, { recursive: true });
    writeFileSync(join(machine.state, 'identity'), 'other\n');
    const answer = await machine.run(batchOf([aChange('web', { steps: [aStep(sh`touch ${at('never')}`)] })]), shell);
    expect([answer.code, answer.said('refused')]).toEqual([73, 'identity other']);
    expect(filesBelow(join(machine.state, 'stamps'))).toEqual([]);
  });
});

const root = process.getuid?.() === 0;

describe.skipIf(!root)('as root', () => {
  test('gives files and new folders to the run-as user, and leaves the owner of folders that stood there', async () => {
    mkdirSync(machine.place, { recursive: true });
    const change = aChange('web', {
      folders: [{ path: at('web'), owner: 'nobody' }],
      files: [{ ...put(at('web/conf/a'), 'x', 0o640), owner: 'nobody' }],
    });
    expect((await machine.run(batchOf([change]))).rows).toMatchObject({ 'files.0': '0', done: '0' });
    const nobody = Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }));
    expect([at('web'), at('web/conf'), at('web/conf/a')].map(path => statSync(path).uid)).toEqual([
      nobody,
      nobody,
      nobody,
    ]);
    expect(statSync(machine.place).uid).toBe(0);
    expect(modeOf(at('web/conf/a'))).toBe('640');
  });

  test.each(shells)('$name: on a full disk nothing is written half, and the failure is clear', async shell => {
    mkdirSync(machine.place, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', machine.place]);
    try {
      writeFileSync(at('file'), 'old');
      const batch = aBatch([
        aChange('big', { files: [put(at('file'), 'x'.repeat(400_000))] }),
        aChange('small', { files: [put(at('small'), 'y')] }),
      ]);
      const answer = await machine.run(batchOf(batch.changes), shell);
      const reading = readBatch(answer.sections, { batch, machine: 'm1', steps: [] });
      expect([...(reading?.failures ?? [])].map(([index, { error }]) => [index, error.code])).toEqual([
        [0, 'machine-disk-full'],
      ]);
      expect(readFileSync(at('file'), 'utf8')).toBe('old');
      expect(filesBelow(machine.place)).toEqual([at('file'), at('small')]);
    } finally {
      execFileSync('umount', [machine.place]);
    }
  });

  test.each(shells)('$name: a full state folder refuses before anything is touched', async shell => {
    mkdirSync(machine.state, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', machine.state]);
    try {
      await machine.run(batchOf([]), shell);
      execFileSync('sh', ['-c', 'cat /dev/zero >"$0/filler" 2>/dev/null; true', machine.state]);
      const batch = aBatch([aChange('web', { files: [put(at('web/file'), 'x')] })], { id: 'a2' });
      const answer = await machine.run(batchOf(batch.changes, batch), shell);
      const reading = readBatch(answer.sections, { batch, machine: 'm1', steps: [] });
      expect(reading?.refused?.code).toBe('machine-disk-full');
      expect(existsSync(at('web/file'))).toBe(false);
      expect(filesBelow(machine.state).filter(path => /new|old\./.test(path))).toEqual([]);
    } finally {
      execFileSync('umount', [machine.state]);
    }
  });

  test('without root and sudo, what only root may write is refused by name', async () => {
    chmodSync(machine.home, 0o755);
    const state = join(machine.home, 'theirs');
    mkdirSync(state);
    execFileSync('chown', ['nobody', state]);
    const script = join(machine.home, 'script');
    const { render } = await import('../../reconciler/commands/command.js');
    const batch = aBatch([{ ...aChange('web', { files: [put('/etc/portoser-test-never', 'x')] }) }], {
      sshUser: 'nobody',
    });
    writeFileSync(script, render(batchOf(batch.changes, batch)), { mode: 0o644 });
    const words = [
      '-u',
      'nobody',
      '--',
      'env',
      `XDG_STATE_HOME=${state}`,
      `HOME=${state}`,
      'sh',
      '-c',
      `exec sh -s <${script}`,
    ];
    const out = execFileSync('runuser', words, { encoding: 'utf8' });
    expect(out).toMatch(/^files\.0 77$/m);
    expect(existsSync('/etc/portoser-test-never')).toBe(false);
  });
});
