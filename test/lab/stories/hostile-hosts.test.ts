// A host that refuses, is full, lacks something or belongs to somebody: a clear error with code and hint, nothing half done, and the others done.
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { PassReport } from '../../../schema/status.js';
import { hostKey, keyFile, withLab } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { filesOn, livesOn } from './fleet-evidence.js';
import { native, steady, troubles, type Trouble } from './troubles.js';

const lab = withLab({ hosts: 2, docker: [1] });
const [bad, good] = [lab.host(1), lab.host(2)];

let story: Story;
let version = 0;

beforeAll(async () => {
  story = await freshStory();
});

afterAll(() => story?.remove());

/** Whatever the story before left on the bad host goes. */
const clean = `systemctl disable -q --now bad 2>/dev/null; docker ps -aq --filter label=com.docker.compose.project=bad | xargs -r docker rm -f >/dev/null; docker network prune -f >/dev/null
rm -rf /opt/bad /etc/systemd/system/bad.service /var/lib/portoser /root/.local/state/portoser /home/*/.local/state/portoser; systemctl daemon-reload`;

beforeEach(async () => {
  await bad.must(`${clean} || :`);
});

function registryOf({ machine = {}, service }: Pick<Trouble, 'machine' | 'service'>): StoryRegistry {
  version += 1;
  return {
    cluster: 'hostile',
    machines: { m1: labMachine(bad, machine), m2: labMachine(good) },
    services: {
      bad: service,
      good: {
        type: 'native',
        machine: 'm2',
        path: '/opt/good',
        command: 'sleep infinity',
        env: { VERSION: String(version) },
        health: { type: 'command', command: 'true' },
      },
    },
  };
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

const goodVersion = (): Promise<string> =>
  good.must(
    `tr '\\0' '\\n' </proc/$(systemctl show -P MainPID good)/environ | grep VERSION | cut -d= -f2 | tr -d '\\n'`,
  );

/** Files that were not there before, or are not as they were; folders and what is ours alone (lock, steps) do not count. */
async function newFiles(before: string): Promise<readonly string[]> {
  const known = new Set(before.split('\n'));
  const fresh = (await filesOn(bad)).split('\n').filter(line => line !== '' && !known.has(line));
  const files = fresh.filter(line => / [0-7]+ \S+ [^d] \d+ /.test(line)).map(line => line.split(' ')[0] ?? '');
  return files.filter(path => !/\/clusters\/hostile\/(machine|identity|fence|steps\/.*)$/.test(path));
}

const isClaim = (path: string): boolean => path.endsWith('/clusters/hostile/stamps/bad');

/** What its claim names, with the hashes that it should have. */
async function claimed(): Promise<Readonly<Record<string, string>>> {
  const lines = await bad.must(
    `sed -n 's/^file [0-7]* \\([0-9a-f]*\\) [a-z]* /\\1 /p' /var/lib/portoser/clusters/hostile/stamps/bad`,
  );
  const rows = lines.split('\n').filter(line => line !== '');
  return Object.fromEntries(rows.map(line => [line.slice(65), line.slice(0, 64)]));
}

async function hashesOf(paths: readonly string[]): Promise<Readonly<Record<string, string>>> {
  if (paths.length === 0) return {};
  const lines = (await bad.must(`sha256sum ${paths.join(' ')}`)).split('\n').filter(line => line !== '');
  return Object.fromEntries(lines.map(line => [line.slice(66), line.slice(0, 64)]));
}

/** What runs, or did; a container that was only ever made does not. */
async function running(): Promise<readonly string[]> {
  return (await livesOn(bad))
    .split('\n')
    .filter(line => / running | exited |ActiveState=(active|activating)/.test(line));
}

let undo = '';

afterEach(async () => {
  await bad.must(undo || 'true');
  undo = '';
});

test.each(troubles)('$what', async trouble => {
  undo = trouble.undo ?? '';
  await bad.must(trouble.script ?? 'true');
  const before = { files: await filesOn(bad), running: await running() };
  await story.push(registryOf(trouble), { ...steady, ...trouble.files });
  const { code, report } = await story.once();

  const { message, hint } = trouble;
  const said = { code: trouble.code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) };
  expect({ code, said: saidOf(report) }).toEqual({ code: 1, said: [said] });
  expect(report.outcomes).toContainEqual(expect.objectContaining({ key: 'good@m2', result: 'applied' }));
  expect(await goodVersion()).toBe(String(version));

  expect(await running()).toEqual(before.running);
  const fresh = await newFiles(before.files);
  const others = fresh.filter(path => !isClaim(path));
  expect(await hashesOf(others)).toEqual(trouble.left === 'files' ? await claimed() : {});
  expect(fresh.filter(isClaim)).toHaveLength(trouble.left === undefined ? 0 : 1);

  await bad.must(undo || 'true');
  undo = '';
  const again = trouble.recovers ? (await story.once()).code : 0;
  expect(again).toBe(0);
});

test('a program that cannot be run: the end of its log tells why', async () => {
  await story.push(registryOf({ service: native({ command: './a.txt' }) }), steady);
  const { code, report } = await story.once();
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
  expect(await goodVersion()).toBe(String(version));
});

test('a private key that others can read is refused', async () => {
  const open = join(story.repo.dir, 'open-key');
  copyFileSync(keyFile, open);
  chmodSync(open, 0o644);
  await story.push(registryOf({ machine: { ssh_key: open }, service: native() }), steady);
  const { code, report } = await story.once();
  expect({ code, said: saidOf(report) }).toMatchObject({ code: 1, said: [{ code: 'ssh-key-unusable' }] });
  expect(await goodVersion()).toBe(String(version));
});

test('the command that the hint names makes an unknown host known', async () => {
  await story.push(registryOf({ machine: { host_key: undefined }, service: native() }), steady);
  expect(await story.once()).toMatchObject({ code: 1 });
  expect(await story.cli(['machine', 'trust', 'm1', '--yes'])).toMatchObject({ code: 0 });
  expect(await story.once()).toMatchObject({ code: 0, report: { findings: [] } });
  await story.repo.git('pull', '-q', 'origin', 'main');
  expect(await story.repo.git('grep', '-c', hostKey(1), '--', 'registry.yml')).toBe('registry.yml:1');
});

test('a person reads reason, advice and code', async () => {
  await story.push(registryOf({ machine: { user: 'nobody-here' }, service: native() }), steady);
  const { code, stdout } = await story.cli(['run', '--once']);
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: expect.stringMatching(
      /! m1: m1 \(nobody-here@.*refused the login.*\n +Check the user and ssh_key.* \[ssh-auth\]/,
    ),
  });
});
