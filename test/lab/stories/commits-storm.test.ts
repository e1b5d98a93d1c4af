// 200 commits in a minute, five of them force-pushes: held with the reason or followed to the newest, and never two changes at once, also with a rival controller.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { eventually, withLab, type Host } from '../harness.js';
import { freshStory, labMachine, untilApplied, type Controller, type Story, type StoryRegistry } from '../story.js';

/** One for each storm: they rage side by side. */
const lab = withLab({ hosts: 2 });

const commits = 200;
const stormMs = 60_000;
const forced = [40, 80, 120, 160, 199];
const names = ['first', 'second', 'third'] as const;

/**
 * Run by systemd before each start of any of the three services. They depend on one another, so that no two may be
 * changed side by side: whoever finds another in here has caught two changes at once. It notes which version comes.
 */
const guard = `#!/bin/sh
exec 9>>/opt/guard/lock
flock -n 9 || echo "overlap $1 $VERSION" >>/opt/guard/overlaps
echo "begin $1 $VERSION" >>/opt/guard/log
sleep 0.3
echo "end $1 $VERSION" >>/opt/guard/log
`;

const dropIn = (name: string): string => `mkdir -p /etc/systemd/system/${name}.service.d
printf '[Service]\\nExecStartPre=/opt/guard/guard ${name}\\n' >/etc/systemd/system/${name}.service.d/guard.conf`;

const setUp = `set -e
mkdir -p /opt/guard
echo ${Buffer.from(guard).toString('base64')} | base64 -d >/opt/guard/guard; chmod 755 /opt/guard/guard; : >/opt/guard/log
${names.map(dropIn).join('\n')}
systemctl daemon-reload`;

/** Ten commits in a row change the same service. A service's version is the newest that was for it, 0 before the first. */
const blockOf = 10;
function versionOf(index: number, newest: number): number {
  const block = Math.floor(newest / blockOf);
  const behind = (block - index + names.length) % names.length;
  if (behind === 0) return newest;
  return Math.max(0, (block - behind + 1) * blockOf - 1);
}

type Policy = 'hold' | 'follow';

const registry = (host: Host, version: number, policy: Policy): StoryRegistry => ({
  cluster: 'storm',
  policy: { force_push: policy },
  machines: { m1: labMachine(host) },
  services: Object.fromEntries(
    names.map((name, index) => [
      name,
      {
        type: 'native',
        machine: 'm1',
        path: `/opt/storm/${name}`,
        command: 'sleep infinity',
        env: { VERSION: String(versionOf(index, version)) },
        health: { type: 'command', command: 'true' },
        ...(index === 0 ? {} : { depends_on: [names[index - 1]] }),
      },
    ]),
  ),
});

interface Storm {
  readonly host: Host;
  readonly policy: Policy;
  readonly story: Story;
}
const storms = new Map<Policy, Storm>();

beforeAll(async () => {
  for (const [policy, host] of [
    ['follow', lab.host(1)],
    ['hold', lab.host(2)],
  ] as const) {
    await host.must(setUp);
    storms.set(policy, { policy, host, story: await freshStory() });
  }
}, 60_000);

afterAll(() => Promise.all([...storms.values()].map(({ story }) => story.remove())));

function stormOf(policy: Policy): Storm {
  const storm = storms.get(policy);
  if (storm === undefined) throw new Error(`there is no storm to ${policy}`);
  return storm;
}

/** One commit and push of the storm; a forced one goes back to the first commit and rewrites all that came since. */
async function pushVersion({ story, host, policy }: Storm, version: number): Promise<string> {
  const force = forced.includes(version);
  if (force) {
    await eventually('a later commit than the first is applied', async () => {
      const { appliedCommit } = await story.status();
      return appliedCommit !== undefined && appliedCommit !== (await story.repo.git('rev-parse', 'start'));
    });
    await story.repo.git('reset', '-q', '--hard', 'start');
  }
  const commit = await story.repo.commit(
    { 'registry.yml': stringify(registry(host, version, policy)) },
    `Version ${version}`,
  );
  await story.repo.push({ force });
  return commit;
}

/** The last commit of the storm; commits come evenly over the minute. */
async function rage(storm: Storm): Promise<string> {
  const startedAt = performance.now();
  let last = '';
  for (let version = 1; version < commits; version += 1) {
    const dueMs = (stormMs * version) / commits - (performance.now() - startedAt);
    if (dueMs > 0) await sleep(dueMs);
    last = await pushVersion(storm, version);
  }
  return last;
}

/** Version 0 is applied, and known as `start`: what is applied later is lost by going back to it. */
async function begin(storm: Storm): Promise<Controller> {
  const { story } = storm;
  const commit = await pushVersion(storm, 0);
  await story.repo.git('tag', 'start');
  const controller = story.run();
  await untilApplied(story, controller, commit);
  return controller;
}

interface Noted {
  readonly word: string;
  readonly service: string;
  readonly version: number;
}

async function noted({ host }: Storm): Promise<readonly Noted[]> {
  const lines = (await host.must('cat /opt/guard/log')).trim().split('\n');
  return lines.map(line => {
    const [word = '', service = '', version] = line.split(' ');
    return { word, service, version: Number(version) };
  });
}

const versions = async (storm: Storm, service: string): Promise<readonly number[]> =>
  (await noted(storm)).filter(one => one.word === 'begin' && one.service === service).map(one => one.version);

/** Each change ended before the next began, by what the host itself noted. */
async function expectOneAtATime(storm: Storm): Promise<void> {
  expect(await storm.host.must('cat /opt/guard/overlaps 2>/dev/null || true')).toBe('');
  const log = await noted(storm);
  const begun = log.filter((_, index) => index % 2 === 0);
  const ended = log.filter((_, index) => index % 2 === 1);
  expect(begun.map(({ service, version }) => `${service} ${version}`)).toEqual(
    ended.map(({ service, version }) => `${service} ${version}`),
  );
  expect(new Set(begun.map(one => one.word))).toEqual(new Set(['begin']));
}

/** What the processes of the newest commit say. */
const newest = names.map((_, index) => `VERSION=${versionOf(index, commits - 1)}`);

const running = async ({ host }: Storm): Promise<readonly string[]> =>
  (
    await host.must(
      `for u in ${names.join(' ')}; do tr '\\0' '\\n' <"/proc/$(systemctl show -P MainPID $u)/environ" | grep ^VERSION=; done`,
    )
  )
    .trim()
    .split('\n');

describe.concurrent('200 commits in a minute, five of them force-pushes', () => {
  test('followed, with a second controller beside: it ends on the newest, and never went back', async () => {
    const storm = stormOf('follow');
    const { story } = storm;
    const controller = await begin(storm);
    const rival = story.run({ stateDir: `${story.stateDir}-of-a-rival` });
    const last = await rage(storm);
    expect(await rival.stop()).toBe(0);
    await untilApplied(story, controller, last);
    expect(await running(storm)).toEqual(newest);
    for (const name of names) {
      const seen = await versions(storm, name);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      expect(seen.length).toBeLessThan(commits);
    }
    const changes = (await noted(storm)).length / 2;
    expect(changes, 'changes while commits came, besides the first and the last').toBeGreaterThan(2 * names.length);
    await expectOneAtATime(storm);
    expect(await controller.stop()).toBe(0);
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  });

  test('held: it stays on what was applied before the first force-push, says why, and goes on when a person accepts', async () => {
    const storm = stormOf('hold');
    const { story } = storm;
    const controller = await begin(storm);
    const last = await rage(storm);
    const status = await eventually('it is held', async () => {
      const now = await story.status();
      return now.held !== undefined && now;
    });
    expect(status.held).toMatch(/the branch main was rewritten.*portoser git accept/);
    for (const name of names) expect(Math.max(...(await versions(storm, name)))).toBeLessThan(forced[0] ?? 0);
    await expectOneAtATime(storm);
    expect(await story.plan()).toMatchObject({ code: 2, report: { held: status.held } });

    expect((await story.cli(['git', 'accept', last])).code).toBe(0);
    await untilApplied(story, controller, last);
    expect(await running(storm)).toEqual(newest);
    await expectOneAtATime(storm);
  });
});
