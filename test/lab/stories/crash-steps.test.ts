// A host crashes at each step of a deploy to it, once with its return 5 s later, while the run still waits for it, and once with its return after the run
// has given it up: the others finish, it is resumed or done again cleanly, and half a file is never seen.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, keyFile, withLab, type Host } from '../harness.js';
import { freshStory, labMachine, untilApplied, type Controller, type Story, type StoryRegistry } from '../story.js';
import { compose, programs, setUp, type Kind } from './crash-ground.js';

interface Point {
  readonly at: string;
  /** `tool nth words`: the call of it that never returns, after half of what it was to do. */
  readonly call: string;
  readonly has: readonly Kind[];
  /** What of the new commit is in place by then, and what is not. */
  readonly laid?: readonly string[];
  readonly staged?: readonly string[];
}

const one: readonly Kind[] = ['app'];
const points: readonly Point[] = [
  { at: 'the claim is put in place', call: 'mv 1 *stamps/app2', has: one },
  { at: 'half of a file is laid', call: 'base64 3 -d', has: one, staged: ['app/a.txt', 'app/b.txt'] },
  {
    at: 'a compose file and one of two files are in place',
    call: 'mv 1 */opt/app/b.txt',
    has: ['api', 'app'],
    laid: ['api/compose.yaml', 'app/a.txt'],
    staged: ['app/b.txt'],
  },
  { at: 'the app is set up', call: 'uv 1 sync*', has: one, laid: ['app/a.txt', 'app/b.txt'] },
  { at: 'units are read anew', call: 'systemctl 1 daemon-reload*', has: one },
  { at: 'the unit is started', call: 'systemctl 1 restart*', has: one },
  { at: 'the gate waits', call: 'none', has: one },
  { at: 'the stamp is put in place', call: 'mv 2 *stamps/app9', has: one },
  { at: 'the gate waits for a container', call: 'none', has: ['api'] },
  { at: 'containers are replaced', call: 'docker 1 compose * up *', has: ['api'], laid: ['api/compose.yaml'] },
];

interface Far extends Point {
  readonly host: Host;
  readonly keys: readonly string[];
}

const numberOf = (index: number): number => index + 2;
const lab = withLab({
  hosts: points.length + 1,
  docker: points.flatMap(({ has }, index) => (has.includes('api') ? [numberOf(index)] : [])),
});
const near: Far = { at: 'it is left alone', call: 'none', has: one, host: lab.host(1), keys: ['app1@m1'] };
const fars = points.map((point, index): Far => {
  const host = lab.host(numberOf(index));
  return { ...point, host, keys: point.has.map(kind => `${kind}${host.index}@m${host.index}`) };
});
const all = [near, ...fars];

/** Each host is back early in one of them, and late in the other. */
const rounds = [
  { version: 'y', before: 'x', early: (far: Far) => far.host.index % 2 === 0 },
  { version: 'z', before: 'y', early: (far: Far) => far.host.index % 2 === 1 },
];
type Round = (typeof rounds)[number];

const size = 40_000;

const serviceOn = (far: Far, kind: Kind, version: string, gate: string): object => ({
  machine: `m${far.host.index}`,
  path: `/opt/${kind}`,
  source: kind,
  env: { VERSION: version },
  ...(kind === 'app'
    ? { type: 'local', command: 'sh run.sh', scope: 'system', port: 9501, health: { type: 'tcp', deadline: gate } }
    : { type: 'docker', port: 9502, health: { type: 'http', endpoint: '/health', deadline: gate } }),
});

/** `isShort`: where a gate waits for a host that stays away, it need not be waited for much longer than for a connection. */
function registry(version: string, isShort: (far: Far) => boolean = () => false): StoryRegistry {
  const services = all.flatMap(far => {
    const gate = far.call === 'none' && isShort(far) ? '20s' : '60s';
    return far.has.map(kind => [`${kind}${far.host.index}`, serviceOn(far, kind, version, gate)] as const);
  });
  return {
    cluster: 'crash',
    machines: Object.fromEntries(all.map(({ host }) => [`m${host.index}`, labMachine(host)])),
    services: Object.fromEntries(services),
  };
}

const push = (version: string, isShort?: (far: Far) => boolean): Promise<string> =>
  story.push(registry(version, isShort), {
    'app/pyproject.toml': '[project]\nname = "app"\nversion = "1"\n',
    'app/uv.lock': '',
    'api/compose.yaml': compose(version),
    ...Object.fromEntries(
      (['app', 'api'] as const).flatMap(kind => [
        [`${kind}/run.sh`, programs[kind]],
        [`${kind}/a.txt`, version.repeat(size)],
        [`${kind}/b.txt`, version.repeat(size)],
      ]),
    ),
  });

let story: Story;
let controller: Controller;

beforeAll(async () => {
  await Promise.all(all.map(({ host, has }) => host.must(setUp(has))));
  story = await freshStory();
  const commit = await push('x');
  controller = story.run();
  await untilApplied(story, controller, commit);
}, 180_000);

afterAll(() => story?.remove());

const startsOn = async ({ host }: Far, kind: Kind): Promise<readonly string[]> =>
  (await host.must(`cat /opt/starts/${kind}`)).split('\n').filter(line => line !== '');

/** A file of a host that is off, from the disk that it will boot with: of which version it is the whole; undefined: of none. */
function onDisk({ host }: Far, name: string): string | undefined {
  const text = readFileSync(join(dirname(keyFile), `h${host.index}`, 'root/opt', name), 'utf8');
  const whole = (version: string) => (name.endsWith('.txt') ? version.repeat(size) : compose(version));
  return ['x', 'y', 'z'].find(version => text === whole(version));
}

const filesOf = (kind: Kind): readonly string[] =>
  ['a.txt', 'b.txt', ...(kind === 'api' ? ['compose.yaml'] : [])].map(name => `${kind}/${name}`);

describe.each(rounds)('from $before to $version', (round: Round) => {
  const { version, before, early } = round;
  let said = 0;
  let newest = '';

  const isGivenUp = (far: Far): boolean =>
    far.keys.every(key => controller.output().slice(said).includes(`${key}: failed`));

  async function isThere(far: Far): Promise<boolean> {
    if (far.call !== 'none') return (await far.host.inside('test -e /run/reached')).code === 0;
    const starts = await Promise.all(far.has.map(kind => startsOn(far, kind)));
    return starts.flat().some(line => line.startsWith(`${version} `));
  }

  const nearHasIt = async (): Promise<boolean> =>
    (await startsOn(near, 'app')).at(-1) === `${version} ${version}${size} ${version}${size}`;

  /** Without power nothing says goodbye: the cable is out before the kernel can end connections for processes that are killed. */
  async function crash(far: Far): Promise<void> {
    const { at, has, host, laid = [], staged = [] } = far;
    await host.cut();
    await host.crash();
    const seen = Object.fromEntries(has.flatMap(filesOf).map(name => [name, onDisk(far, name)]));
    for (const [name, found] of Object.entries(seen)) expect.soft([before, version], `${at}: ${name}`).toContain(found);
    const news = Object.fromEntries(laid.map(name => [name, version]));
    const olds = Object.fromEntries(staged.map(name => [name, before]));
    expect.soft(seen, at).toMatchObject({ ...news, ...olds });
  }

  /** What was known when it came back. */
  async function crashAndReturn(far: Far): Promise<object> {
    const { at, host } = far;
    await eventually(`${host.name}: ${at}`, () => isThere(far), 60_000);
    const soon = sleep(5000);
    await crash(far);
    if (early(far)) await soon;
    else await eventually(`${host.name} is given up`, async () => isGivenUp(far), 120_000);
    const found = { at, givenUp: isGivenUp(far), othersDone: early(far) || (await nearHasIt()) };
    await host.boot();
    return found;
  }

  test('each crashes at its step and comes back; the other host finishes, and every file that can be seen is whole', async () => {
    await Promise.all(
      fars.map(({ host, call }) =>
        host.must(`rm -f /run/calls; mkdir -p /run/gate
${call === 'none' ? ': >/run/gate/closed' : `echo '${call}' >/run/at`}`),
      ),
    );
    said = controller.output().length;
    newest = await push(version, far => !early(far));
    const found = await Promise.all(fars.map(crashAndReturn));
    expect(found).toEqual(fars.map(far => ({ at: far.at, givenUp: !early(far), othersDone: true })));
  });

  test('back while the run still waits, or after it: done cleanly', async () => {
    await untilApplied(story, controller, newest);
    await eventually('all is synced', async () => (await story.cli(['status'])).code === 0, 120_000);
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  });

  test.concurrent.each(all)('$at: the newest runs, from whole files, and nothing is left behind', async far => {
    for (const kind of far.has) {
      const starts = await startsOn(far, kind);
      for (const line of starts) expect(line).toMatch(new RegExp(`^[xyz] [xyz]${size} [xyz]${size}$`));
      expect(starts.at(-1)).toBe(`${version} ${version}${size} ${version}${size}`);
      // Once by us, and by systemd or Docker itself where the host came up with the new one already.
      expect(starts.filter(line => line.startsWith(`${version} `)).length).toBeLessThanOrEqual(far === near ? 1 : 2);
    }
    if (far.has.includes('api')) await expectContainer(far, version);
    const left = await far.host.must(`cd /var/lib/portoser/clusters/crash; ls -d lock* steps/*/ 2>/dev/null
find / -xdev -name '.portoser-new*' -print; find incoming -type f; cat stamps/* | grep -c ^fingerprint`);
    expect(left.trim()).toBe(`${far.has.length}`);
  });
});

/** One container there is, of what the stamp says, and what runs in it has the environment of that version. */
async function expectContainer({ host }: Far, version: string): Promise<void> {
  const format = '{{.Name}} {{.State.Status}} {{index .Config.Labels "io.portoser.fingerprint"}}';
  const script = `docker inspect --format '${format}' $(docker ps -aq)
sed -n 's/^fingerprint //p' /var/lib/portoser/clusters/crash/stamps/api${host.index}
tr '\\0' '\\n' </proc/$(docker inspect --format '{{.State.Pid}}' $(docker ps -q))/environ | grep ^VERSION=`;
  const [container, fingerprint, ...env] = (await host.must(script)).trim().split('\n');
  expect(fingerprint).toMatch(/^[0-9a-f]{16,}$/);
  expect(container).toBe(`/api${host.index}-api-1 running ${fingerprint}`);
  expect(env).toEqual([`VERSION=${version}`]);
}

test('the controller ends', async () => {
  expect(await controller.stop()).toBe(0);
});
