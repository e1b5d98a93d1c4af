// A git push from another host brings nine services up on three, in order; then nothing moves; then one field moves one service.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { eventually, mustRun, withLab } from '../harness.js';
import { freshStory, untilApplied, type Controller, type Story } from '../story.js';
import { evidenceOf, startedAt } from './fleet-evidence.js';
import { composePorts, dependencies, fleetFiles, fleetRegistry, kept, type Greetings } from './fleet.js';
import { pushingHost, type PushingHost } from './pushing-host.js';

const lab = withLab({ hosts: 3, docker: [1, 2], uv: [3] });
const hosts = [lab.host(1), lab.host(2), lab.host(3)] as const;

let story: Story;
let person: PushingHost;
let controller: Controller;

beforeAll(async () => {
  story = await freshStory();
  await story.push({ ...fleetRegistry(hosts), services: {} }, {}, 'Begin with machines alone');
  person = await pushingHost(lab.host(3), story.repo);
  controller = story.run();
}, 120_000);

afterAll(async () => {
  await person?.remove();
  await story?.remove();
});

const registryText = (greetings: Greetings): Readonly<Record<string, string>> => ({
  'registry.yml': stringify(fleetRegistry(hosts, greetings)),
});

const services = Object.keys(kept) as (keyof typeof kept)[];

async function starts(): Promise<Readonly<Record<string, number>>> {
  const pairs = services.map(async name => {
    const [host, thing] = kept[name];
    return [name, await startedAt(lab.host(host), thing)] as const;
  });
  return Object.fromEntries(await Promise.all(pairs));
}

/**
 * All that a pass could change: on the hosts, in the repository, and in the controller's own folder (its lock, its notes
 * of time and its database aside: the controller measures on beside us; and what was asked, which the audit log notes).
 */
async function everything(): Promise<readonly string[]> {
  const own = [
    '-c',
    `find "$@" '(' -name postgres -o -name audit ')' -prune -o -type f ! -name lock ! -name controller.json -printf '%p %i %s %T@\\n' | sort`,
    'sh',
  ];
  const [onHosts, started, here] = await Promise.all([
    Promise.all(hosts.map(evidenceOf)),
    starts(),
    mustRun('sh', [...own, story.stateDir, story.repo.bare]),
  ]);
  const lives = onHosts.map(({ files, lives }, index) => `h${index + 1}\n${files}\n${lives}`);
  return [...lives, JSON.stringify(started), here].join('\n').split('\n');
}

/** Once the controller has also written down what it did: its history may still be on the way into its database. */
async function atRest(): Promise<readonly string[]> {
  let last = await everything();
  await eventually('nothing is written any more', async () => {
    const now = await everything();
    const same = now.join('\n') === last.join('\n');
    last = now;
    return same;
  });
  return last;
}

/** `service: what it answers` for whoever has a port. */
async function answers(): Promise<Readonly<Record<string, string>>> {
  const asks: readonly (readonly [string, number, string])[] = [
    ['cache', 2, `${composePorts.cache}/`],
    ['edge', 2, `${composePorts.edge}/`],
    ['api', 1, `${composePorts.api}/`],
    ['web', 1, `${composePorts.web}/`],
    ['app', 3, '9103/'],
    ['worker', 3, '9104/'],
  ];
  const said = asks.map(
    async ([name, host, address]) => [name, await lab.host(host).must(`curl -s localhost:${address}`)] as const,
  );
  return Object.fromEntries(await Promise.all(said));
}

test('one push from another host: all nine run, each after what it depends on was healthy', async () => {
  const commit = await person.push({ ...registryText({}), ...fleetFiles() }, 'Nine services');
  await untilApplied(story, controller, commit, 240_000);
  const at = await starts();
  for (const [name, needs] of Object.entries(dependencies)) {
    for (const need of needs) {
      expect.soft(at[name], `${name} after ${need}`).toBeGreaterThan(at[need] ?? Number.POSITIVE_INFINITY);
    }
  }
  const storeHealthyAt = Number(await lab.host(2).must('cat /opt/store/ready')) / 1e6;
  expect(at['app']).toBeGreaterThan(storeHealthyAt);
  expect(await answers()).toEqual({
    cache: 'web 1\n',
    edge: 'web 1\n',
    api: 'web 1\n',
    web: 'web 1\n',
    app: 'good day from six 1.17.0\n',
    worker: 'good day from six 1.17.0\n',
  });
  expect(await lab.host(1).must(`docker exec web-main-1 sh -c 'echo $FROM_FILE $PORT'`)).toBe('yes 8080\n');
});

test('afterwards the plan is empty, and looking changes nothing', async () => {
  const before = await atRest();
  const { code, report } = await story.plan();
  expect(report).toMatchObject({ changes: 0, plan: { waves: [], leftAlone: [], machines: [] } });
  expect(code).toBe(0);
  expect(await everything()).toEqual(before);
});

test.each<[keyof Greetings, Greetings, string]>([
  ['web', { web: 'new' }, 'a Compose project'],
  ['app', { web: 'new', app: 'new' }, 'a uv app'],
  ['queue', { web: 'new', app: 'new', queue: 'new' }, 'a systemd unit'],
])('one field of %s changed: only it restarts', async (name, greetings) => {
  const before = await starts();
  const commit = await person.push(registryText(greetings), `Greet anew from ${name}`);
  await untilApplied(story, controller, commit);
  const after = await starts();
  expect(services.filter(one => before[one] !== after[one])).toEqual([name]);
});

test('the change has reached the processes', async () => {
  const [web, app, queue] = await Promise.all([
    lab.host(1).must(`docker exec web-main-1 sh -c 'echo $GREETING'`),
    lab.host(3).must('curl -s localhost:9103/'),
    lab.host(3).must(`tr '\\0' '\\n' <"/proc/$(systemctl show -P MainPID queue)/environ" | grep GREETING`),
  ]);
  expect([web, app, queue]).toEqual(['new\n', 'new from six 1.17.0\n', 'GREETING=new\n']);
});

test('the controller stops when told to; a second pass runs no changing command', async () => {
  expect(await controller.stop()).toBe(0);
  const before = await atRest();
  const { code, report } = await story.once();
  expect(report).toMatchObject({ outcomes: [], findings: [], next: { next: 'settled' } });
  expect(code).toBe(0);
  expect(await everything()).toEqual(before);
});
