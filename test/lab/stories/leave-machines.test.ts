// Machines that are renamed, named twice, claimed from another repository, or leave: what was not named runs on, and the reason is told.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withLab } from '../harness.js';
import { changesOf, freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { evidenceOf, livesOn, startedAt } from './fleet-evidence.js';

const lab = withLab({ hosts: 2 });
const [first, second] = [lab.host(1), lab.host(2)];

const sleeper = (machine: string, name: string): object => ({
  type: 'native',
  machine,
  path: `/opt/${name}`,
  command: 'sleep infinity',
  health: { type: 'command', command: 'true' },
});

/** `near` runs on the first machine, `far` on the second, by whatever names. */
function registryOf(machines: Readonly<Record<string, object>>, near?: string, far?: string): StoryRegistry {
  return {
    cluster: 'machines',
    machines,
    services: {
      ...(near === undefined ? {} : { near: sleeper(near, 'near') }),
      ...(far === undefined ? {} : { far: sleeper(far, 'far') }),
    },
  };
}

const both = registryOf({ m1: labMachine(first), m2: labMachine(second) }, 'm1', 'm2');

let story: Story;

beforeAll(async () => {
  story = await freshStory();
});

afterAll(() => story?.remove());

const started = async (): Promise<readonly number[]> => [
  await startedAt(first, { unit: 'near.service' }),
  await startedAt(second, { unit: 'far.service' }),
];
const lives = async (): Promise<readonly string[]> => [await livesOn(first), await livesOn(second)];
const evidence = async (): Promise<unknown> => [await evidenceOf(first), await evidenceOf(second)];

const machines = async (): Promise<readonly string[]> =>
  (await story.status()).machines.map(one => `${one.machine} ${one.state}`).toSorted();

async function settle(registry: StoryRegistry): Promise<readonly string[]> {
  await story.push(registry);
  const { code, report } = await story.once();
  expect({ code, findings: report.findings, error: report.error }).toEqual({ code: 0, findings: [] });
  return changesOf(report);
}

test('two come up', async () => {
  expect(await settle(both)).toEqual(['far@m2 create missing', 'near@m1 create missing']);
});

test('a renamed machine is an empty plan, and nothing is written there', async () => {
  const before = await evidence();
  expect(await settle(registryOf({ alpha: labMachine(first), m2: labMachine(second) }, 'alpha', 'm2'))).toEqual([]);
  expect(await evidence()).toEqual(before);
  const { machines: seen, placements } = await story.status();
  expect(seen.map(one => `${one.machine} ${one.state}`)).toEqual(['alpha reachable', 'm2 reachable']);
  expect(placements.map(one => `${one.key} ${one.sync}`).toSorted()).toEqual(['far@m2 synced', 'near@alpha synced']);
  expect(await settle(both)).toEqual([]);
  expect(await evidence()).toEqual(before);
});

test('two machines that swap their names, with their services where they are, are no more than renamed', async () => {
  const before = await evidence();
  expect(await settle(registryOf({ m2: labMachine(first), m1: labMachine(second) }, 'm2', 'm1'))).toEqual([]);
  expect(await settle(both)).toEqual([]);
  expect(await evidence()).toEqual(before);
});

describe('one host under two names', () => {
  test.each([
    ['as the same user', {}],
    ['as another user', { user: 'deploy' }],
  ])('%s: blocked, with the names; the other machine is worked on', async (_, more) => {
    const before = await lives();
    const twice = registryOf({ ...both.machines, twin: labMachine(first, more) }, 'm1', 'm2');
    await second.must('systemctl stop far');
    await story.push({ ...twice, services: { ...twice.services, more: sleeper('twin', 'more') } });
    const { code, report } = await story.once();
    expect(code).toBe(1);
    expect(report.outcomes).toMatchObject([{ key: 'far@m2', result: 'applied' }]);
    expect(report.plan?.machines).toMatchObject([
      { machine: 'm1', state: 'blocked', error: { code: 'machine-duplicate' } },
      { machine: 'twin', state: 'blocked', error: { code: 'machine-duplicate' } },
    ]);
    expect(report.findings).toMatchObject(
      ['m1', 'twin'].map(machine => ({
        machine,
        message: 'm1 and twin are one and the same machine',
        hint: 'Remove one of the two entries from the registry.',
      })),
    );
    expect(await livesOn(first)).toBe(before[0]);
    expect(await settle(both)).toEqual([]);
  });

  test('it is seen before anything of ours stands there', async () => {
    const other = await freshStory();
    try {
      const names = { a: labMachine(second), b: labMachine(second, { user: 'deploy' }) };
      await other.push({ cluster: 'fresh', machines: names, services: { new: sleeper('a', 'new') } });
      const { code, report } = await other.once();
      expect({ code, outcomes: report.outcomes }).toEqual({ code: 1, outcomes: [] });
      expect(report.plan?.machines.map(one => one.error?.code)).toEqual(['machine-duplicate', 'machine-duplicate']);
      expect(await second.must('ls /var/lib/portoser/clusters')).toBe('machines\n');
    } finally {
      await other.remove();
    }
  });
});

test('a second repository with the same cluster name is kept out, until it claims a machine', async () => {
  const other = await freshStory();
  try {
    const before = await evidence();
    const theirs = { ...registryOf(both.machines, undefined, 'm2'), services: { mine: sleeper('m2', 'mine') } };
    await other.repo.git('commit', '-q', '--allow-empty', '-m', 'Begin another history');
    await other.push(theirs);
    const { code, report } = await other.once();
    expect({ code, outcomes: report.outcomes }).toEqual({ code: 1, outcomes: [] });
    const root = (await story.repo.git('rev-list', '--max-parents=0', 'HEAD')).slice(0, 12);
    expect(report.findings).toMatchObject(
      ['m1', 'm2'].map(machine => ({
        machine,
        kind: 'blocked',
        message: `on ${machine} the cluster "machines" belongs to the repository that began with ${root}`,
        hint: 'If this repository shall have it, run `portoser machine claim <machine>`; else give this cluster another name.',
      })),
    );
    expect(await evidence()).toEqual(before);
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });

    // Claimed, it is theirs, and the first repository is the one that is kept out.
    expect(await other.cli(['machine', 'claim', 'm2', '--yes'])).toMatchObject({ code: 0 });
    expect((await story.plan()).report.plan?.machines).toMatchObject([
      { machine: 'm2', state: 'blocked', error: { code: 'machine-claimed' } },
    ]);
    expect(await story.cli(['machine', 'claim', 'm2', '--yes'])).toMatchObject({ code: 0 });
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
    expect(await started()).toHaveLength(2);
  } finally {
    await other.remove();
  }
});

describe('a machine leaves', () => {
  const alone = registryOf({ m1: labMachine(first) }, 'm1');

  test('while it cannot be reached it stays listed as leaving, and the others are worked on', async () => {
    const before = await livesOn(first);
    await second.cut();
    await story.push(alone);
    const { report } = await story.once();
    expect(report.outcomes).toEqual([]);
    expect(report.plan?.machines).toMatchObject([
      { machine: 'm2', state: 'leaving', error: { code: expect.any(String) } },
    ]);
    expect(report.findings).toMatchObject([{ machine: 'm2', kind: 'unreachable' }]);
    expect(await machines()).toEqual(['m1 reachable', 'm2 leaving']);
    expect(await livesOn(first)).toBe(before);
    expect(await second.must('systemctl is-active far')).toBe('active\n');
  });

  test('when it answers, what is ours there is stopped, and it is gone from status', async () => {
    const [near] = await started();
    await second.join();
    const { code, report } = await story.once();
    expect({ code, changes: changesOf(report) }).toEqual({ code: 0, changes: ['far@m2 stop orphaned'] });
    expect(await second.must('systemctl is-active far || :; systemctl is-enabled far || :')).toBe(
      'inactive\ndisabled\n',
    );
    expect(await machines()).toEqual(['m1 reachable']);
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0, plan: { machines: [] } } });
    expect(await startedAt(first, { unit: 'near.service' })).toBe(near);
  });

  test('in the registry again, it is taken up again', async () => {
    expect(await settle(both)).toEqual(['far@m2 update stopped']);
    expect(await started()).toHaveLength(2);
  });
});
