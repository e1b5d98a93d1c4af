// The images of the last two healthy revisions have names of ours: no prune of dangling ones takes them, and older ones are let go.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Deployment } from '../../../schema/history.js';
import { makeHistory, useServer } from '../../adapters/postgres-fixture.js';
import { loadForeignImage } from '../foreign-image.js';
import { withLab } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);
useServer();

let story: Story;
beforeAll(async () => {
  story = await freshStory({ env: { DATABASE_URL: await makeHistory() } });
});
afterAll(() => story?.remove());

const compose = `services:
  main:
    image: lab/app:now
    restart: always
    ports: ["18096:8080"]
    environment: { GREETING: "\${GREETING}" }
`;

const registry = (version: string): StoryRegistry => ({
  cluster: 'kept',
  machines: { m1: labMachine(host, { user: 'deploy' }) },
  policy: { prune: 'remove' },
  services: {
    web: {
      type: 'docker',
      machine: 'm1',
      path: '/opt/web',
      source: 'web',
      port: 18_096,
      env: { GREETING: version },
      health: { type: 'http', endpoint: '/health', deadline: '10s', interval: '500ms' },
    },
    unit: {
      type: 'native',
      machine: 'm1',
      path: '/opt/unit',
      command: 'sleep infinity',
      health: { type: 'command', command: 'true' },
    },
  },
});

/** Another image under the tag that the compose file names, with no other tag; its id. */
async function build(from: string, change: string): Promise<string> {
  const words = `docker create --name next ${from} >/dev/null; docker commit --change '${change}' next lab/app:now; docker rm next >/dev/null`;
  return (await host.must(words)).trim();
}

const deploy = async (version: string) => {
  await story.push(registry(version), { 'web/compose.yaml': compose }, `Version ${version}`);
  return await story.once();
};

const stampOf = async (field: string): Promise<string> =>
  (await host.must(`sed -n 's/^${field} \\([0-9a-f]*\\).*/\\1/p' /var/lib/portoser/clusters/kept/stamps/web`)).trim();

const ours = async (): Promise<readonly string[]> =>
  (await host.must("docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep ^portoser/ || :"))
    .trim()
    .split('\n')
    .toSorted();

const isThere = async (id: string): Promise<boolean> => (await host.inside(`docker image inspect ${id}`)).code === 0;

const ids: string[] = [];
const prints: string[] = [];

test('what is healthy has a name by its fingerprint', async () => {
  ids.push(await build('lab/web:1', 'ENV V=1'));
  expect((await deploy('one')).code).toBe(0);
  prints.push(await stampOf('fingerprint'));
  expect(await ours()).toEqual([`portoser/web:${prints[0]} ${ids[0]}`]);
});

test('the one before stays, though its tag has moved and dangling images are pruned', async () => {
  ids.push(await build('lab/web:1', 'ENV V=2'));
  expect((await deploy('two')).code).toBe(0);
  prints.push(await stampOf('fingerprint'));
  await host.must('docker image prune -f');
  const names = prints.map((print, index) => `portoser/web:${print} ${ids[index]}`);
  expect(await ours()).toEqual(names.toSorted());
});

test('older ones are let go, and names of others are left alone', async () => {
  await host.must(`docker tag ${ids[1]} portoser/web-of-others:1; docker tag ${ids[1]} portoser/web2:${prints[0]}`);
  ids.push(await build('lab/web:1', 'ENV V=3'));
  expect((await deploy('three')).code).toBe(0);
  prints.push(await stampOf('fingerprint'));
  expect(await ours()).toEqual(
    [
      `portoser/web-of-others:1 ${ids[1]}`,
      `portoser/web2:${prints[0]} ${ids[1]}`,
      `portoser/web:${prints[1]} ${ids[1]}`,
      `portoser/web:${prints[2]} ${ids[2]}`,
    ].toSorted(),
  );
  expect(await isThere(ids[0] ?? '')).toBe(true);
  await host.must('docker image prune -f');
  expect(await isThere(ids[0] ?? '')).toBe(false);
});

test('a rollback by hand runs from the image that the tag named then', async () => {
  const runs = "docker inspect --format '{{.Image}}' $(docker ps -q --filter label=com.docker.compose.project=web)";
  expect((await host.must(runs)).trim()).toBe(ids[2]);
  const listed = await story.cli(['history', 'list', 'web', '--json']);
  const applied = (JSON.parse(listed.stdout) as readonly Deployment[]).filter(one => one.result === 'applied');
  const second = applied.find(one => one.fingerprint === prints[1]);
  const rolled = await story.cli(['history', 'rollback', second?.id ?? '', '--yes']);
  expect(rolled).toMatchObject({ code: 0 });
  expect((await host.must(runs)).trim()).toBe(ids[1]);
  await story.repo.git('pull', '-q', 'origin', 'main');
  expect(await story.repo.git('show', 'HEAD:registry.yml')).toContain(ids[1]);
  expect((await deploy('three')).code).toBe(0);
  expect((await host.must(runs)).trim()).toBe(ids[2]);
});

test('an image for another kind of machine is refused, and what runs is not touched', async () => {
  await loadForeignImage(host, 'lab/app:arm');
  const runs = 'docker ps -q --no-trunc --filter label=com.docker.compose.project=web';
  const since = `docker inspect --format '{{.Id}} {{.State.StartedAt}}' $(${runs})`;
  const before = await host.must(since);
  const commit = await story.push(
    registry('three'),
    { 'web/compose.yaml': compose.replace(':now', ':arm') },
    'Foreign',
  );
  const { code, report } = await story.once();
  const message = expect.stringMatching(/the image lab\/app:arm is made for another kind of machine: arm64/) as string;
  expect([code, report.commit, report.outcomes]).toMatchObject([
    1,
    commit,
    [{ key: 'web@m1', result: 'failed', error: { code: 'image-missing', message }, undone: { result: 'back' } }],
  ]);
  expect(await host.must(since)).toBe(before);
});

test('all unused images are pruned, then a bad deploy: what was healthy runs again', async () => {
  await host.must('docker image prune -a -f');
  await build(ids[2] ?? '', 'CMD ["false"]');
  const { code, report } = await deploy('four');
  expect([code, report.outcomes]).toMatchObject([
    1,
    [{ key: 'web@m1', result: 'failed', error: { code: 'gate-failed' }, undone: { result: 'back' } }],
  ]);
  const runs = "docker inspect --format '{{.Image}}' $(docker ps -q --filter label=com.docker.compose.project=web)";
  expect((await host.must(runs)).trim()).toBe(ids[2]);
  expect(await ours()).toContain(`portoser/web:${prints[2]} ${ids[2]}`);
  const next = await story.once();
  expect([next.code, next.report.outcomes]).toEqual([2, []]);
});

test('what leaves lets go of all its names', async () => {
  const { services, ...rest } = registry('five');
  const { web: _, ...others } = services;
  await story.push({ ...rest, services: others }, {}, 'Without web');
  expect((await story.once()).code).toBe(0);
  expect((await ours()).filter(name => name.startsWith('portoser/web:'))).toEqual([]);
});
