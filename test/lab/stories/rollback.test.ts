// A new revision that does not become healthy: the last healthy one runs again with its files, unit, environment and image, and nothing is tried twice.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withLab } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { livesOn } from './fleet-evidence.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

let story: Story;
beforeAll(async () => {
  story = await freshStory();
  await host.must(`systemctl disable -q --now unit 2>/dev/null; rm -rf /opt/unit /opt/web /var/lib/portoser /etc/systemd/system/unit.service
docker ps -aq | xargs -r docker rm -f >/dev/null; docker tag lab/web:1 lab/app:now`);
});
afterAll(() => story?.remove());

const compose = `services:
  main:
    image: lab/app:now
    restart: always
    ports: ["18095:8080"]
    environment: { GREETING: "\${GREETING}" }
`;

const registry = (version: string, more: object = {}): StoryRegistry => ({
  cluster: 'back',
  machines: { m1: labMachine(host) },
  services: {
    unit: {
      type: 'native',
      machine: 'm1',
      path: '/opt/unit',
      source: 'unit',
      command: ['sh', '-c', `echo ${version} >/run/unit-runs; exec sleep infinity`],
      env: { VERSION: version },
      health: {
        type: 'command',
        command: ['grep', '-q', 'good', 'state'],
        deadline: '10s',
        interval: '500ms',
      },
    },
    web: {
      type: 'docker',
      machine: 'm1',
      path: '/opt/web',
      source: 'web',
      pull: 'never',
      port: 18_095,
      env: { GREETING: version },
      health: { type: 'http', endpoint: '/health', deadline: '10s', interval: '500ms' },
    },
    ...more,
  },
});

const push = (version: string, state: string) =>
  story.push(registry(version), { 'unit/state': state, 'web/compose.yaml': compose }, `Version ${version}`);

const facts = `tr '\\0' '\\n' </proc/$(systemctl show -P MainPID unit)/environ | grep ^VERSION=
cat /run/unit-runs /opt/unit/state; echo; grep -c 'echo one ' /etc/systemd/system/unit.service
docker inspect --format '{{.Image}} {{range .Config.Env}}{{println .}}{{end}}' $(docker ps -q --filter label=com.docker.compose.project=web) | grep -o -e 'sha256:[0-9a-f]*' -e 'GREETING=.*'`;

let healthy = '';
let first = '';

test('a first revision becomes healthy', async () => {
  first = await push('one', 'good');
  expect((await story.once()).code).toBe(0);
  healthy = await host.must(facts);
  const image = (await host.must("docker image inspect --format '{{.Id}}' lab/web:1")).trim();
  expect(healthy).toBe(`VERSION=one\none\ngood\n1\n${image}\nGREETING=one\n`);
});

test('a second one does not, also with another image under the same tag: both services are as they were', async () => {
  await host.must(`docker create --name broken lab/web:2 >/dev/null
docker commit --change 'CMD ["false"]' broken lab/app:now >/dev/null; docker rm broken >/dev/null`);
  await push('two', 'bad');
  const { code, report } = await story.once();
  expect(code).toBe(1);
  expect(report.outcomes).toMatchObject(
    ['unit@m1', 'web@m1'].map(key => ({
      key,
      result: 'failed',
      error: { code: 'gate-failed' },
      undone: { result: 'back', commit: first },
    })),
  );
  expect(await host.must(facts)).toBe(healthy);
});

test('which is told, and not tried again', async () => {
  const lives = await livesOn(host);
  for (let pass = 0; pass < 3; pass += 1) {
    const { code, report } = await story.once();
    expect([code, report.outcomes]).toEqual([2, []]);
  }
  expect(await livesOn(host)).toBe(lives);
  const said = await story.cli(['plan', '--committed']);
  expect(said.code).toBe(2);
  expect(
    said.stdout.match(new RegExp(`what was healthy at commit ${first.slice(0, 12)} runs instead`, 'g')),
  ).toHaveLength(2);
});

test('what runs instead is kept so: drift of it is undone', async () => {
  await host.must(
    'echo edited >/opt/unit/state; docker rm -f $(docker ps -q --filter label=com.docker.compose.project=web) >/dev/null',
  );
  const { report } = await story.once();
  expect(report.outcomes.map(one => [one.key, one.result])).toEqual([
    ['unit@m1', 'applied'],
    ['web@m1', 'applied'],
  ]);
  expect(await host.must(facts)).toBe(healthy);
});

test('once a person clears it, the next pass tries it again, and goes back again', async () => {
  expect(await story.cli(['clear', 'unit'])).toMatchObject({
    code: 0,
    stdout: 'unit@m1 is no longer held: the next pass tries it again.\n',
  });
  const { code, report } = await story.once();
  expect(code).toBe(1);
  expect(report.outcomes).toMatchObject([
    { key: 'unit@m1', result: 'failed', error: { code: 'gate-failed' }, undone: { result: 'back', commit: first } },
  ]);
  expect(await host.must(facts)).toBe(healthy);
  expect(await story.once()).toMatchObject({ code: 2, report: { outcomes: [] } });
});

test('an image that cannot be had: what serves is not even restarted', async () => {
  const lives = (await livesOn(host)).split('\n').filter(line => line.includes('web'));
  await story.push(registry('bad'), {
    'unit/state': 'good',
    'web/compose.yaml': compose.replace('lab/app:now', 'lab/nowhere:1'),
  });
  const { code, report } = await story.once();
  expect(code).toBe(1);
  expect(report.outcomes.find(one => one.key === 'web@m1')).toMatchObject({
    error: { code: 'image-missing' },
    undone: { result: 'back', commit: first },
  });
  expect((await livesOn(host)).split('\n').filter(line => line.includes('web'))).toEqual(lives);
  expect(await story.once()).toMatchObject({ code: 2, report: { outcomes: [] } });
});

test('the image of the last healthy one is gone too: said once, and what runs is left running', async () => {
  const commit = (from: string, change: string) => `docker create --name next ${from} >/dev/null
docker commit --change '${change}' next lab/app:now >/dev/null; docker rm next >/dev/null`;
  await host.must(commit('lab/web:1', 'ENV FOUR=4'));
  await push('four', 'good');
  expect((await story.once()).code).toBe(0);
  await host.must(`gone=$(docker image inspect --format '{{.Id}}' lab/app:now); ${commit('lab/web:1', 'CMD ["sleep", "100000"]')}
docker rm -f $(docker ps -aq --filter label=com.docker.compose.project=web) >/dev/null; docker rmi -f "$gone"`);
  await push('five', 'good');
  const { code, report } = await story.once();
  expect(code).toBe(1);
  expect(report.outcomes.find(one => one.key === 'web@m1')).toMatchObject({
    error: { code: 'gate-failed' },
    undone: {
      result: 'failed',
      error: { code: 'image-missing', message: expect.stringMatching(/no such image/i) as string },
    },
  });
  // What runs is the new one: started once, and never stopped since.
  const life = '{{.State.Status}} {{.RestartCount}} {{.State.FinishedAt}} {{.Config.Env}}';
  const runs = await host.must(
    `docker inspect --format '${life}' $(docker ps -aq --filter label=com.docker.compose.project=web)`,
  );
  expect(runs).toMatch(/^running 0 0001-01-01T00:00:00Z .*\bGREETING=five\b.*\n$/);
  const lives = await livesOn(host);
  const why =
    'this revision was applied and did not become healthy; correct it in git, or try again with `portoser deploy web`';
  for (let pass = 0; pass < 2; pass += 1) {
    const next = await story.once();
    expect([next.code, next.report.outcomes]).toEqual([2, []]);
    expect(next.report.plan?.leftAlone).toMatchObject([{ key: 'web@m1', state: 'held', why }]);
  }
  expect(await livesOn(host)).toBe(lives);
  expect((await story.status()).placements.find(one => one.key === 'web@m1')).toMatchObject({ sync: 'differs', why });
  await host.must('docker tag lab/web:1 lab/app:now');
});

test('a new commit is tried', async () => {
  await push('three', 'good again');
  expect(await story.once()).toMatchObject({ code: 0 });
  const now = await host.must(facts);
  const image = (await host.must("docker image inspect --format '{{.Id}}' lab/web:1")).trim();
  expect(now).toBe(`VERSION=three\nthree\ngood again\n0\n${image}\nGREETING=three\n`);
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
});
