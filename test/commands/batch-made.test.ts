// A batch notes on the machine which revisions' steps were all made, and forgets it before it begins anew.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sh } from '../../reconciler/commands/command.js';
import { aChange, aStep, batchOf, createScriptMachine, type ScriptMachine } from './batch-machine.js';

let machine: ScriptMachine;
beforeEach(() => {
  machine = createScriptMachine();
});
afterEach(() => machine.remove());

function madeOf(service: string): string {
  const path = join(machine.state, 'steps', `made.${service}`);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

const good = aStep(sh`true`);
const bad = aStep(sh`false`);

test('only what came through all its steps, and only starts', async () => {
  await machine.run(
    batchOf([
      aChange('came', { steps: [good, good], made: 'f1' }),
      aChange('failed', { steps: [good, bad], made: 'f1' }),
      aChange('stop', { steps: [good] }),
    ]),
  );
  expect(['came', 'failed', 'stop'].map(madeOf)).toEqual(['f1\n', '', '']);
});

test('it outlives batches for others, and such as came too late; it is forgotten at the next one for the same service', async () => {
  await machine.run(batchOf([aChange('web', { steps: [good], made: 'f1' })]));
  await machine.run(batchOf([aChange('other', { steps: [good], made: 'f1' })], { id: 'a2' }));
  const stale = aChange('web', { steps: [good], made: 'f2', basis: 'another' });
  expect((await machine.run(batchOf([stale], { id: 'a3' }))).rows).toMatchObject({ 'claim.0': '78' });
  expect(madeOf('web')).toBe('f1\n');
  const basis = createHash('sha256').update('claim of web\n').digest('hex');
  await machine.run(batchOf([aChange('web', { basis, steps: [bad], made: 'f1' })], { id: 'a4' }));
  expect(madeOf('web')).toBe('');
});
