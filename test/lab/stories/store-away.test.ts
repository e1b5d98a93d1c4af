// The database of history is stopped in the middle of a deploy and stays away, the disk of the state folder fills, an old backup is brought back:
// the hosts get every commit all the same, each start is made once, and history has what it must.
// It is away for 20 s, or for as long as PORTOSER_STORE_AWAY_SECONDS says (npm run soak: 3 minutes).
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inDatabase } from '../../adapters/postgres-fixture.js';
import { filesBelow } from '../../commands/batch-machine.js';
import { startTestPostgres, type TestPostgres } from '../../servers/postgres.js';
import { mountSmallDisk, type SmallDisk } from '../../small-disk.js';
import { eventually, withLab } from '../harness.js';
import { freshStory, labMachine, untilApplied, type Controller, type Story, type StoryRegistry } from '../story.js';
import { livesOn } from './fleet-evidence.js';

const awayMs = Number(process.env['PORTOSER_STORE_AWAY_SECONDS'] ?? 20) * 1000;

const lab = withLab({ hosts: 2, docker: [2] });
const [first, second] = [lab.host(1), lab.host(2)];
const keys = ['app@m1', 'web@m2'] as const;

/** Takes the place of uv: its set-up is under way for as long as /run/hold is there. */
const uv = `#!/bin/sh
case $1 in
sync)
  echo "begin $VERSION" >>/opt/log/setups
  while [ -e /run/hold ]; do sleep 0.1; done
  mkdir -p .venv/bin; ln -sf /usr/bin/python3 .venv/bin/python ;;
run) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
esac
`;
const setUp = `mkdir -p /opt/log; : >/opt/log/starts; : >/opt/log/setups
echo ${Buffer.from(uv).toString('base64')} | base64 -d >/usr/local/bin/uv; chmod 755 /usr/local/bin/uv`;

const quick = { deadline: '30s', interval: '5s', soak: '1s' };
const registry = (version: number): StoryRegistry => ({
  cluster: 'away',
  policy: { interval: '2s', backoff: '1s' },
  machines: { m1: labMachine(first), m2: labMachine(second) },
  services: {
    app: {
      type: 'local',
      machine: 'm1',
      path: '/opt/app',
      source: 'app',
      command: ['sh', '-c', 'echo "app@m1 $VERSION" >>/opt/log/starts; exec sleep 100000'],
      env: { VERSION: `v${version}` },
      stop_timeout: '2s',
      health: { type: 'command', command: 'true', ...quick },
    },
    web: {
      type: 'docker',
      machine: 'm2',
      path: '/opt/web',
      source: 'web',
      pull: 'never',
      port: 18_097,
      env: { VERSION: `v${version}` },
      stop_timeout: '2s',
      health: { type: 'http', endpoint: '/health', ...quick },
    },
  },
});
const files = {
  'app/pyproject.toml': '[project]\nname = "app"\nversion = "1"\n',
  'app/uv.lock': '',
  'web/compose.yaml': `services:
  main:
    image: lab/web:1
    restart: always
    command: ["sh", "-c", 'echo "web@m2 $$VERSION" >>/log/starts; exec /bin/serve']
    volumes: ["/opt/log:/log"]
    ports: ["18097:8080"]
    environment: { VERSION: "\${VERSION}" }
`,
};

let postgres: TestPostgres;
let story: Story;
let disk: SmallDisk;
let controller: Controller;
let backup = '';
/** Of the versions, from the first one on. */
const commits: string[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres();
  await Promise.all([first, second].map(host => host.must(setUp)));
  story = await freshStory({ env: { DATABASE_URL: postgres.url } });
  backup = join(dirname(story.stateDir), 'saved');
  disk = mountSmallDisk(story.stateDir, '24m');
}, 120_000);

afterAll(async () => {
  await controller?.kill();
  disk?.unmount();
  await story?.remove();
  await postgres?.remove();
}, 60_000);

async function push(): Promise<string> {
  const version = commits.length + 1;
  const commit = await story.push(registry(version), files, `Version ${version}`);
  commits.push(commit);
  return commit;
}

/** `app@m1 v3` for each start that a service made, as it noted it itself. */
async function starts(): Promise<readonly string[]> {
  const texts = await Promise.all([first, second].map(host => host.must('cat /opt/log/starts')));
  return texts.flatMap(text => text.split('\n').filter(line => line !== ''));
}

/** Each version once on each host, in order. */
const everyStart = (): readonly string[] => keys.flatMap(key => commits.map((_, index) => `${key} v${index + 1}`));

async function reaches(what: string, met: () => Promise<boolean> | boolean, timeoutMs = 90_000): Promise<void> {
  try {
    await eventually(what, async () => met(), timeoutMs);
  } catch (cause) {
    throw new Error(`${what}: the controller said ${controller.output()}`, { cause });
  }
}

const started = (): Promise<void> => {
  const line = `v${commits.length}`;
  return reaches(`both start ${line}`, async () => {
    const all = await starts();
    return keys.every(key => all.includes(`${key} ${line}`));
  });
};

interface Kept {
  readonly key: string;
  readonly commit: string;
  readonly result: string;
}

/** What history has, oldest run first. */
const kept = (): Promise<readonly Kept[]> =>
  inDatabase(postgres.url, async client => {
    const { rows } = await client.query<Kept>(
      `select d.key, r.commit, coalesce(d.error->>'code', d.result) as result from portoser.deployments d
       join portoser.runs r on r.id = d.run_id order by r.started_at, d.key`,
    );
    return rows;
  });

const line = ({ key, commit, result }: Pick<Kept, 'key' | 'commit' | 'result'>): string =>
  `${key} v${commits.indexOf(commit) + 1} ${result}`;
/** Of these commits: each placement was applied once, and nothing else is told of it. */
const wanted = (of: readonly string[]): readonly string[] =>
  of.flatMap(commit => keys.map(key => line({ key, commit, result: 'applied' })));

async function historyIs(what: string, lines: () => readonly string[]): Promise<void> {
  const has = async (): Promise<readonly string[]> => (await kept()).map(line);
  await reaches(what, async () => (await has()).length >= lines().length && !(await has()).join().includes('progress'));
  expect(await has()).toEqual(lines());
}

test('a backup is taken of a controller that runs', async () => {
  await push();
  controller = story.run();
  await untilApplied(story, controller, commits[0] ?? '');
  await historyIs('history has the first', () => wanted(commits));
  expect(await story.cli(['backup', backup])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('2 deployments') as string,
  });
});

test(
  `the database is stopped in the middle of a step, and away for ${awayMs / 1000} s: commits are applied, and history is caught up with`,
  async () => {
    await first.must(': >/run/hold');
    await push();
    await reaches('the step is under way', async () => (await first.must('cat /opt/log/setups')).includes('begin v2'));
    await postgres.stop();
    const awayUntil = performance.now() + awayMs;
    await first.must('rm /run/hold');
    await started();
    while (commits.length < 4 || performance.now() < awayUntil) {
      await push();
      await started();
    }
    expect(controller.output()).toContain('history waits for its database');
    expect((await story.status()).controller?.history?.state).toBe('away');
    await postgres.start();
    await historyIs('history has all', () => wanted(commits));
    expect(await starts()).toEqual(everyStart());
  },
  awayMs * 2 + 180_000,
);

/** Documents that are no JSON, files laid aside, and what the journal has begun and not ended. */
function brokenNotes(): readonly string[] {
  return filesBelow(story.stateDir).flatMap(path => {
    if (/\.(tmp|new)$/.test(path)) return [path];
    if (path.endsWith('.json')) return isWhole(readFileSync(path, 'utf8')) ? [] : [path];
    if (!/journal\.[^/]*\.jsonl$/.test(path)) return [];
    const rows = readFileSync(path, 'utf8').split('\n').filter(Boolean);
    const all = rows.map(row => JSON.parse(row) as { readonly id: string; readonly endedAt?: number });
    const ended = all.flatMap(({ id, endedAt }) => (endedAt === undefined ? [] : [id]));
    return all.filter(({ id }) => !ended.includes(id)).map(({ id }) => `${path}: ${id} is open`);
  });
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('the disk of the state folder is full: what cannot be noted is said, and with room all is done, each start once', async () => {
  await untilApplied(story, controller, commits.at(-1) ?? '');
  const whole = commits.length;
  disk.fill();
  const from = controller.output().length;
  const refused = (): boolean =>
    /(app@m1|web@m2): failed: the journal in .*: no space is left there/.test(controller.output().slice(from));
  // Files end within a block: some rows find room yet, and what could be noted is done.
  while (!refused()) {
    await push();
    const now = `v${commits.length}`;
    await reaches(`${now} is begun or refused`, async () => {
      const all = await starts();
      return refused() || keys.every(key => all.includes(`${key} ${now}`));
    });
  }
  disk.free();
  await started();
  await untilApplied(story, controller, commits.at(-1) ?? '');
  await historyTellsOf(whole);
  await reaches('all that is noted here is whole and closed', () => brokenNotes().length === 0);
  expect(await starts()).toEqual(everyStart());
});

/** Of all versions, and of none twice that it was applied. One after the first `whole` may have found room for its start alone, and says so. */
async function historyTellsOf(whole: number): Promise<void> {
  const last = wanted(commits.slice(-1));
  const has = async (): Promise<readonly string[]> => (await kept()).map(line).toSorted();
  await reaches('history has the last, and nothing is open', async () => {
    const now = await has();
    return last.every(one => now.includes(one)) && !now.join().includes('progress');
  });
  const all = await has();
  const applied = all.filter(one => one.endsWith(' applied'));
  expect(applied).toEqual([...new Set(applied)]);
  expect(applied).toEqual(expect.arrayContaining([...wanted(commits.slice(0, whole)), ...last]));
  const others = all.filter(one => !one.endsWith(' applied'));
  const mayBeRefused = commits.slice(whole).flatMap((_, index) => keys.map(key => `${key} v${whole + index + 1}`));
  expect(others.filter(one => !mayBeRefused.some(start => one === `${start} state-dir-unusable`))).toEqual([]);
  const told = new Set(all.map(one => one.split(' ').slice(0, 2).join(' ')));
  expect([...told]).toEqual(everyStart().toSorted());
}

test('an old backup is brought back: nothing is done again, and history goes on from there', async () => {
  expect(await controller.stop(), controller.output()).toBe(0);
  const before = await Promise.all([first, second].map(livesOn));
  const restored = await story.cli(['restore', backup, '--yes']);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect((await kept()).map(line)).toEqual(wanted(commits.slice(0, 1)));
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  expect(await story.once()).toMatchObject({ code: 0, report: { outcomes: [] } });
  expect(await Promise.all([first, second].map(livesOn))).toEqual(before);

  controller = story.run();
  await push();
  await untilApplied(story, controller, commits.at(-1) ?? '');
  await historyIs('history goes on', () => wanted([...commits.slice(0, 1), ...commits.slice(-1)]));
  expect(await starts()).toEqual(everyStart());
  expect(await controller.stop()).toBe(0);
});
