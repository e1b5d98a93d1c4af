// Packets are dropped in the middle of a 60 s step, both ways or one way only: noticed within 30 s, the step is found again by its id, and is never made
// twice. For 40 s, or for as many as PORTOSER_CUT_SECONDS says (npm run soak: 5 minutes).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, withLab, type Host } from '../harness.js';
import { freshStory, labMachine, untilApplied, type Controller, type Story, type StoryRegistry } from '../story.js';

const cutMs = Number(process.env['PORTOSER_CUT_SECONDS'] ?? 40) * 1000;
/** From the first dropped packet. The keepalive needs 28 s at the most: four times 7 s, when it was answered just before. */
const noticedMs = 30_000;

const lab = withLab({ hosts: 5 });
/** Cut off both ways, unheard, and deaf; cut off with a step that ends meanwhile, and its batch goes on by itself; the last one has no trouble. */
const [cut, mute, deaf, brief, near] = [lab.host(1), lab.host(2), lab.host(3), lab.host(4), lab.host(5)];
const long = [cut, mute, deaf];
const far = [...long, brief];

/** Takes the place of uv: a set-up of at least so many seconds as /run/least says, and for as long as /run/hold is there. */
const slowUv = `#!/bin/sh
case $1 in
sync)
  echo "begin $VERSION" >>/opt/log
  end=$(($(date +%s) + $(cat /run/least 2>/dev/null || echo 0)))
  while [ -e /run/hold ] || [ "$(date +%s)" -lt "$end" ]; do sleep 0.1; done
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

const drops: readonly (readonly [Host, () => Promise<unknown>])[] = [
  [cut, () => cut.cut()],
  [mute, () => mute.must('iptables -A OUTPUT -d 10.77.0.1 -j DROP')],
  [deaf, () => deaf.must('iptables -A INPUT -s 10.77.0.1 -j DROP')],
  [brief, () => brief.cut()],
];
const steps = new Map<Host, readonly string[]>();

test('a step runs on each host, known here by the id that it has there', async () => {
  await Promise.all(long.map(host => host.must('echo 60 >/run/least; : >/run/hold')));
  await brief.must('echo 20 >/run/least');
  await push(2);
  await reaches(far, 'begin v2');
  for (const host of far) steps.set(host, await stepsOn(host));
  const ids = [...steps.values()].flat();
  expect(ids).toHaveLength(4);
  const journal = written(story.stateDir);
  expect(ids.filter(id => !journal.includes(id))).toEqual([]);
});

/** Those that are away are missed one by one, each by its own connection. */
async function missed(host: Host, said: number): Promise<void> {
  const words = `app${host.index}@m${host.index}: failed: the connection to`;
  try {
    // 28 s by the keepalive, and what a busy machine adds
    await eventually(`${host.name} is missed`, async () => controller.output().slice(said).includes(words), 40_000);
  } catch (cause) {
    throw new Error(`the controller said ${controller.output()}`, { cause });
  }
}

const dayMs = 86_400_000;

/**
 * By the controller's own clock, which is ours: how long after `from` its journal has that nobody answers for the step any more, and it told
 * people so. They are told in whole seconds, the time of day alone.
 */
function noticed(host: Host, from: number, said: string): { readonly noted: number; readonly told: number } {
  const [id] = steps.get(host) ?? [];
  const row = new RegExp(`"id":"${id}","endedAt":(\\d+)`).exec(written(story.stateDir));
  const line = new RegExp(`^([\\d:]{8}) app${host.index}@m${host.index}: failed: the connection to`, 'm').exec(said);
  const told = Date.parse(`1970-01-01T${line?.[1]}Z`) - ((Math.floor(from / 1000) * 1000) % dayMs);
  return { noted: Number(row?.[1]) - from, told: (told + dayMs) % dayMs };
}

test(
  `dropped both ways, or one way, for ${cutMs / 1000} s: noticed within ${noticedMs / 1000} s, and the other host finishes`,
  async () => {
    const said = controller.output().length;
    const begun = new Map<Host, number>();
    await Promise.all(
      drops.map(async ([host, drop]) => {
        begun.set(host, Date.now());
        await drop();
      }),
    );
    const over = sleep(cutMs);
    await Promise.all(far.map(host => missed(host, said)));
    const after = far.map(host => noticed(host, begun.get(host) ?? 0, controller.output().slice(said)));
    const late = after.flatMap(({ noted, told }) => [noted, told]).filter(ms => !(ms > 0 && ms <= noticedMs));
    expect(late, JSON.stringify(after)).toEqual([]);
    await reaches([near, brief], 'start v2');
    await over;
    for (const host of long) expect(await noted(host)).toEqual([...once(1), 'begin v2']);
    expect(await noted(brief)).toEqual([...once(1), ...once(2)]);
  },
  cutMs + 180_000,
);

test('back while the step still runs: it is the same one, and nothing is begun beside it', async () => {
  await Promise.all([cut.join(), ...[mute, deaf].map(host => host.must('iptables -F'))]);
  const running = async (): Promise<boolean> => {
    const { report } = await story.plan();
    const states = new Map(report.plan?.machines.map(one => [one.machine, one.state]));
    return long.every(host => states.get(`m${host.index}`) === 'in-progress');
  };
  await eventually('their steps are seen', running, 60_000);
  for (const host of long) {
    expect(await stepsOn(host)).toEqual(steps.get(host));
    expect(await noted(host)).toEqual([...once(1), 'begin v2']);
  }
});

test('the step came to its end, on one host while it was cut off: it is taken as made, and made no second time', async () => {
  await Promise.all(long.map(host => host.must('rm /run/hold')));
  await reaches(long, 'end v2');
  await brief.join();
  const commit = await story.repo.git('rev-parse', 'HEAD');
  await untilApplied(story, controller, commit);
  await eventually('all is synced', async () => (await story.cli(['status'])).code === 0, 60_000);
  for (const host of [...far, near]) expect(await noted(host)).toEqual([...once(1), ...once(2)]);
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  expect(await controller.stop()).toBe(0);
});
