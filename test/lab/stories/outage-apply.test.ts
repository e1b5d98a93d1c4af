// Hosts that are cut off or crash, before and during a change: the others finish, and back again each gets one change, to the newest commit.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StatusReport } from '../../../schema/status.js';
import { eventually, withLab, type Host } from '../harness.js';
import { freshStory, labMachine, untilApplied, type Controller, type Story, type StoryRegistry } from '../story.js';
import { startedAt } from './fleet-evidence.js';
import { server, setUp, standing, words } from './outage-ground.js';

/** Which version comes when: the change that is hit, two more while the host is away, of which it must never see the first. */
const versions = { first: 1, hit: 2, skipped: 3, newest: 4 } as const;
type Version = (typeof versions)[keyof typeof versions];

interface Outage {
  readonly title: string;
  readonly by: 'cut' | 'crash';
  /** What makes the change stop on the host at a point of its own; absent: the host goes before the change. */
  readonly holds?: '/run/hold' | '/run/hold-sync' | '/run/closed';
  /** What the host noted by the time it goes, or a file that is there then. */
  readonly point?: { readonly noted: string } | { readonly file: string };
  /** How it comes back; what the host had noted then. Default: powered on, or let through again. */
  readonly back?: (far: Far) => Promise<void>;
  /** Words on the host from the first to the last version. */
  readonly words: readonly string[];
  /** No newer commit for it. */
  readonly stays?: true;
}

/** The step ends while the host is cut off. */
async function endThenJoin(far: Far): Promise<void> {
  await far.host.must('rm /run/hold');
  await reaches(far.host, 'end v2');
  await far.host.join();
  expect(await words(far.host)).toEqual([...begunFirst, 'begin v2', 'end v2']);
}

/** The host is back and has been looked at while the step still runs. */
async function joinThenEnd(far: Far): Promise<void> {
  await far.host.join();
  await eventually('it is looked at', async () => (await status()).includes(`${far.machine} reachable`), 60_000);
  expect(await words(far.host)).toEqual([...begunFirst, 'begin v2']);
  await far.host.must('rm /run/hold');
}

async function openThenJoin({ host }: Far): Promise<void> {
  await host.must('rm /run/closed');
  await host.join();
}

async function givenUpThenJoin(far: Far): Promise<void> {
  const given = async (): Promise<boolean> => controller.output().includes(`${far.service}@${far.machine}: failed`);
  await eventually('the change is given up', given, 120_000);
  await openThenJoin(far);
}

const begunFirst = ['begin v1', 'end v1'];
const atTheHit = ['begin v2', 'end v2'];
const atTheNewest = ['begin v4', 'end v4'];

const outages: readonly Outage[] = [
  {
    title: 'cut off before the change: then one change to the newest',
    by: 'cut',
    words: [...begunFirst, ...atTheNewest],
  },
  {
    title: 'cut off while a start step runs, and the step ends meanwhile',
    by: 'cut',
    holds: '/run/hold',
    point: { noted: 'begin v2' },
    back: endThenJoin,
    words: [...begunFirst, ...atTheHit, ...atTheNewest],
  },
  {
    title: 'cut off while a start step runs, and the step still runs when the host is back',
    by: 'cut',
    holds: '/run/hold',
    point: { noted: 'begin v2' },
    back: joinThenEnd,
    words: [...begunFirst, ...atTheHit, ...atTheNewest],
  },
  {
    title: 'cut off while the gate waits: the newest follows once',
    by: 'cut',
    holds: '/run/closed',
    point: { noted: 'end v2' },
    back: openThenJoin,
    words: [...begunFirst, ...atTheHit, ...atTheNewest],
  },
  {
    title:
      'cut off while the gate waits, past its deadline, and no newer commit: what was started is not started again',
    by: 'cut',
    holds: '/run/closed',
    point: { noted: 'end v2' },
    back: givenUpThenJoin,
    words: [...begunFirst, ...atTheHit],
    stays: true,
  },
  {
    title: 'crashed before the change: then one change to the newest',
    by: 'crash',
    words: [...begunFirst, ...begunFirst, ...atTheNewest],
  },
  {
    title: 'crashed while a start step runs: systemd itself starts what was enabled',
    by: 'crash',
    holds: '/run/hold',
    point: { noted: 'begin v2' },
    words: [...begunFirst, 'begin v2', ...atTheHit, ...atTheNewest],
  },
  {
    title: 'crashed while files lie beside their targets',
    by: 'crash',
    holds: '/run/hold-sync',
    point: { file: '/run/syncing' },
    words: [...begunFirst, ...begunFirst, ...atTheNewest],
  },
];

const lab = withLab({ hosts: outages.length + 1 });
const near = lab.host(1);

interface Far extends Outage {
  readonly host: Host;
  readonly machine: string;
  readonly service: string;
}
const fars: readonly Far[] = outages.map((outage, index) => {
  const number = index + 2;
  return { ...outage, host: lab.host(number), machine: `m${number}`, service: `far${number}` };
});

const versionOf = (far: Far, version: Version): Version =>
  far.stays && version > versions.hit ? versions.hit : version;

const farEntry = (far: Far, version: Version): object => ({
  type: 'native',
  machine: far.machine,
  path: '/opt/far',
  source: far.service,
  command: ['sh', '-c', server],
  env: { VERSION: `v${versionOf(far, version)}` },
  port: 9201,
  health: { type: 'tcp', deadline: 20 },
});

const registry = (version: Version): StoryRegistry => ({
  cluster: 'outage',
  policy: { interval: '3s' },
  machines: {
    m1: labMachine(near),
    ...Object.fromEntries(fars.map(({ machine, host }) => [machine, labMachine(host)])),
  },
  services: {
    near: {
      type: 'native',
      machine: 'm1',
      path: '/opt/near',
      command: 'sleep infinity',
      env: { VERSION: `v${version}` },
      health: { type: 'command', command: 'true' },
    },
    ...Object.fromEntries(fars.map(far => [far.service, farEntry(far, version)])),
  },
});

function filesOf(far: Far, version: Version): Readonly<Record<string, string | null>> {
  const own = versionOf(far, version);
  const folder = far.service;
  return {
    [`${folder}/a.txt`]: `a v${own}\n`,
    [`${folder}/deep/b.txt`]: `b v${own}\n`,
    ...(own === versions.first ? {} : { [`${folder}/only-${own - 1}`]: null }),
    [`${folder}/only-${own}`]: 'x\n',
  };
}

let story: Story;
let controller: Controller;

beforeAll(async () => {
  await Promise.all([near.must(setUp('near')), ...fars.map(({ host, service }) => host.must(setUp(service)))]);
  story = await freshStory();
}, 60_000);

afterAll(() => story?.remove());

const push = (version: Version): Promise<string> =>
  story.push(
    registry(version),
    Object.assign({}, ...fars.map(far => filesOf(far, version))) as Readonly<Record<string, string | null>>,
    `Version ${version}`,
  );

async function reaches(host: Host, line: string): Promise<void> {
  try {
    await eventually(`${host.name} notes ${line}`, async () => (await words(host)).includes(line), 90_000);
  } catch (cause) {
    throw new Error(`${(await words(host)).join(', ')}; the controller said:\n${controller.output()}`, { cause });
  }
}

const linesOf = ({ machines, placements }: StatusReport): readonly string[] =>
  [
    ...machines.map(one => `${one.machine} ${one.state}`),
    ...placements.map(one => `${one.key} ${one.sync}`),
  ].toSorted();

const status = async (): Promise<readonly string[]> => linesOf(await story.status());

function whole(far: Far, version: Version): readonly string[] {
  const own = versionOf(far, version);
  return [`a v${own}`, `b v${own}`, `a.txt deep only-${own}`, '1', `VERSION=v${own}`];
}

/** What stands on the far hosts once the commit is applied and they are synced. */
async function settledOn(commit: string): Promise<readonly (readonly string[])[]> {
  await untilApplied(story, controller, commit);
  await eventually('all are synced', async () => (await status()).every(line => /reachable|synced/.test(line)), 60_000);
  return await Promise.all(fars.map(({ host, service }) => standing(host, service)));
}

const allOn = (version: Version): readonly (readonly string[])[] => fars.map(far => whole(far, version));

const reachesPoint = async ({ host, point }: Far): Promise<void> => {
  if (point === undefined) return;
  if ('noted' in point) return await reaches(host, point.noted);
  await eventually(
    `${point.file} is there`,
    async () => (await host.inside(`test -e ${point.file}`)).code === 0,
    60_000,
  );
  expect(await host.must('cat /opt/far/a.txt')).toBe('a v1\n');
};

let newest = '';

test('all hosts run the first version', async () => {
  const commit = await push(versions.first);
  controller = story.run();
  expect(await settledOn(commit)).toEqual(allOn(versions.first));
});

test('each goes at its point; meanwhile the other host gets what comes, and those that are away are unknown', async () => {
  const started = new Map<Far, number>();
  for (const far of fars) started.set(far, await startedAt(far.host, { unit: `${far.service}.service` }));
  const early = fars.filter(one => one.holds === undefined);
  await Promise.all(early.map(({ host, by }) => (by === 'cut' ? host.cut() : host.crash())));
  const late = fars.filter(one => one.holds !== undefined);
  await Promise.all(late.map(({ host, holds }) => host.must(`: >${holds}`)));
  await push(versions.hit);
  await Promise.all(
    late.map(async far => {
      await reachesPoint(far);
      await (far.by === 'cut' ? far.host.cut() : far.host.crash());
    }),
  );
  await reaches(near, `end v${versions.hit}`);
  await push(versions.skipped);
  await reaches(near, `end v${versions.skipped}`);
  newest = await push(versions.newest);
  await reaches(near, `end v${versions.newest}`);

  const away = fars.flatMap(({ machine, service }) => [`${machine} unknown`, `${service}@${machine} unknown`]);
  const told = await story.status();
  expect(linesOf(told)).toEqual(['m1 reachable', 'near@m1 synced', ...away].toSorted());
  for (const { machine, host } of fars)
    expect(told.machines.find(one => one.machine === machine)?.why).toMatch(
      new RegExp(
        String.raw`^${machine} \(root@${host.address}:22\) cannot be reached: (it does not answer|there is no way to that address)$`,
      ),
    );
  for (const far of early.filter(one => one.by === 'cut')) {
    expect(await startedAt(far.host, { unit: `${far.service}.service` })).toBe(started.get(far));
    expect(await words(far.host)).toEqual(begunFirst);
  }
});

test('back, each gets to the newest, whole, and the plan is empty', async () => {
  await Promise.all(fars.map(far => far.back?.(far) ?? (far.by === 'cut' ? far.host.join() : far.host.boot())));
  await Promise.all(fars.map(far => reaches(far.host, `end v${versionOf(far, versions.newest)}`)));
  expect(await settledOn(newest)).toEqual(allOn(versions.newest));
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
});

test.each(fars)('$title', async ({ host, words: wanted }) => {
  expect(await words(host)).toEqual(wanted);
});
