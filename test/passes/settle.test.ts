// What a killed process had begun is looked at by the next pass, told in one line each, and open no longer.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Intent } from '../../schema/journal.js';
import { noteApprovals } from '../../reconciler/loop/approvals.js';
import { editRegistry } from '../../reconciler/loop/edit.js';
import { createWorld, outcomesOf, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

/** As a process wrote it that was killed then. */
function wasKilled(id: string, more: Partial<Intent> = {}): void {
  const intent = { id, to: 'machine', where: 'm1', what: 'batch', keys: ['web@m1'], ...more } as const;
  world.journal.entries.push({ ...intent, at: world.ports.clock.now() - 1000, process: '999999:1' });
}
const open = () => world.journal.entries.filter(one => one.endedAt === undefined).map(one => one.id);
const told = () => world.told.filter(one => one.kind === 'note').map(one => one.text);

it('a change that was not begun is told, and made', async () => {
  await world.push({ web: { machine: 'm1' } });
  wasKilled('dead');
  const report = await world.pass();
  expect(outcomesOf(report)).toEqual(['web@m1 applied create']);
  const text = 'an earlier run was killed while it changed web@m1; web@m1 is not finished, and stands in the plan';
  expect(told()).toEqual([text]);
  expect(report.settled).toMatchObject([{ id: 'dead', process: '999999:1', end: 'again', text }]);
  expect(open()).toEqual([]);
  expect((await world.pass()).settled).toBeUndefined();
});

it('a change that stands is told as done, and nothing is made again', async () => {
  await world.push({ web: { machine: 'm1' } });
  await world.pass();
  wasKilled('dead');
  const report = await world.pass();
  expect([report.outcomes, told()]).toEqual([
    [],
    ['an earlier run was killed while it changed web@m1; m1 shows it done'],
  ]);
  expect(open()).toEqual([]);
});

it('what cannot be told stays open until the machine answers', async () => {
  await world.push({ web: { machine: 'm1' } });
  await world.pass();
  world.down.add('m1');
  wasKilled('dead');
  await world.pass();
  expect([open(), told()]).toEqual([['dead'], []]);
  world.down.clear();
  await world.pass();
  expect([open(), told()]).toHaveLength(2);
  expect(open()).toEqual([]);
});

it('a commit is looked for in the branch, by its id', async () => {
  await world.push({ web: { machine: 'm1' } });
  const change = () => new Map([['registry.yml', JSON.stringify({ cluster: 'c', machines: {}, services: {} })]]);
  await editRegistry(world.ports, { kind: 'service.remove', subject: 'Remove', change });
  const pushed = world.journal.entries.find(one => one.to === 'git');
  wasKilled(pushed?.id ?? '', { to: 'git', where: world.bare, what: 'service.remove', keys: [] });
  wasKilled('never', { to: 'git', where: world.bare, what: 'machine.add', keys: [] });
  await world.pass();
  expect(told()).toEqual([
    `an earlier run was killed while it committed service.remove to ${world.bare}; the commit is in the branch`,
    `an earlier run was killed while it committed machine.add to ${world.bare}; the commit is not in the branch; say it again`,
  ]);
  expect(open()).toEqual([]);
});

it('an approval is looked for where approvals stand', async () => {
  await world.push({ web: { machine: 'm1' } });
  await noteApprovals(world.ports.state, ['aaaa'], { by: 'ada', at: 1 });
  wasKilled('one', { to: 'state', where: 'approvals', what: 'note', keys: ['aaaa'] });
  wasKilled('two', { to: 'state', where: 'approvals', what: 'note', keys: ['bbbb'] });
  expect((await world.pass()).settled?.map(one => one.end)).toEqual(['done', 'gone']);
});
