// A host that is cut off or crashes, before and during a change: the others finish, and back again it gets one change, to the newest commit.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually, withLab, type Host } from '../harness.js';
import { freshStory, labMachine, untilApplied, type Controller, type Story, type StoryRegistry } from '../story.js';
import { startedAt } from './fleet-evidence.js';

const lab = withLab({ hosts: 2 });
const [near, far] = [lab.host(1), lab.host(2)];

/** Run by systemd before each start: notes the version, and does not let it start while /run/hold is there. */
const guard = `#!/bin/sh
echo "begin $VERSION" >>/opt/guard/log
while [ -e /run/hold ]; do sleep 0.1; done
echo "end $VERSION" >>/opt/guard/log
`;
/** Stands before the real sync(1): files that are laid beside their target wait here for their rename. */
const slowSync = `#!/bin/sh
while [ -e /run/hold-sync ] && ls /opt/far/.portoser-new* >/dev/null 2>&1; do : >/run/syncing; sleep 0.1; done
exec /bin/sync "$@"
`;

const script = (path: string, text: string): string =>
  `echo ${Buffer.from(text).toString('base64')} | base64 -d >${path}; chmod 755 ${path}`;

const setUp = (unit: string): string => `set -e
mkdir -p /opt/guard /etc/systemd/system/${unit}.service.d; : >/opt/guard/log
${script('/opt/guard/guard', guard)}
${script('/usr/local/bin/sync', slowSync)}
printf '[Service]\\nExecStartPre=/opt/guard/guard\\n' >/etc/systemd/system/${unit}.service.d/guard.conf
systemctl daemon-reload`;

/** It listens only once /run/closed is away. */
const server =
  'while [ -e /run/closed ]; do sleep 0.1; done; exec python3 -m http.server 9201 --bind 127.0.0.1 >/dev/null 2>&1';

const registry = (version: number): StoryRegistry => ({
  cluster: 'outage',
  policy: { interval: '3s' },
  machines: { m1: labMachine(near), m2: labMachine(far) },
  services: {
    near: {
      type: 'native',
      machine: 'm1',
      path: '/opt/near',
      command: 'sleep infinity',
      env: { VERSION: `v${version}` },
      health: { type: 'command', command: 'true' },
    },
    far: {
      type: 'native',
      machine: 'm2',
      path: '/opt/far',
      source: 'far',
      command: ['sh', '-c', server],
      env: { VERSION: `v${version}` },
      port: 9201,
      health: { type: 'tcp', deadline: 20 },
    },
  },
});

let story: Story;
let controller: Controller;
let version = 0;

beforeAll(async () => {
  await Promise.all([near.must(setUp('near')), far.must(setUp('far'))]);
  story = await freshStory();
}, 60_000);

afterAll(() => story?.remove());

const words = async (host: Host): Promise<readonly string[]> =>
  (await host.must('cat /opt/guard/log')).split('\n').filter(line => line !== '');

async function push(): Promise<string> {
  version += 1;
  const files = { 'far/a.txt': `a v${version}\n`, 'far/deep/b.txt': `b v${version}\n`, [`far/only-${version}`]: 'x\n' };
  const stale = version === 1 ? {} : { [`far/only-${version - 1}`]: null };
  return await story.push(registry(version), { ...files, ...stale }, `Version ${version}`);
}

/** Pushes, and waits until the host that is not amiss runs it. */
async function pushOn(): Promise<string> {
  const commit = await push();
  await reaches(near, `end v${version}`);
  return commit;
}

async function reaches(host: Host, line: string): Promise<void> {
  try {
    await eventually(`${host.name} notes ${line}`, async () => (await words(host)).includes(line), 90_000);
  } catch (cause) {
    throw new Error(`${(await words(host)).join(', ')}; the controller said:\n${controller.output()}`, { cause });
  }
}

/** Two commits, of which the second must be the only one that the far host ever sees. */
async function pushTwice(): Promise<{ readonly commit: string; readonly skipped: string; readonly newest: string }> {
  await pushOn();
  const skipped = `v${version}`;
  const commit = await pushOn();
  return { commit, skipped, newest: `v${version}` };
}

async function status(): Promise<readonly string[]> {
  const { machines, placements } = await story.status();
  return [
    ...machines.map(one => `${one.machine} ${one.state}`),
    ...placements.map(one => `${one.key} ${one.sync}`),
  ].toSorted();
}

const unknown = ['far@m2 unknown', 'm1 reachable', 'm2 unknown', 'near@m1 synced'];

/** What stands on the far host: whole files of one version, nothing laid aside, no lock, a finished stamp, the process. */
async function standing(): Promise<readonly string[]> {
  const found = await far.must(`cd /opt/far; cat a.txt deep/b.txt; ls | paste -sd' '
find / -xdev -name '.portoser-new*' -print; cd /var/lib/portoser/clusters/outage
find incoming -type f; ls lock steps/*/open 2>/dev/null; grep -c ^fingerprint stamps/far
curl -s -o /dev/null localhost:9201 && tr '\\0' '\\n' <"/proc/$(systemctl show -P MainPID far)/environ" | grep VERSION`);
  return found.trimEnd().split('\n');
}

const whole = (): readonly string[] => {
  const v = `v${version}`;
  return [`a ${v}`, `b ${v}`, `a.txt deep only-${version}`, '1', `VERSION=${v}`];
};

/** The far host gets the commit, whole, and the plan is empty; what it noted since the test began. */
async function caughtUp(commit: string): Promise<readonly string[]> {
  await untilApplied(story, controller, commit);
  await reaches(far, `end v${version}`);
  await eventually('far is synced', async () => (await status()).includes('far@m2 synced'), 60_000);
  expect(await standing()).toEqual(whole());
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  return await words(far);
}

/** Whatever a story before left half way. */
const restore = 'rm -f /run/hold /run/hold-sync /run/closed; : >/opt/guard/log';

beforeEach(async () => {
  await far.boot();
  await far.join();
  await Promise.all([near, far].map(host => host.must(restore)));
});

test('both hosts run the first version', async () => {
  const commit = await push();
  controller = story.run();
  await untilApplied(story, controller, commit);
  expect(await caughtUp(commit)).toEqual(['begin v1', 'end v1']);
});

test('cut off before the change: unknown, the other goes on, then one change to the newest', async () => {
  const started = await startedAt(far, { unit: 'far.service' });
  await far.cut();
  const { commit, newest } = await pushTwice();
  expect(await status()).toEqual(unknown);
  const { machines } = await story.status();
  expect(machines.find(one => one.machine === 'm2')?.why).toEqual(
    expect.stringMatching(
      /^m2 \(root@10\.77\.0\.12:22\) cannot be reached: (it does not answer|there is no way to that address)$/,
    ),
  );
  expect(await startedAt(far, { unit: 'far.service' })).toBe(started);
  expect(await words(far)).toEqual([]);
  await far.join();
  expect(await caughtUp(commit)).toEqual([`begin ${newest}`, `end ${newest}`]);
});

/** The step ends while the host is cut off; what was noted when it is back. */
async function endThenJoin(begun: string): Promise<readonly string[]> {
  await far.must('rm /run/hold');
  await reaches(far, `end ${begun}`);
  await far.join();
  return await words(far);
}

/** The host is back and has been looked at while the step still runs; what was noted then. */
async function joinThenEnd(): Promise<readonly string[]> {
  await far.join();
  await eventually('it is looked at', async () => (await status()).includes('m2 reachable'), 60_000);
  const noted = await words(far);
  await far.must('rm /run/hold');
  return noted;
}

test.each([
  ['and the step ends meanwhile', endThenJoin, ['begin', 'end']],
  ['and the step still runs when the host is back', joinThenEnd, ['begin']],
])('cut off while a start step runs, %s', async (_, back, noted) => {
  await far.must(': >/run/hold');
  await push();
  const begun = `v${version}`;
  await reaches(far, `begin ${begun}`);
  await far.cut();
  const { commit, newest } = await pushTwice();
  expect(await status()).toEqual(unknown);
  expect(await back(begun)).toEqual(noted.map(word => `${word} ${begun}`));
  expect(await caughtUp(commit)).toEqual([`begin ${begun}`, `end ${begun}`, `begin ${newest}`, `end ${newest}`]);
});

test('cut off while the gate waits: the newest follows once', async () => {
  await far.must(': >/run/closed');
  await push();
  const begun = `v${version}`;
  await reaches(far, `end ${begun}`);
  await far.cut();
  const { commit, newest } = await pushTwice();
  await far.must('rm /run/closed');
  await far.join();
  expect(await caughtUp(commit)).toEqual([`begin ${begun}`, `end ${begun}`, `begin ${newest}`, `end ${newest}`]);
});

test('cut off while the gate waits, past its deadline, and no newer commit: what was started is not started again', async () => {
  await far.must(': >/run/closed');
  const commit = await push();
  await reaches(far, `end v${version}`);
  await far.cut();
  const said = controller.output().length;
  const given = async (): Promise<boolean> => controller.output().slice(said).includes('far@m2: failed');
  await eventually('the change is given up', given, 120_000);
  await far.must('rm /run/closed');
  await far.join();
  expect(await caughtUp(commit)).toEqual([`begin v${version}`, `end v${version}`]);
});

test('crashed before the change: unknown, then one change to the newest', async () => {
  const runs = `v${version}`;
  await far.crash();
  const { commit, newest } = await pushTwice();
  expect(await status()).toEqual(unknown);
  await far.boot();
  expect(await caughtUp(commit)).toEqual([`begin ${runs}`, `end ${runs}`, `begin ${newest}`, `end ${newest}`]);
});

test('crashed while a start step runs', async () => {
  await far.must(': >/run/hold');
  await push();
  const begun = `v${version}`;
  await reaches(far, `begin ${begun}`);
  await far.crash();
  const { commit, newest } = await pushTwice();
  expect(await status()).toEqual(unknown);
  await far.boot(); // systemd itself starts what was enabled
  expect(await caughtUp(commit)).toEqual([
    `begin ${begun}`,
    `begin ${begun}`,
    `end ${begun}`,
    `begin ${newest}`,
    `end ${newest}`,
  ]);
});

test('crashed while files lie beside their targets', async () => {
  const runs = `v${version}`;
  await far.must(': >/run/hold-sync');
  await push();
  await eventually('files are laid aside', async () => (await far.inside('test -e /run/syncing')).code === 0, 60_000);
  expect(await far.must('cat /opt/far/a.txt')).toBe(`a ${runs}\n`);
  await far.crash();
  const { commit, newest } = await pushTwice();
  await far.boot();
  expect(await caughtUp(commit)).toEqual([`begin ${runs}`, `end ${runs}`, `begin ${newest}`, `end ${newest}`]);
});
