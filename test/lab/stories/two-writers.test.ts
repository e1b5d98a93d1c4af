// Two controllers of one repository: never two writers on a machine, by what the machine itself notes; who lost a machine steps down and says so.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Deployment } from '../../../schema/history.js';
import { makeDatabase, useServer } from '../../adapters/postgres-fixture.js';
import { eventually, withLab, type Host } from '../harness.js';
import { freshStory, labMachine, untilApplied, type Controller, type Story, type StoryRegistry } from '../story.js';
import { evidenceOf } from './fleet-evidence.js';

const lab = withLab({ hosts: 2 });
const hosts = [lab.host(1), lab.host(2)] as const;
const [first] = hosts;
useServer();

const names = ['one', 'two', 'three'] as const;
const folder = '/var/lib/portoser/clusters/writers';

/** Run by systemd before each start: which version comes, under which fence and whose lock. */
const guard = `#!/bin/sh
note() { echo "$1 $2 $VERSION $(cat ${folder}/fence) $(cut -d' ' -f1 ${folder}/lock)" >>/opt/guard/log; }
note begin $1
sleep 0.3
note end $1
`;

const dropIn = (name: string): string => `mkdir -p /etc/systemd/system/${name}.service.d
printf '[Service]\\nExecStartPre=/opt/guard/guard ${name}\\n' >/etc/systemd/system/${name}.service.d/guard.conf`;

const setUp = `set -e
for u in ${names.join(' ')}; do systemctl disable -q --now $u 2>/dev/null || true; rm -f /etc/systemd/system/$u.service; done
rm -rf /run/closed /opt/guard /opt/writers /var/lib/portoser; mkdir -p /opt/guard
echo ${Buffer.from(guard).toString('base64')} | base64 -d >/opt/guard/guard; chmod 755 /opt/guard/guard; : >/opt/guard/log
${names.map(dropIn).join('\n')}
systemctl daemon-reload`;

/** It listens only once /run/closed is away: until then its change waits at the gate. */
const server = (port: number): readonly string[] => [
  'sh',
  '-c',
  `while [ -e /run/closed ]; do sleep 0.1; done; exec python3 -m http.server ${port} --bind 127.0.0.1 >/dev/null 2>&1`,
];

const service = (name: string, machine: string, port: number, version: number, more: object = {}): object => ({
  type: 'native',
  machine,
  path: `/opt/writers/${name}`,
  command: server(port),
  env: { VERSION: `v${version}` },
  port,
  health: { type: 'tcp', deadline: '150s' },
  ...more,
});

const registry = (version: number): StoryRegistry => ({
  cluster: 'writers',
  policy: { interval: '3s' },
  machines: { m1: labMachine(hosts[0]), m2: labMachine(hosts[1]) },
  services: {
    one: service('one', 'm1', 9301, version),
    two: service('two', 'm2', 9302, version),
    three: service('three', 'm1', 9303, version, { depends_on: ['one', 'two'] }),
  },
});

let story: Story;
let version = 0;

beforeEach(async () => {
  await Promise.all(hosts.map(host => host.must(setUp)));
  version = 0;
}, 60_000);

afterEach(() => story?.remove());

const other = (): string => `${story.stateDir}-of-the-other`;

async function push(): Promise<string> {
  version += 1;
  return await story.push(registry(version), {}, `Version ${version}`);
}

interface Noted {
  readonly word: string;
  readonly service: string;
  readonly version: number;
  readonly fence: number;
  readonly holder: string;
}

async function noted(host: Host): Promise<readonly Noted[]> {
  const lines = (await host.must('cat /opt/guard/log')).split('\n').filter(line => line !== '');
  return lines.map(line => {
    const [word = '', name = '', v = '', fence = '', holder = ''] = line.split(' ');
    return { word, service: name, version: Number(v.slice(1)), fence: Number(fence.split('.')[0]), holder };
  });
}

const everywhere = async (): Promise<readonly Noted[]> => (await Promise.all(hosts.map(noted))).flat();

async function untilNoted(word: string, name: string, controllers: readonly Controller[]): Promise<void> {
  const sought = version;
  const is = (one: Noted): boolean => one.word === word && one.service === name && one.version === sought;
  try {
    await eventually(`${word} ${name} v${sought}`, async () => (await everywhere()).some(is), 180_000);
  } catch (cause) {
    throw new Error(controllers.map(one => one.output()).join('\n---\n'), { cause });
  }
}

/** No lock, nothing that runs, and all stamps finished, by the hosts themselves. */
async function atRest(): Promise<boolean> {
  const script = `cd ${folder} && ! ls lock steps/*/open >/dev/null 2>&1 && [ "$(grep -L ^fingerprint stamps/*)" = "" ]`;
  const codes = await Promise.all(hosts.map(async host => (await host.inside(script)).code));
  return codes.every(code => code === 0);
}

async function untilNewest(controllers: readonly Controller[]): Promise<void> {
  for (const name of names) await untilNoted('end', name, controllers);
  await eventually('all is at rest', atRest, 120_000);
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
}

/** By what the host noted: one step at a time, each version begun once and none after a newer, under fences that only rise. */
async function expectOneWriter(): Promise<void> {
  for (const host of hosts) {
    const log = await noted(host);
    const begun = log.filter((_, index) => index % 2 === 0);
    const ended = log.filter((_, index) => index % 2 === 1);
    expect(begun.map(one => ({ ...one, word: 'end' }))).toEqual(ended);
    const fences = log.map(one => one.fence);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
    for (const fence of new Set(fences))
      expect(new Set(log.filter(one => one.fence === fence).map(one => one.holder)).size).toBe(1);
    for (const name of names) {
      const versions = begun.filter(one => one.service === name).map(one => one.version);
      expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
    }
  }
}

const holders = async (): Promise<number> => new Set((await everywhere()).map(one => one.holder)).size;

test('with a store each: commits come while both work, now this one sleeps, now that one', async () => {
  story = await freshStory();
  await push();
  const both = [story.run(), story.run({ stateDir: other() })] as const;
  await untilNewest(both);
  for (const asleep of [undefined, both[0], undefined, both[1], both[0], both[1]]) {
    if (asleep !== undefined) await untilNewest(both);
    asleep?.pause();
    await push();
    await untilNoted('begin', 'one', both);
    asleep?.resume();
  }
  await untilNewest(both);
  await expectOneWriter();
  expect(await holders()).toBe(2);
  for (const one of both) expect(await one.stop()).toBe(0);
});

test('with one store: the one that slept in the middle of a change for longer than its lock lasts steps down', async () => {
  story = await freshStory({ env: { DATABASE_URL: await makeDatabase() } });
  await push();
  const sleeper = story.run();
  const rival = story.run({ stateDir: other() });
  const both = [sleeper, rival];
  await untilNewest(both);

  rival.pause();
  await first.must(': >/run/closed');
  const commit = await push();
  await untilNoted('end', 'one', both);
  sleeper.pause();
  const lock = await first.must(`cat ${folder}/lock`);
  await first.must('rm /run/closed');
  rival.resume();
  await untilNewest(both);
  expect(await first.must(`cat ${folder}/fence`)).not.toMatch(new RegExp(`^${lock.trim().split(' ')[3]}\\.`));
  await expectOneWriter();

  const before = await Promise.all(hosts.map(evidenceOf));
  const said = sleeper.output().length;
  sleeper.resume();
  const told = async () => sleeper.output().slice(said).includes('another controller took m1 over');
  await eventually('it says that it lost the machine', told, 60_000);
  await untilApplied(story, sleeper, commit);
  expect(await Promise.all(hosts.map(evidenceOf))).toEqual(before);

  await push();
  await untilNewest(both);
  await expectOneWriter();
  for (const one of both) expect(await one.stop()).toBe(0);

  const listed = await story.cli(['history', 'list', 'one', '--json']);
  const ofCommit = (JSON.parse(listed.stdout) as readonly Deployment[]).filter(one => one.commit === commit);
  expect(ofCommit.map(one => one.error?.code ?? one.result).toSorted()).toEqual(['applied', 'machine-fenced']);
}, 300_000);

interface Shown {
  readonly machine: string;
  readonly state: string;
  readonly stale: boolean;
}

async function lockOf(stateDir: string): Promise<string> {
  const shown = await story.cli(['lock', 'show', 'm1', '--json'], { stateDir });
  return (JSON.parse(shown.stdout) as readonly Shown[])
    .map(one => `${one.state}${one.stale ? ', stale' : ''}`)
    .join(' ');
}

test('after a crash it takes its own lock over at once; locks are shown and broken; stale ones hold nobody up', async () => {
  story = await freshStory();
  await push();
  let controller = story.run();
  await untilNewest([controller]);

  await first.must(': >/run/closed');
  await push();
  await untilNoted('end', 'one', [controller]);
  expect(await lockOf(story.stateDir)).toBe('ours');
  expect(await lockOf(other())).toBe('theirs');
  await controller.kill();
  expect(await lockOf(story.stateDir)).toBe('left, stale');
  const [, , leftAt, leftFence] = (await first.must(`cat ${folder}/lock`)).trim().split(' ').map(Number);
  controller = story.run();
  const next = `read -r c p t f <${folder}/lock && [ "$f" -gt ${leftFence} ] && echo $t`;
  const taken = await eventually('it has the lock again', async () => (await first.inside(next)).stdout.trim(), 60_000);
  expect(Number(taken) - (leftAt ?? 0)).toBeLessThan(60);
  await first.must('rm /run/closed');
  await untilNewest([controller]);
  await expectOneWriter();

  await first.must(': >/run/closed');
  await push();
  await untilNoted('end', 'one', [controller]);
  expect((await story.cli(['lock', 'break', 'm1'])).stderr).toContain('Say --yes');
  expect((await story.cli(['lock', 'break', 'm1', '--yes'])).stderr).toContain('--running');
  const broken = await story.cli(['lock', 'break', 'm1', '--yes'], { stateDir: other() });
  expect(broken).toMatchObject({ code: 0, stdout: expect.stringContaining('The lock of m1 is broken') });
  await first.must('rm /run/closed');
  await untilNewest([controller]);
  expect(controller.output()).toContain('another controller took m1 over');
  await expectOneWriter();

  await first.must(`echo "feedbeef 1:1 $(($(date +%s)-61)) 1" >${folder}/lock`);
  await push();
  await untilNewest([controller]);

  await first.must(`echo "feedbeef 1:1 $(date +%s) 1" >${folder}/lock`);
  await push();
  const told = async () => controller.output().includes('m1 is locked by controller feedbeef');
  await eventually('it says who holds the lock', told, 60_000);
  await untilNoted('end', 'two', [controller]);
  expect((await noted(first)).some(one => one.version === version)).toBe(false);
  expect((await story.cli(['lock', 'break', 'm1', '--yes'])).code).toBe(0);
  await untilNewest([controller]);
  await expectOneWriter();
  expect(await controller.stop()).toBe(0);
});
