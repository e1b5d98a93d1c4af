// Packets are dropped in the middle of a long step, both ways or one way only: noticed within 30 s, the step is found again by its id, and is never made twice.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, withLab, type Host } from '../harness.js';
import { freshStory, labMachine, untilApplied, type Controller, type Story, type StoryRegistry } from '../story.js';

const lab = withLab({ hosts: 4 });
/** Cut off both ways, unheard, and deaf; the last one has no trouble. */
const [cut, mute, deaf, near] = [lab.host(1), lab.host(2), lab.host(3), lab.host(4)];
const far = [cut, mute, deaf];

/** Takes the place of uv: a set-up that lasts as long as /run/hold is there, and notes its begin and its end. */
const slowUv = `#!/bin/sh
case $1 in
sync)
  echo "begin $VERSION" >>/opt/log
  while [ -e /run/hold ]; do sleep 0.1; done
  mkdir -p .venv/bin; ln -sf /usr/bin/python3 .venv/bin/python
  echo "end $VERSION" >>/opt/log ;;
run) while [ "$1" != -- ]; do shift; done; shift; echo "start $VERSION" >>/opt/log; exec "$@" ;;
esac
`;
const setUp = `echo ${Buffer.from(slowUv).toString('base64')} | base64 -d >/usr/local/bin/uv; chmod 755 /usr/local/bin/uv; : >/opt/log`;

const app = (host: Host, version: number): object => ({
  type: 'local',
  machine: `m${host.index}`,
  path: '/opt/app',
  source: 'app',
  command: 'sleep 100000',
  scope: 'system',
  env: { VERSION: `v${version}` },
  health: { type: 'command', command: 'true' },
});

const registry = (version: number): StoryRegistry => ({
  cluster: 'partition',
  machines: Object.fromEntries([...far, near].map(host => [`m${host.index}`, labMachine(host)])),
  services: Object.fromEntries([...far, near].map(host => [`app${host.index}`, app(host, version)])),
});

let story: Story;
let controller: Controller;

beforeAll(async () => {
  await Promise.all([...far, near].map(host => host.must(setUp)));
  story = await freshStory();
  const commit = await push(1);
  controller = story.run();
  await untilApplied(story, controller, commit);
}, 120_000);

afterAll(() => story?.remove());

const push = (version: number): Promise<string> =>
  story.push(registry(version), {
    'app/pyproject.toml': '[project]\nname = "app"\nversion = "1"\n',
    'app/uv.lock': '',
  });

async function noted(host: Host): Promise<readonly string[]> {
  return (await host.must('cat /opt/log')).split('\n').filter(line => line !== '');
}

const reaches = (hosts: readonly Host[], line: string): Promise<readonly true[]> =>
  Promise.all(
    hosts.map(host =>
      eventually(`${host.name} notes ${line}`, async () => (await noted(host)).includes(line) || undefined, 60_000),
    ),
  );

const once = (version: number): readonly string[] => ['begin', 'end', 'start'].map(word => `${word} v${version}`);

/** Ids of the steps that run there. */
const stepsOn = async (host: Host): Promise<readonly string[]> =>
  (await host.must('cd /var/lib/portoser/clusters/partition/steps; ls -d */open 2>/dev/null || :'))
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.replace('/open', ''));

/** Everything that the controller wrote down in its own folder. */
function written(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(one => one.isFile());
  return files
    .filter(one => one.name.endsWith('.jsonl'))
    .map(one => readFileSync(join(one.parentPath, one.name), 'utf8'))
    .join('');
}

const drop = {
  cut: () => cut.cut(),
  mute: 'iptables -A OUTPUT -d 10.77.0.1 -j DROP',
  deaf: 'iptables -A INPUT -s 10.77.0.1 -j DROP',
};
const steps = new Map<Host, readonly string[]>();

test('a step runs on each host, known here by the id that it has there', async () => {
  await Promise.all(far.map(host => host.must(': >/run/hold')));
  await push(2);
  await reaches(far, 'begin v2');
  for (const host of far) steps.set(host, await stepsOn(host));
  const ids = [...steps.values()].flat();
  expect(ids).toHaveLength(3);
  const journal = written(story.stateDir);
  expect(ids.filter(id => !journal.includes(id))).toEqual([]);
});

test('dropped both ways, or one way: noticed by the keepalive, and the other host finishes', async () => {
  const said = controller.output().length;
  await Promise.all([drop.cut(), mute.must(drop.mute), deaf.must(drop.deaf)]);
  await Promise.all(
    far.map(host =>
      eventually(
        `${host.name} is missed; the controller said ${controller.output()}`,
        async () =>
          controller.output().slice(said).includes(`app${host.index}@m${host.index}: failed: the connection to`),
        40_000, // 28 s by the keepalive, and what a busy machine adds
      ),
    ),
  );
  await reaches([near], 'start v2');
  for (const host of far) expect(await noted(host)).toEqual([...once(1), 'begin v2']);
});

test('back while the step still runs: it is the same one, and nothing is begun beside it', async () => {
  await Promise.all([mute, deaf].map(host => host.must('iptables -F')));
  const running = async (): Promise<boolean> => {
    const { report } = await story.plan();
    const states = new Map(report.plan?.machines.map(one => [one.machine, one.state]));
    return states.get('m2') === 'in-progress' && states.get('m3') === 'in-progress';
  };
  await eventually('their steps are seen', running, 60_000);
  for (const host of [mute, deaf]) {
    expect(await stepsOn(host)).toEqual(steps.get(host));
    expect(await noted(host)).toEqual([...once(1), 'begin v2']);
  }
});

test('the step came to its end, on one host while it was cut off: it is taken as made, and made no second time', async () => {
  await Promise.all(far.map(host => host.must('rm /run/hold')));
  await reaches(far, 'end v2');
  await cut.join();
  const commit = await story.repo.git('rev-parse', 'HEAD');
  await untilApplied(story, controller, commit);
  await eventually('all is synced', async () => (await story.cli(['status'])).code === 0, 60_000);
  for (const host of [...far, near]) expect(await noted(host)).toEqual([...once(1), ...once(2)]);
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  expect(await controller.stop()).toBe(0);
});
