// What who follows is told of a run, in a real world: its plan, each change, how it came out; and nothing where there is nothing to tell.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RunTold } from '../../schema/live.js';
import { deploymentId } from '../../reconciler/loop/record.js';
import { createWorld, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  world.follows = true;
});
afterEach(() => world.close());

function short(told: RunTold): string {
  switch (told.kind) {
    case 'run.planned':
      return `planned ${told.changes.map(one => `${one.wave} ${one.kind} ${one.key}`).join(', ')}`;
    case 'run.ended':
      return `ended ${told.next.next}`;
    case 'deployment.told':
      return `${told.key}: ${told.text}`;
    case 'deployment.ended':
      return `${told.key}: ${told.result}${told.error === undefined ? '' : ` ${told.error.code}`}`;
    case 'step.begun':
    case 'step.ended':
    case 'step.line':
      return '';
    default:
      return told satisfies never;
  }
}

const shorts = () => world.followed.map(short).filter(one => one !== '');

it('a run is told from its plan to its end, under the ids that history has', async () => {
  await world.push({ web: { machine: 'm1' }, api: { machine: 'm1', depends_on: ['web'] } });
  const report = await world.pass();
  expect(shorts()).toEqual([
    'planned 0 create web@m1, 1 create api@m1',
    'web@m1: creating',
    'web@m1: applied',
    'api@m1: creating',
    'api@m1: applied',
    'ended settled',
  ]);
  expect(new Set(world.followed.map(one => one.run))).toEqual(new Set([report.id]));
  const [planned] = world.followed;
  expect(planned).toMatchObject({
    trigger: 'test',
    actor: { by: 'loop' },
    commit: report.commit,
    plan: report.plan?.id,
  });
  const ids = planned?.kind === 'run.planned' ? planned.changes.map(one => one.deployment) : [];
  expect(ids).toEqual([deploymentId(report.id, 'web@m1'), deploymentId(report.id, 'api@m1')]);
  expect((await world.store.deployments({ limit: 9 })).map(one => one.id).toSorted()).toEqual(ids.toSorted());
});

it('each step is told with its beginning and its end, the wait for health last', async () => {
  await world.push(
    { web: { machine: 'm1', source: 'apps/web', command: 'sh run.sh' } },
    { files: { 'apps/web/run.sh': 'exec sleep 1000\n' } },
  );
  const report = await world.pass();
  const steps = world.followed.flatMap(one =>
    one.kind === 'step.begun' || one.kind === 'step.ended' ? [`${one.kind.slice(5)} ${one.what}`] : [],
  );
  const begun = steps.filter(one => one.startsWith('begun')).map(one => one.slice(6));
  expect(begun.at(-1)).toBe('wait until it is healthy');
  expect(steps).toEqual(begun.flatMap(what => [`begun ${what}`, `ended ${what}`]));
  const [outcome] = report.outcomes;
  const own = outcome?.result === 'applied' ? (outcome.steps ?? []).map(one => one.what) : [];
  expect(begun.filter(what => own.includes(what)).length).toBeGreaterThan(1);
});

it('what fails and what is skipped for it are told; a pass that finds nothing to do tells nothing', async () => {
  await world.push({
    web: { machine: 'm1', health: { type: 'command', command: ['false'], deadline: '1s', interval: '1s' } },
    api: { machine: 'm1', depends_on: ['web'] },
  });
  await world.pass();
  expect(shorts()).toEqual([
    'planned 0 create web@m1, 1 create api@m1',
    'web@m1: creating',
    'web@m1: failed gate-failed',
    'api@m1: skipped',
    'ended stalled',
  ]);
  await world.push({});
  await world.pass();
  world.followed.length = 0;
  await world.pass();
  expect(world.followed).toEqual([]);
});

it('nothing is told where nobody follows', async () => {
  world.follows = false;
  await world.push({ web: { machine: 'm1' } });
  await world.pass();
  expect(world.followed).toEqual([]);
});
