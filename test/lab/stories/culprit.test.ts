// Who changed the machine, and when: what its own logs tell is told, and what they do not tell stays unknown.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Change, Culprit } from '../../../schema/plan.js';
import { withLab, type LabUser } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

const registry = (): StoryRegistry => ({
  cluster: 'who',
  machines: { m1: labMachine(host, { user: 'deploy' }) },
  services: {
    web: {
      type: 'docker',
      machine: 'm1',
      path: '/opt/web',
      source: 'web',
      port: 18_080,
      health: { type: 'http', endpoint: '/health' },
    },
    site: {
      type: 'native',
      machine: 'm1',
      path: '/opt/site',
      source: 'site',
      command: 'python3 -m http.server 9101 --bind 127.0.0.1',
      port: 9101,
      health: { type: 'http', endpoint: '/' },
    },
    theirs: { type: 'native', machine: 'm1', path: '/opt/theirs', health: { type: 'command', command: 'true' } },
    tool: {
      type: 'local',
      machine: 'm1',
      path: '/opt/tool',
      scope: 'none',
      command: 'sleep infinity',
      health: { type: 'command', command: 'true' },
    },
  },
});

const files = {
  'web/compose.yaml':
    'services:\n  main:\n    image: lab/web:1\n    restart: unless-stopped\n    ports: ["18080:8080"]\n',
  'web/conf/app.conf': 'colour = blue\n',
  'site/index.html': 'the site\n',
};

let story: Story;
beforeAll(async () => {
  await host.must(`usermod -aG docker plain
printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' >/usr/lib/systemd/system/theirs.service
systemctl daemon-reload`);
  story = await freshStory();
  await story.push(registry(), files);
  await story.once();
}, 120_000);
afterAll(() => story?.remove());

const clock = async (): Promise<number> => Number(await host.must('date +%s')) * 1000;

/** From the second after our own last change on: what is earlier may be ours. */
const nextSecond = (): Promise<string> =>
  host.must(
    `until [ "$(date +%s)" -gt $(($(sed -n 's/^finished-at //p' /var/lib/portoser/clusters/who/stamps/* | sort -n | tail -n 1) + 1)) ]; do sleep 0.1; done`,
  );

interface Seen {
  readonly culprits: readonly Culprit[];
  /** Seconds between which it was done. */
  readonly from: number;
  readonly to: number;
}

/** Does it as that person over SSH, asks for the plan, and lets it be put right. */
async function after(key: string, user: LabUser | 'nobody', script: string): Promise<Seen> {
  await nextSecond();
  const from = await clock();
  const done = user === 'nobody' ? await host.inside(script) : await host.ssh(script, { user });
  expect(done.code).toBe(0);
  const to = (await clock()) + 1000;
  const planned = await story.plan();
  const change = (planned.report.plan?.waves.flat() ?? []).find((one: Change) => one.key === key);
  const { code, report } = await story.once();
  expect(code).toBe(0);
  expect(report.plan?.waves.flat().find(one => one.key === key)?.culprits).toEqual(change?.culprits);
  return { culprits: change?.culprits ?? [], from, to };
}

function expectWhen({ culprits, from, to }: Seen, index = 0): void {
  expect(culprits[index]?.at).toBeGreaterThanOrEqual(from);
  expect(culprits[index]?.at).toBeLessThanOrEqual(to);
}

const tcRan = (command: string) => ({ user: 'tc', command, log: 'journal' });

test('the services come up', async () => {
  expect(await story.once()).toMatchObject({ code: 0, report: { outcomes: [], findings: [] } });
});

test('a unit that was stopped by sudo: when, and who', async () => {
  const seen = await after('site@m1', 'tc', 'sudo env PGPASSWORD=hunter2 systemctl stop site');
  expect(seen.culprits).toMatchObject([
    { what: 'stopped', by: tcRan('/usr/bin/env PGPASSWORD=*** systemctl stop site') },
  ]);
  expectWhen(seen);
  expect(JSON.stringify(seen)).not.toContain('hunter2');
});

test('a unit that was disabled by sudo', async () => {
  const seen = await after('site@m1', 'bb', 'sudo systemctl disable -q site');
  expect(seen.culprits).toMatchObject([
    {
      field: 'enabled',
      what: 'disabled',
      atLatest: true,
      by: { user: 'bb', command: '/usr/bin/systemctl disable -q site' },
    },
  ]);
  expectWhen(seen);
});

test('docker stop by somebody of the docker group: when, and nobody is named', async () => {
  const seen = await after('web@m1', 'plain', 'docker stop -t 1 web-main-1');
  expect(seen.culprits).toMatchObject([{ what: 'stopped' }]);
  expect(seen.culprits[0]).not.toHaveProperty('by');
  expect(seen.culprits[0]?.hints).toContainEqual(expect.stringMatching(/^plain logged in from 10\.77\.0\.1 at /));
  expectWhen(seen);
  expect(seen.culprits[0]?.text).toMatch(
    /^web-main-1 stopped at 20\S+ \S+ UTC, by whom is unknown \(no proof: .*plain logged in /,
  );
});

test('docker rm by sudo: when, and who', async () => {
  const seen = await after('web@m1', 'tc', 'sudo docker rm -f web-main-1');
  expect(seen.culprits).toMatchObject([{ what: 'removed', by: tcRan('/usr/bin/docker rm -f web-main-1') }]);
  expectWhen(seen);
});

test('an edited file: by sudo it is known who, else only whose it is now', async () => {
  const file = '/opt/web/conf/app.conf';
  const bySudo = await after('web@m1', 'tc', `cd /opt/web/conf; sudo sed -i s/blue/red/ app.conf`);
  expect(bySudo.culprits).toMatchObject([
    { field: `file:${file}`, what: 'edited', by: tcRan('/usr/bin/sed -i s/blue/red/ app.conf') },
  ]);
  expectWhen(bySudo);
  await host.must('chmod 777 /opt/site');
  const byHand = await after('site@m1', 'plain', 'sed -i s/site/place/ /opt/site/index.html');
  expect(byHand.culprits).toMatchObject([{ field: 'file:/opt/site/index.html', what: 'edited' }]);
  expect(byHand.culprits[0]).not.toHaveProperty('by');
  expect(byHand.culprits[0]?.hints).toContain("the file is plain's now");
  expectWhen(byHand);
});

test('a file that is gone: at the latest when its folder was changed', async () => {
  const seen = await after('site@m1', 'nobody', 'rm /opt/site/index.html');
  expect(seen.culprits).toMatchObject([{ what: 'removed', atLatest: true }]);
  expect(seen.culprits[0]).not.toHaveProperty('by');
  expectWhen(seen);
});

test('kill -9: of a unit it is known when; of a process that nothing keeps only who, if sudo was asked', async () => {
  const unit = await after('theirs@m1', 'nobody', 'kill -9 "$(systemctl show -P MainPID theirs)"');
  expect(unit.culprits).toMatchObject([{ what: 'killed by signal 9' }]);
  expect(unit.culprits[0]).not.toHaveProperty('by');
  expectWhen(unit);
  const tool = await after(
    'tool@m1',
    'tc',
    `sudo kill -9 "$(cut -d' ' -f1 /var/lib/portoser/clusters/who/supervise/tool)"`,
  );
  expect(tool.culprits).toMatchObject([{ by: { user: 'tc', command: expect.stringMatching(/^\S*kill -9 \d+$/) } }]);
  expect(tool.culprits[0]).not.toHaveProperty('at');
});

test('people read it in the plan, in the status and when it is put right', async () => {
  await nextSecond();
  expect(await host.ssh('sudo systemctl stop site', { user: 'tc' })).toMatchObject({ code: 0 });
  const told = /stopped at 20\S+ \S+ UTC: tc ran `\/usr\/bin\/systemctl stop site` by sudo at [\d:]{8}/;
  for (const words of [['plan', '--committed'], ['status'], ['run', '--once']])
    expect((await story.cli(words)).stdout).toMatch(told);
});

test('where the journal is gone, nothing is known, and nothing is made up', async () => {
  const gone =
    'sudo systemctl stop site; sudo journalctl -q --rotate; sudo journalctl -q --vacuum-time=1us; sudo journalctl -q --rotate; sudo journalctl -q --vacuum-time=1us';
  const seen = await after('site@m1', 'tc', gone);
  expect(seen.culprits).toEqual([{ text: 'when and by whom is unknown' }]);
});
