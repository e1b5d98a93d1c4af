// Steps that join others of their machine: run by a real shell, each after what its own change has to do before it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BatchChange, batchCommand, type BatchStep } from '../../reconciler/commands/batch.js';
import { render, sh } from '../../reconciler/commands/command.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'portoser-batch-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const note = (): string => join(dir, 'note');

function joined(verb: string, unit: string): BatchStep {
  const head = sh`note() { echo "$*" >>${note()}; }; note ${verb}`;
  return {
    phase: 'reload',
    what: verb,
    command: sh`${head} ${unit}`,
    timeLimitMs: 1000,
    merge: { key: verb, head, word: unit },
  };
}

const change = (service: string, steps: readonly BatchStep[]): BatchChange => ({
  service,
  basis: '',
  claim: '{}\n',
  folders: [],
  files: [],
  unlink: [],
  steps,
});

/** What the machine ran, line by line. */
function runBatch(changes: readonly BatchChange[]): readonly string[] {
  const command = batchCommand({
    id: 'a1',
    nonce: 'n0nce',
    sudo: 'never',
    cluster: 'c',
    identity: 'c/root',
    newMachineId: 'm1',
    holder: { controller: 'c1', process: '1:1' },
    gone: '-',
    sshUser: userInfo().username,
    changes,
    timeLimitMs: 20_000,
  });
  const env = { PATH: process.env['PATH'], HOME: dir, XDG_STATE_HOME: dir };
  execFileSync('sh', ['-s'], { input: render(command), env });
  return readFileSync(note(), 'utf8').trim().split('\n');
}

test.each([[['plain', 'masked']], [['masked', 'plain']]])('joined steps keep the order of each change: %j', names => {
  const changes = names.map(name => {
    const steps = name === 'masked' ? ['unmask', 'enable', 'load'] : ['enable', 'load'];
    return change(
      name,
      steps.map(verb => joined(verb, name)),
    );
  });
  const both = names.join(' ');
  expect(runBatch(changes)).toEqual(['unmask masked', `enable ${both}`, `load ${both}`]);
});

test('changes that want it the other way round are all done all the same', () => {
  const one = change('one', [joined('first', 'one'), joined('second', 'one')]);
  const other = change('other', [joined('second', 'other'), joined('first', 'other')]);
  expect(runBatch([one, other]).toSorted()).toEqual(['first one other', 'second one other']);
});

/** `restart` fails when `bad` is among its words, after it has done all of them. */
function restarting(unit: string): BatchStep {
  const head = sh`note() { echo "$*" >>${note()}; case $* in *bad*) return 1;; esac; }; note restart`;
  const step = joined('restart', unit);
  const apart = sh`note() { echo "$*" >>${note()}; }; note start`;
  return { ...step, command: sh`${head} ${unit}`, merge: { key: 'restart', head, word: unit, apart } };
}

test('what fails together is tried alone by words that do not do it twice for the others', () => {
  const changes = ['good', 'bad'].map(name => change(name, [restarting(name)]));
  expect(runBatch(changes)).toEqual(['restart good bad', 'start good', 'start bad']);
});

test('what fails alone is not tried again', () => {
  expect(runBatch([change('bad', [restarting('bad')])])).toEqual(['restart bad']);
});
