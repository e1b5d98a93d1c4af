// Hands off and on again, in real shells: what is written beside the stamps, what the probe says of it, and what a batch refuses.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sh } from '../../reconciler/commands/command.js';
import { probeCommand } from '../../reconciler/commands/probe.js';
import { resumeCommand, suspendCommand, type SuspendWords } from '../../reconciler/commands/suspend.js';
import { parseSuspends, suspendHead, wholeMachine } from '../../reconciler/core/suspends.js';
import {
  aChange,
  aStep,
  type Answer,
  batchOf,
  createScriptMachine,
  filesBelow,
  nonce,
  type ScriptMachine,
  until,
} from './batch-machine.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
beforeEach(() => {
  machine = createScriptMachine();
});
afterEach(() => machine.remove());

const common = {
  nonce,
  sudo: 'never',
  cluster: 'c',
  identity: 'root1',
  newMachineId: 'm1',
  id: 'aa',
  holder: { controller: 'c1', process: '1:1' },
  gone: '-',
} as const;
const reason = `it's "broken"; $(touch x) \`y\` ünï`;
const suspending = (names: readonly string[], more: Partial<SuspendWords> = {}) =>
  suspendCommand({ ...common, files: names.map(name => ({ name, head: suspendHead(name, reason, 'ada') })), ...more });
const resuming = (names: readonly string[], more: Partial<typeof common> = {}) =>
  resumeCommand({ ...common, names, ...more });
const probe = () => probeCommand({ nonce, sudo: 'never', cluster: 'c', files: [], own: [], looks: [] });

const file = (name: string) => join(machine.state, 'suspends', name);
const seen = (answer: Answer) => parseSuspends(answer.sections?.find(one => one.name === 'suspends')?.lines ?? []);
const said = (answer: Answer, name: string) => answer.sections?.filter(one => one.name === name).map(one => one.rest);
const over = (name: string) => {
  mkdirSync(join(machine.state, 'suspends'), { recursive: true });
  writeFileSync(file(name), `${suspendHead(name, 'old', 'bob').join('\n')}\nat 1\nuntil 2\nend\n`);
};

describe.each(shells)('$name', shell => {
  test('is written where nothing of ours was yet, and the probe tells it as it was said', async () => {
    const answer = await machine.run(suspending(['web', wholeMachine], { seconds: 3600 }), shell);
    expect([answer.code, answer.stderr, answer.said('suspended')]).toEqual([0, '', '']);
    const found = seen(await machine.run(probe(), shell));
    expect(found.map(({ service, reason: why, by }) => [service, why, by])).toEqual([
      [undefined, reason, 'ada'],
      ['web', reason, 'ada'],
    ]);
    for (const one of found) expect((one.until ?? 0) - one.at).toBe(3600);
    expect(existsSync(join(machine.state, 'lock'))).toBe(false);
    expect(readFileSync(join(machine.state, 'identity'), 'utf8')).toBe('root1\n');
    expect(filesBelow(join(machine.state, 'suspends'))).toEqual([file('_machine'), file('web')]);
  });

  test('replaces an older one, without an end where none is said, and clears away what is over', async () => {
    over('old');
    over('web');
    await machine.run(suspending(['web']), shell);
    expect(seen(await machine.run(probe(), shell))).toMatchObject([{ service: 'web', reason, by: 'ada' }]);
    expect(readFileSync(file('web'), 'utf8')).not.toContain('until');
    expect(existsSync(file('old'))).toBe(false);
  });

  test('is taken back, and what is left is told', async () => {
    await machine.run(suspending(['web', 'db', wholeMachine]), shell);
    over('old');
    const answer = await machine.run(resuming(['web', 'old', 'nobody']), shell);
    expect([answer.code, answer.stderr]).toEqual([0, '']);
    expect([said(answer, 'resumed'), said(answer, 'left')]).toEqual([['web'], ['_machine', 'db']]);
    expect(existsSync(file('web'))).toBe(false);
    expect(existsSync(join(machine.state, 'lock'))).toBe(false);
  });

  test('nothing is made only to take nothing back', async () => {
    const answer = await machine.run(resuming(['web']), shell);
    expect([answer.code, said(answer, 'resumed'), existsSync(machine.state)]).toEqual([0, [], false]);
  });

  test('a batch that did not know of it touches nothing; one whose time is over is no hindrance', async () => {
    const make = (service: string) => aChange(service, { steps: [aStep(sh`touch ${join(machine.home, service)}`)] });
    await machine.run(suspending(['web']), shell);
    over('api');
    const answer = await machine.run(batchOf([make('web'), make('api')]), shell);
    expect([answer.rows['claim.0'], answer.rows['claim.1']]).toEqual(['78', '0']);
    expect(existsSync(join(machine.home, 'web'))).toBe(false);
    expect(existsSync(join(machine.home, 'api'))).toBe(true);
    expect(existsSync(join(machine.state, 'stamps', 'web'))).toBe(false);
  });

  test('a suspended machine refuses all of them', async () => {
    await machine.run(suspending([wholeMachine]), shell);
    expect((await machine.run(batchOf([aChange('web')]), shell)).rows['claim.0']).toBe('78');
  });
});

test('a machine that somebody is changing is left to them', async () => {
  mkdirSync(machine.state, { recursive: true });
  writeFileSync(join(machine.state, 'lock'), `c2 9:90 ${Math.floor(Date.now() / 1000)} 4\n`);
  const answer = await machine.run(suspending(['web']));
  expect([answer.code, answer.said('locked')?.startsWith('c2 9:90')]).toEqual([75, true]);
  expect(existsSync(file('web'))).toBe(false);
});

test.each([
  ['suspend', () => suspending(['web'])],
  ['resume', () => resuming(['db'])],
])('a %s fences off nothing that runs there, be it of the same process', async (_, words) => {
  await machine.run(suspending(['db']));
  const slow = sh`touch ${join(machine.home, 'begun')}; while [ ! -e ${join(machine.home, 'go')} ]; do sleep 0.1; done`;
  const change = aChange('web', { steps: [aStep(slow), aStep(sh`touch ${join(machine.home, 'second')}`)] });
  const running = machine.run(batchOf([change]));
  await until(() => existsSync(join(machine.home, 'begun')));
  const kept = () => ['lock', 'fence'].map(name => readFileSync(join(machine.state, name), 'utf8'));
  const before = kept();
  const answer = await machine.run(words());
  expect([answer.code, answer.said('open'), answer.said('fence')]).toEqual([75, 'a1', undefined]);
  expect([kept(), existsSync(file('web')), existsSync(file('db'))]).toEqual([before, false, true]);
  writeFileSync(join(machine.home, 'go'), '');
  expect((await running).rows).toMatchObject({ '0.0': '0', '0.1': '0', done: '0' });
  expect(existsSync(join(machine.home, 'second'))).toBe(true);
});

test('a machine of another repository is left to it', async () => {
  await machine.run(suspending(['web']));
  const answer = await machine.run(suspending(['db'], { identity: 'root2' }));
  expect([answer.code, answer.said('refused')]).toEqual([73, 'identity root1']);
  expect(existsSync(file('db'))).toBe(false);
});
