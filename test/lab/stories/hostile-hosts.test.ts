// A host that refuses, is full, lacks something or belongs to somebody: a clear error with code and hint, nothing half done, and the others done.
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PassReport } from '../../../schema/status.js';
import { hostKey, keyFile, withLab, type Host } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { filesOn, livesOn } from './fleet-evidence.js';
import { native, steady, troubles, type Trouble } from './troubles.js';

/** Two lanes, so that one waits while the other works. */
const lab = withLab({ hosts: 4, docker: [1, 3] });

/** A host that has something against us and one that has nothing, and a repository of their own. */
interface Lane {
  readonly bad: Host;
  readonly good: Host;
  readonly story: Story;
  /** What the good host shall run. */
  version: number;
}

const free: Lane[] = [];
const waiting: ((lane: Lane) => void)[] = [];
const lanes: Lane[] = [];

beforeAll(async () => {
  for (const first of [1, 3])
    lanes.push({ bad: lab.host(first), good: lab.host(first + 1), story: await freshStory(), version: 0 });
  free.push(...lanes);
});

afterAll(() => Promise.all(lanes.map(({ story }) => story.remove())));

/** Whatever the story before left on the bad host goes. */
const clean = `systemctl disable -q --now bad 2>/dev/null; docker ps -aq --filter label=com.docker.compose.project=bad | xargs -r docker rm -f >/dev/null; docker network prune -f >/dev/null
rm -rf /opt/bad /etc/systemd/system/bad.service /var/lib/portoser /root/.local/state/portoser /home/*/.local/state/portoser; systemctl daemon-reload`;

/** Waits for a lane that is free, and gives it back as it was. */
async function inLane(work: (lane: Lane) => Promise<void>): Promise<void> {
  const lane = free.pop() ?? (await new Promise<Lane>(resolve => waiting.push(resolve)));
  try {
    await lane.bad.must(`${clean} || :`);
    await work(lane);
  } finally {
    const next = waiting.shift();
    if (next === undefined) free.push(lane);
    else next(lane);
  }
}

/** Pushes the next version of both services. */
async function push(
  lane: Lane,
  { machine = {}, service, files = {} }: Pick<Trouble, 'machine' | 'service' | 'files'>,
): Promise<void> {
  lane.version += 1;
  const registry: StoryRegistry = {
    cluster: 'hostile',
    policy: { backoff: '1s' },
    machines: { m1: labMachine(lane.bad, machine), m2: labMachine(lane.good) },
    services: {
      bad: service,
      good: {
        type: 'native',
        machine: 'm2',
        path: '/opt/good',
        command: 'sleep infinity',
        env: { VERSION: String(lane.version) },
        health: { type: 'command', command: 'true' },
      },
    },
  };
  await lane.story.push(registry, { ...steady, ...files });
}

interface Said {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** What the pass says of the bad host, as a failed change or as something that was left alone. */
function saidOf(report: PassReport): readonly Said[] {
  const failed = report.outcomes.flatMap(one => (one.result === 'failed' && one.key === 'bad@m1' ? [one.error] : []));
  return [...failed, ...report.findings].map(({ code = '', message, hint = '' }) => ({ code, message, hint }));
}

const goodVersion = ({ good }: Lane): Promise<string> =>
  good.must(
    `tr '\\0' '\\n' </proc/$(systemctl show -P MainPID good)/environ | grep VERSION | cut -d= -f2 | tr -d '\\n'`,
  );

/** Files that were not there before, or are not as they were; folders and what is ours alone (lock, steps) do not count. */
async function newFiles({ bad }: Lane, before: string): Promise<readonly string[]> {
  const known = new Set(before.split('\n'));
  const fresh = (await filesOn(bad)).split('\n').filter(line => line !== '' && !known.has(line));
  const files = fresh.filter(line => / [0-7]+ \S+ [^d] \d+ /.test(line)).map(line => line.split(' ')[0] ?? '');
  return files.filter(path => !/\/clusters\/hostile\/(machine|identity|fence|steps\/.*)$/.test(path));
}

const isClaim = (path: string): boolean => path.endsWith('/clusters/hostile/stamps/bad');

/** What its claim names, with the hashes that it should have. */
async function claimed({ bad }: Lane): Promise<Readonly<Record<string, string>>> {
  const lines = await bad.must(
    `sed -n 's/^file [0-7]* \\([0-9a-f]*\\) [a-z]* /\\1 /p' /var/lib/portoser/clusters/hostile/stamps/bad`,
  );
  const rows = lines.split('\n').filter(line => line !== '');
  return Object.fromEntries(rows.map(line => [line.slice(65), line.slice(0, 64)]));
}

async function hashesOf({ bad }: Lane, paths: readonly string[]): Promise<Readonly<Record<string, string>>> {
  if (paths.length === 0) return {};
  const lines = (await bad.must(`sha256sum ${paths.join(' ')}`)).split('\n').filter(line => line !== '');
  return Object.fromEntries(lines.map(line => [line.slice(66), line.slice(0, 64)]));
}

/** What runs, or did; a container that was only ever made does not. */
async function running({ bad }: Lane): Promise<readonly string[]> {
  return (await livesOn(bad))
    .split('\n')
    .filter(line => / running | exited |ActiveState=(active|activating)/.test(line));
}

async function meet(lane: Lane, trouble: Trouble): Promise<void> {
  const { bad, story } = lane;
  await bad.must(trouble.script ?? 'true');
  const before = { files: await filesOn(bad), running: await running(lane) };
  await push(lane, trouble);
  const { code, report } = await story.once();

  const { message, hint } = trouble;
  const said = { code: trouble.code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) };
  expect({ code, said: saidOf(report) }).toEqual({ code: 1, said: [said] });
  expect(report.outcomes).toContainEqual(expect.objectContaining({ key: 'good@m2', result: 'applied' }));
  expect(await goodVersion(lane)).toBe(String(lane.version));

  expect(await running(lane)).toEqual(before.running);
  const fresh = await newFiles(lane, before.files);
  const others = fresh.filter(path => !isClaim(path));
  expect(await hashesOf(lane, others)).toEqual(trouble.left === 'files' ? await claimed(lane) : {});
  expect(fresh.filter(isClaim)).toHaveLength(trouble.left === undefined ? 0 : 1);
}

test.concurrent.each(troubles)('$what', trouble =>
  inLane(async lane => {
    let undo = trouble.undo ?? 'true';
    try {
      await meet(lane, trouble);
      await lane.bad.must(undo);
      undo = 'true';
      const again = trouble.recovers ? (await lane.story.once()).code : 0;
      expect(again).toBe(0);
    } finally {
      await lane.bad.must(undo);
    }
  }),
);

test.concurrent('a program that cannot be run: the end of its log tells why', () =>
  inLane(async lane => {
    await push(lane, { service: native({ command: './a.txt' }) });
    const { code, report } = await lane.story.once();
    expect({ code, outcomes: report.outcomes }).toMatchObject({
      code: 1,
      outcomes: expect.arrayContaining([
        expect.objectContaining({
          key: 'bad@m1',
          result: 'failed',
          error: {
            code: 'command-failed',
            message: 'bad.service did not start: the control process exited with error code',
            hint: 'The end of its log stands above.',
            retry: 'backoff',
          },
          outputTail: expect.stringMatching(/a\.txt.*Permission denied/),
        }),
      ]),
    });
    expect(await goodVersion(lane)).toBe(String(lane.version));
  }),
);

test.concurrent('a private key that others can read is refused', () =>
  inLane(async lane => {
    const open = join(lane.story.repo.dir, 'open-key');
    copyFileSync(keyFile, open);
    chmodSync(open, 0o644);
    await push(lane, { machine: { ssh_key: open }, service: native() });
    const { code, report } = await lane.story.once();
    expect({ code, said: saidOf(report) }).toMatchObject({ code: 1, said: [{ code: 'ssh-key-unusable' }] });
    expect(await goodVersion(lane)).toBe(String(lane.version));
  }),
);

test.concurrent('the command that the hint names makes an unknown host known', () =>
  inLane(async lane => {
    const { bad, story } = lane;
    await push(lane, { machine: { host_key: undefined }, service: native() });
    expect(await story.once()).toMatchObject({ code: 1 });
    expect(await story.cli(['machine', 'trust', 'm1', '--yes'])).toMatchObject({ code: 0 });
    expect(await story.once()).toMatchObject({ code: 0, report: { findings: [] } });
    await story.repo.git('pull', '-q', 'origin', 'main');
    expect(await story.repo.git('grep', '-c', hostKey(bad.index), '--', 'registry.yml')).toBe('registry.yml:1');
  }),
);

test.concurrent('a person reads reason, advice and code', () =>
  inLane(async lane => {
    await push(lane, { machine: { user: 'nobody-here' }, service: native() });
    const { code, stdout } = await lane.story.cli(['run', '--once']);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringMatching(
        /! m1: m1 \(nobody-here@.*refused the login.*\n +Check the user and ssh_key.* \[ssh-auth\]/,
      ),
    });
  }),
);
