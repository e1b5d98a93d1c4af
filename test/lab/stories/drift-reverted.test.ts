// What people do to a host by hand is reported with its reason and field, and undone within one pass; neighbours stay as they are.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withLab } from '../harness.js';
import { changesOf, freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { filesOn, livesOn, startedAt, type Kept } from './fleet-evidence.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

const compose = `services:
  main:
    image: lab/web:1
    restart: unless-stopped
    ports: ["18080:8080"]
`;

const registry = (): StoryRegistry => ({
  cluster: 'drift',
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
      command: 'python3 -m http.server 9102 --bind 127.0.0.1',
      port: 9102,
      health: { type: 'tcp' },
    },
  },
});

const files = {
  'web/compose.yaml': compose,
  'web/conf/app.conf': 'colour = blue\n',
  'site/index.html': 'the site\n',
  'site/run.sh': '#!/bin/sh\n',
};

/** A unit that a package brought, and things that are nobody's business: a container, a unit, a process, files between ours. */
const neighbourhood = `set -e
printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' | tee /usr/lib/systemd/system/theirs.service >/etc/systemd/system/neighbour.service
systemctl daemon-reload; systemctl start neighbour
docker run -d --name neighbour --restart always lab/web:1 >/dev/null
mkdir -p /opt/web/conf /opt/neighbour; echo mine | tee /opt/web/neighbour.txt /opt/web/conf/neighbour.conf >/opt/neighbour/file
chown -R deploy: /opt/web`;

const neighbourFiles = /^\/(opt\/\S*neighbour|etc\/systemd\/system\/(neighbour|multi-user.target.wants\/neighbour))/;

async function neighbours(): Promise<readonly string[]> {
  const [found, lives, content] = await Promise.all([
    filesOn(host),
    livesOn(host),
    host.must('cat /opt/web/neighbour.txt /opt/web/conf/neighbour.conf /opt/neighbour/file'),
  ]);
  const lines = [...found.split('\n').filter(line => neighbourFiles.test(line)), ...lives.split('\n')];
  return [...lines.filter(line => line.includes('neighbour')), content];
}

let story: Story;
let before: readonly string[];

beforeAll(async () => {
  await host.must(neighbourhood);
  before = await neighbours();
  story = await freshStory();
  await story.push(registry(), files);
}, 60_000);

afterAll(() => story?.remove());

const things: Readonly<Record<string, Kept>> = {
  web: { container: 'web-main-1' },
  site: { unit: 'site.service' },
  theirs: { unit: 'theirs.service' },
  tool: { listensOn: 9102 },
};

/** All four run; when each was started. */
async function starts(): Promise<Readonly<Record<string, number>>> {
  const pairs = Object.entries(things).map(async ([name, thing]) => [name, await startedAt(host, thing)] as const);
  return Object.fromEntries(await Promise.all(pairs));
}

const record = '/var/lib/portoser/clusters/drift/supervise/tool';
const unitFile = '/etc/systemd/system/site.service';
const killTool = `kill -9 "$(cut -d' ' -f1 ${record})"`;

interface Damage {
  readonly what: string;
  readonly script: string;
  /** The plan's line: key, kind, reason and fields. */
  readonly line: string;
  /** Whether it has to be started for the repair. */
  readonly restarts: boolean;
}

const damages: readonly Damage[] = [
  { what: 'docker rm -f', script: 'docker rm -f web-main-1', line: 'web@m1 repair missing', restarts: true },
  { what: 'docker stop', script: 'docker stop -t 1 web-main-1', line: 'web@m1 repair stopped', restarts: true },
  { what: 'systemctl stop', script: 'systemctl stop site', line: 'site@m1 repair stopped', restarts: true },
  {
    what: 'systemctl disable',
    script: 'systemctl disable -q site',
    line: 'site@m1 repair drifted enabled',
    restarts: false,
  },
  {
    what: 'systemctl mask of a unit that is not our text',
    script: 'systemctl mask -q --now theirs',
    line: 'theirs@m1 repair drifted masked',
    restarts: true,
  },
  {
    what: 'systemctl mask of our unit',
    script: `systemctl stop site; rm ${unitFile}; systemctl mask -q site`,
    line: `site@m1 repair drifted file:${unitFile},masked`,
    restarts: true,
  },
  {
    what: 'an edited unit file',
    script: `echo '# by hand' >>${unitFile}`,
    line: `site@m1 repair drifted file:${unitFile},needs-reload`,
    restarts: true,
  },
  {
    what: 'a removed unit file',
    script: `rm ${unitFile}; systemctl daemon-reload`,
    line: `site@m1 repair drifted file:${unitFile}`,
    restarts: true,
  },
  {
    what: 'an edited managed file',
    script: `sed -i s/blue/red/ /opt/web/conf/app.conf`,
    line: 'web@m1 repair drifted file:/opt/web/conf/app.conf',
    restarts: true,
  },
  {
    what: 'a removed managed file',
    script: `rm /opt/site/index.html`,
    line: 'site@m1 repair drifted file:/opt/site/index.html',
    restarts: true,
  },
  {
    what: 'a managed file with another mode',
    script: `chmod 666 /opt/site/run.sh`,
    line: 'site@m1 repair drifted mode:/opt/site/run.sh',
    restarts: false,
  },
  { what: 'a killed local process', script: killTool, line: 'tool@m1 repair stopped', restarts: true },
  {
    what: 'a pid file with the pid of another process',
    script: `${killTool}; p=$(systemctl show -P MainPID neighbour); sed -i "s/^[0-9]*/$p/" ${record}`,
    line: 'tool@m1 repair drifted pid',
    restarts: true,
  },
];

test('the four services come up', async () => {
  expect(await story.once()).toMatchObject({ code: 0, report: { findings: [] } });
  expect(await neighbours()).toEqual(before);
});

test.each(damages)('$what', async ({ script, line, restarts }) => {
  const [key = ''] = line.split(' ');
  const service = key.slice(0, key.indexOf('@'));
  const started = await starts();
  await host.must(script);

  const planned = await story.plan();
  expect({ code: planned.code, changes: changesOf(planned.report) }).toEqual({ code: 2, changes: [line] });
  const { code, report } = await story.once();
  expect({ code, outcomes: report.outcomes }).toMatchObject({ code: 0, outcomes: [{ key, result: 'applied' }] });
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });

  const now = await starts();
  const moved = Object.keys(things).filter(name => started[name] !== now[name]);
  expect(moved).toEqual(restarts ? [service] : []);
  expect(await neighbours()).toEqual(before);
});

test('what was damaged is what git says again', async () => {
  const words = `cat /opt/web/conf/app.conf /opt/site/index.html; stat -c '%a' /opt/site/run.sh; grep -c 'by hand' ${unitFile}; systemctl is-enabled site theirs`;
  expect(await host.must(`${words}; curl -s localhost:9101/; curl -s localhost:18080/`)).toBe(
    'colour = blue\nthe site\n644\n0\nenabled\nenabled\nthe site\nweb 1\n',
  );
});

test('damage to everything at once is undone within one pass', async () => {
  await host.must(
    `docker rm -f web-main-1; systemctl stop site; systemctl disable -q site; systemctl mask -q --now theirs; ${killTool}; rm -r /opt/web/conf/app.conf`,
  );
  expect(changesOf((await story.plan()).report).map(line => line.split(' ')[0])).toEqual([
    'site@m1',
    'theirs@m1',
    'tool@m1',
    'web@m1',
  ]);
  const { code, report } = await story.once();
  expect({ code, failed: report.outcomes.filter(one => one.result !== 'applied') }).toEqual({ code: 0, failed: [] });
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  expect(Object.keys(await starts())).toHaveLength(4);
  expect(await neighbours()).toEqual(before);
});
