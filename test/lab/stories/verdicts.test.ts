// New revisions that are ill in different ways, or only slow, all at once: the right verdict on each, whoever served before serves on, and nothing is tried again but a new commit.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Deployment } from '../../../schema/history.js';
import { eventually, withLab } from '../harness.js';
import { type Controller, freshStory, labMachine, type Story } from '../story.js';
import { livesOn } from './fleet-evidence.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

let story: Story;
beforeAll(async () => {
  story = await freshStory({ database: true });
  await host.must(`docker create --name broken lab/web:2 >/dev/null
docker commit --change 'CMD ["false"]' broken lab/broken:1 >/dev/null; docker rm broken >/dev/null`);
});
afterAll(() => story?.remove());

const ports = { crash: 18_101, fast: 18_103, port: 18_102, slow: 18_104, soft: 18_105 } as const;
type Name = keyof typeof ports;
const names = Object.keys(ports) as Name[];
/** Docker services: one gets an image whose program ends, one an image that nobody has. */
const webPorts = { broken: 18_106, nowhere: 18_107 } as const;
type WebName = keyof typeof webPorts;
const webNames = Object.keys(webPorts) as WebName[];

/** Inside the deadline and outside by some seconds: what starting seven services takes on a busy computer must not decide. */
const deadlineSeconds = 20;
const insideSeconds = 14;
const outsideSeconds = 27;
/** After its start it no longer answers, though it runs on. */
const softSeconds = 20;

const serve = (port: number): string => `python3 -m http.server ${port} --bind 127.0.0.1`;
const good = (name: Name): string => `exec ${serve(ports[name])}`;
const sick: Readonly<Record<Name, string>> = {
  crash: 'sleep 1; exit 3',
  fast: `sleep ${insideSeconds}; ${good('fast')}`,
  port: `exec ${serve(18_109)}`,
  slow: `sleep ${outsideSeconds}; ${good('slow')}`,
  soft: `timeout ${softSeconds} ${serve(ports.soft)}; exec sleep infinity`,
};
const goodImage = (): string => 'lab/web:1';
const sickImage = (name: WebName): string => `lab/${name}:1`;

const health = (endpoint: string) => ({ type: 'http', endpoint, deadline: `${deadlineSeconds}s`, interval: '1s' });

const entry = (name: string, port: number, version: string, own: object) =>
  [name, { machine: 'm1', path: `/opt/${name}`, port, env: { VERSION: version }, ...own }] as const;

const push = (version: string, commandOf: (name: Name) => string, imageOf: (name: WebName) => string) =>
  story.push(
    {
      cluster: 'verdicts',
      // As often as may be, so that twenty passes do not take twenty minutes.
      policy: { interval: '1s' },
      machines: { m1: labMachine(host) },
      services: {
        ...Object.fromEntries(
          names.map(name => {
            const command = ['sh', '-c', `echo ${version} >/run/${name}-runs; ${commandOf(name)}`];
            return entry(name, ports[name], version, { type: 'native', command, health: health('/') });
          }),
        ),
        ...Object.fromEntries(
          webNames.map(name => {
            const own = { type: 'docker', source: name, pull: 'never', health: health('/health') };
            return entry(name, webPorts[name], version, own);
          }),
        ),
      },
    },
    Object.fromEntries(
      webNames.map(name => [
        `${name}/compose.yaml`,
        `services:
  main:
    image: ${imageOf(name)}
    restart: always
    ports: ["${webPorts[name]}:8080"]
    environment: { VERSION: "\${VERSION}" }
`,
      ]),
    ),
  );

const keys = [...names, ...webNames].map(name => `${name}@m1`).toSorted();

/** What runs, by what its process was given, and did. */
async function versions(): Promise<Readonly<Record<string, string>>> {
  const text = await host.must(`for name in ${names.join(' ')}; do
  echo "$name $(tr '\\0' '\\n' </proc/$(systemctl show -P MainPID "$name")/environ | sed -n s/^VERSION=//p) $(cat "/run/$name-runs")"
done
for name in ${webNames.join(' ')}; do
  echo "$name $(docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' $(docker ps -q --filter label=com.docker.compose.project=$name) | sed -n s/^VERSION=//p)"
done`);
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map(line => line.split(/ (.*)/).slice(0, 2)) as [string, string][],
  );
}
const undone = keys.filter(key => key !== 'fast@m1');
const all = (version: string) =>
  Object.fromEntries([...names.map(name => [name, `${version} ${version}`]), ...webNames.map(name => [name, version])]);

const allAnswer = [
  ...Object.values(ports).map(port => `${port}/`),
  ...Object.values(webPorts).map(port => `${port}/health`),
]
  .map(where => `curl -fsS -o /dev/null http://127.0.0.1:${where}`)
  .join(' && ');

/** The containers of the one whose image nobody has, and since when they run. */
const livesOfNowhere = async () =>
  (await livesOn(host)).split('\n').filter(line => line.startsWith('/nowhere-main-1 ') && line.includes(' running '));

/** How every change ended, newest first, by placement. */
async function history(): Promise<Readonly<Record<string, readonly Partial<Deployment>[]>>> {
  const { code, stdout, stderr } = await story.cli(['history', 'list', '--limit', '100', '--json']);
  expect(code, `${stdout}${stderr}`).toBe(0);
  const told = JSON.parse(stdout) as readonly Deployment[];
  return Object.fromEntries(keys.map(key => [key, told.filter(one => one.key === key)]));
}

const tokenOf = (one: Controller) => /^The first token .* (portoser_\S+)$/m.exec(one.output())?.[1];

/** The controller's own: how many passes it made, and how many changes ended within them. */
async function counts(): Promise<{ readonly passes: number; readonly changes: number }> {
  const address = /listens on (http:\S+)/.exec(controller.output())?.[1];
  const answer = await fetch(`${address}/metrics`, { headers: { authorization: `Bearer ${tokenOf(controller)}` } });
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'gm'))].reduce((all, one) => all + Number(one[1]), 0);
  return { passes: sum('portoser_passes_total'), changes: sum('portoser_changes_total') };
}

let first = '';
let ill = '';
let before: readonly string[] = [];
let controller: Controller;

test('all of them become healthy', async () => {
  first = await push('one', good, goodImage);
  expect(await story.once()).toMatchObject({ code: 0 });
  expect(await versions()).toEqual(all('one'));
  before = await livesOfNowhere();
  expect(before).toHaveLength(1);
});

test('the ill ones are undone while a controller runs, also the one that was healthy for twenty seconds; one is slow enough', async () => {
  controller = story.run();
  await eventually('it may be asked', async () => tokenOf(controller) !== undefined, 60_000);
  ill = await push('two', name => sick[name], sickImage);
  const atRest = async () => {
    const { code, report } = await story.plan();
    const { leftAlone = [], machines = [] } = report.plan ?? {};
    const held = leftAlone.filter(one => one.state === 'held').map(one => one.key);
    // While one is brought back it is left alone too, with its machine.
    return code === 2 && report.changes === 0 && machines.length === 0 && held.toSorted().join() === undone.join();
  };
  await eventually('all that are ill are held', atRest, 120_000);
  // It is held from the stamp that condemns it on, a moment before it is gone back from: until then it is ill and does not answer.
  await eventually('all answer', async () => (await host.inside(allAnswer)).code === 0);
  expect(await versions()).toEqual({ ...all('one'), fast: 'two two' });
  expect(await livesOfNowhere()).toEqual(before);
});

test('history has the verdict on each', async () => {
  const end = (result: string, more: object = {}) => ({ commit: ill, result, ...more });
  const failed = (code: string, message: RegExp) =>
    end('failed', {
      error: { code, message: expect.stringMatching(message) as string },
      undone: { result: 'back', commit: first },
    });
  const late = new RegExp(`did not become healthy: not healthy within ${deadlineSeconds} s: .*nothing accepts on`);
  const verdicts: Readonly<Record<Name | WebName, readonly object[]>> = {
    // Between two ends Docker has no exit code to tell, only how often it started the container again.
    broken: [failed('gate-failed', /did not become healthy: it did not stay up: .*(exit code 1|restarted \d+ times)$/)],
    crash: [failed('gate-failed', /did not become healthy: it did not stay up: .*exit code 3\b/)],
    fast: [end('applied')],
    nowhere: [failed('image-missing', /no such image: lab\/nowhere:1/i)],
    port: [failed('gate-failed', late)],
    slow: [failed('gate-failed', late)],
    soft: [
      failed('gate-failed', /^soft@m1 became unhealthy soon after its deploy: .*nothing accepts on/),
      end('applied'),
    ],
  };
  const before = { commit: first, result: 'applied' };
  const expected = Object.fromEntries(
    Object.entries(verdicts).map(([name, ends]) => [`${name}@m1`, [...ends, before]]),
  );
  const number = Object.values(expected).flat().length;
  // It is written behind the pass.
  await eventually('history tells how each ended', async () => {
    const told = Object.values(await history()).flat();
    return told.length >= number && told.every(one => one.result !== 'in-progress');
  });
  expect(await history()).toMatchObject(expected);
  expect(controller.output()).toContain('soft@m1 became unhealthy soon after its deploy: ');
});

test('twenty further passes try none of them again', async () => {
  const [lives, told, said, since] = [await livesOn(host), await history(), controller.output(), await counts()];
  await eventually('twenty more passes', async () => (await counts()).passes >= since.passes + 20, 120_000);
  expect(since.changes).toBeGreaterThan(0);
  expect((await counts()).changes).toBe(since.changes);
  expect(controller.output()).toBe(said);
  expect(await history()).toEqual(told);
  expect(await controller.stop()).toBe(0);
  // Nor does one that knows only what the host and its stamps say.
  for (let pass = 0; pass < 3; pass += 1)
    expect(await story.once()).toMatchObject({ code: 2, report: { outcomes: [] } });
  expect(await livesOn(host)).toBe(lives);
});

test('a new commit is tried for all of them', async () => {
  await push('three', good, goodImage);
  const { code, report } = await story.once();
  expect([code, report.outcomes.map(one => `${one.key} ${one.result}`).toSorted()]).toEqual([
    0,
    keys.map(key => `${key} applied`),
  ]);
  expect(await versions()).toEqual(all('three'));
  await host.must(allAnswer);
});
