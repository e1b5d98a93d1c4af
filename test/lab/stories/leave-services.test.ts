// What leaves registry.yml stops on its host and stays stopped over a reboot; its data stays, and so does everything that was not named.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { withLab } from '../harness.js';
import { changesOf, freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { livesOn, startedAt, type Kept } from './fleet-evidence.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

const compose = `services:
  main:
    image: lab/web:1
    restart: always
    ports: ["18080:8080"]
    volumes: ["kept:/data"]
volumes:
  kept:
`;

const server = (port: number): string => `python3 -m http.server ${port} --bind 127.0.0.1`;

const site = (path: string): object => ({
  type: 'native',
  machine: 'm1',
  path,
  source: 'site',
  command: server(9101),
  port: 9101,
  health: { type: 'tcp' },
});

const services = {
  web: { type: 'docker', machine: 'm1', path: '/opt/web', source: 'web', port: 18_080, health: { type: 'tcp' } },
  site: site('/opt/site'),
  app: { type: 'local', machine: 'm1', path: '/opt/app', command: server(9102), port: 9102, health: { type: 'tcp' } },
  tool: {
    type: 'local',
    machine: 'm1',
    path: '/opt/tool',
    scope: 'none',
    command: server(9103),
    port: 9103,
    health: { type: 'tcp' },
  },
  stays: {
    type: 'native',
    machine: 'm1',
    path: '/opt/stays',
    command: 'sleep infinity',
    health: { type: 'command', command: 'true' },
  },
} as const;

type Name = keyof typeof services;
const names = Object.keys(services) as Name[];

const things: Readonly<Record<Name, Kept>> = {
  web: { container: 'web-main-1' },
  site: { unit: 'site.service' },
  app: { unit: 'portoser-app.service' },
  tool: { listensOn: 9103 },
  stays: { unit: 'stays.service' },
};

const files = { 'web/compose.yaml': compose, 'site/index.html': 'the site\n' };

function registryOf(only: readonly Name[], more: object = {}): StoryRegistry {
  return {
    cluster: 'leave',
    machines: { m1: labMachine(host, { user: 'deploy' }) },
    services: Object.fromEntries(only.map(name => [name, services[name]])),
    ...more,
  };
}

const without = (...gone: readonly Name[]): Name[] => names.filter(name => !gone.includes(name));

let story: Story;

beforeAll(async () => {
  story = await freshStory();
});

afterAll(() => story?.remove());

async function starts(of: readonly Name[]): Promise<Readonly<Record<string, number>>> {
  const pairs = of.map(async name => [name, await startedAt(host, things[name])] as const);
  return Object.fromEntries(await Promise.all(pairs));
}

/** What runs of the five, whatever was told of it. */
async function running(): Promise<readonly string[]> {
  const script = `docker ps --format '{{.Names}}'; systemctl is-active site portoser-app stays | paste -sd' '; ss -Hltn 'sport = :9103' | wc -l`;
  const said = await host.must(`{ ${script}; } 2>&1 || :`);
  const lines = said.trim().split('\n');
  const [siteState, appState, staysState] = (lines.at(-2) ?? '').split(' ');
  const seen: Readonly<Record<Name, boolean>> = {
    web: lines.includes('web-main-1'),
    site: siteState === 'active',
    app: appState === 'active',
    tool: lines.at(-1) !== '0',
    stays: staysState === 'active',
  };
  return names.filter(name => seen[name]);
}

/** Pushes, makes one pass that must succeed, and tells what it changed; what is named in `still` must not have been touched. */
async function applied(registry: StoryRegistry, still: readonly Name[], more = {}): Promise<readonly string[]> {
  const before = await starts(still);
  await story.push(registry, more);
  const { code, report } = await story.once();
  expect({ code, findings: report.findings, error: report.error }).toEqual({ code: 0, findings: [] });
  expect(report.outcomes.map(one => one.result)).toEqual(report.outcomes.map(() => 'applied'));
  expect(await starts(still)).toEqual(before);
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  return changesOf(report);
}

const listed = async (): Promise<readonly string[]> =>
  (await story.status()).placements.map(one => `${one.service} ${one.sync}`).toSorted();

const data = `cat /opt/site/index.html /opt/site/mine.txt; docker run --rm -v web_kept:/data lab/web:1 /bin/cat /data/mine.txt`;

describe('services leave the registry', () => {
  test('five come up', async () => {
    await applied(registryOf(names), [], files);
    await host.must(
      `echo mine >/opt/site/mine.txt; echo mine >"$(docker volume inspect -f '{{.Mountpoint}}' web_kept)/mine.txt"`,
    );
    expect(await running()).toEqual(names);
  });

  test('two removed are stopped, their data is kept, and they are gone from status', async () => {
    expect(await applied(registryOf(without('web', 'site')), without('web', 'site'))).toEqual([
      'site@m1 stop orphaned',
      'web@m1 stop orphaned',
    ]);
    expect(await running()).toEqual(['app', 'tool', 'stays']);
    expect(await listed()).toEqual(['app synced', 'stays synced', 'tool synced']);
    expect(await host.must(data)).toBe('the site\nmine\nmine\n');
  });

  test('two more, kept by a unit and by nobody', async () => {
    expect(await applied(registryOf(['stays']), ['stays'])).toEqual(['app@m1 stop orphaned', 'tool@m1 stop orphaned']);
    expect(await running()).toEqual(['stays']);
    expect(await listed()).toEqual(['stays synced']);
  });

  test('a reboot brings none of them back', async () => {
    await host.crash();
    await host.boot();
    await host.must('docker ps >/dev/null'); // the engine starts what it shall start before it answers
    expect(await running()).toEqual(['stays']);
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  });

  test('back in the registry they run again, with their data', async () => {
    await applied(registryOf(names), ['stays']);
    expect(await running()).toEqual(names);
    expect(await host.must(data)).toBe('the site\nmine\nmine\n');
    expect(await host.must(`docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' web-main-1`)).toBe('always\n');
    expect(await host.must('systemctl is-enabled site portoser-app')).toBe('enabled\nenabled\n');
  });

  test('another path: the old place is released, the new one runs', async () => {
    const moved = { ...registryOf(names).services, site: site('/srv/site') };
    expect(await applied({ ...registryOf(names), services: moved }, without('site'))).toEqual([
      'site@m1 replace changed path',
    ]);
    expect(await running()).toEqual(names);
    expect(await host.must('readlink /proc/$(systemctl show -P MainPID site)/cwd')).toBe('/srv/site\n');
    expect(await host.must('curl -s localhost:9101/; cat /opt/site/mine.txt')).toBe('the site\nmine\n');
    await applied(registryOf(names), without('site'));
  });

  test('prune: keep lets it run, and says so', async () => {
    const keep = { policy: { prune: 'keep' } };
    expect(await applied(registryOf(without('app'), keep), names)).toEqual([]);
    expect((await story.plan()).report.plan?.leftAlone).toMatchObject([{ key: 'app@m1', state: 'kept' }]);
    await applied(registryOf(names, keep), names);
  });

  test('prune: remove takes unit, containers and managed files away, and leaves data', async () => {
    const remove = { policy: { prune: 'remove' } };
    const changes = await applied(registryOf(without('web', 'site'), remove), without('web', 'site'));
    expect(changes).toEqual(['site@m1 remove orphaned', 'web@m1 remove orphaned']);
    const left = `ls /etc/systemd/system/site.service /opt/site/index.html /opt/web/compose.yaml 2>/dev/null; docker ps -aq; ls /var/lib/portoser/clusters/leave/stamps; cat /opt/site/mine.txt`;
    expect(await host.must(`${left}; docker run --rm -v web_kept:/data lab/web:1 /bin/cat /data/mine.txt`)).toBe(
      'app\nstays\ntool\nmine\nmine\n',
    );
    await applied(registryOf(names), without('web', 'site'));
  });
});

describe('the registry itself is not what it was', () => {
  const nothing = { ...registryOf([]), services: {} };

  test.each([
    ['`services` is empty', stringify(nothing)],
    ['there is no `services`', stringify({ ...nothing, services: undefined })],
  ])('%s: held, and nothing is stopped', async (_, text) => {
    const before = await livesOn(host);
    await story.repo.commit({ 'registry.yml': text }, 'Empty the registry');
    await story.repo.push();
    const { code, report } = await story.once();
    expect({ code, outcomes: report.outcomes }).toEqual({ code: 2, outcomes: [] });
    expect(report.plan?.held?.why).toBe('the registry is empty and would stop 5 running services');
    const said = await story.cli(['run', '--once']);
    expect(said.stdout).toContain(`run \`portoser approve ${report.plan?.id}\``);
    expect(await livesOn(host)).toEqual(before);
  });

  test('a file of no bytes is refused or held, and nothing is stopped', async () => {
    const before = await livesOn(host);
    await story.repo.commit({ 'registry.yml': '' }, 'Truncate the registry');
    await story.repo.push();
    const { code, report } = await story.once();
    expect(code).not.toBe(0);
    expect(report.outcomes).toEqual([]);
    expect([...report.diagnostics, ...(report.plan?.held === undefined ? [] : [report.plan.held])]).not.toEqual([]);
    expect(await livesOn(host)).toEqual(before);
  });

  test('a file cut in half is refused with what is wrong; the last good commit stays in force and its drift is repaired', async () => {
    const good = await story.push(registryOf(names));
    expect(await story.once()).toMatchObject({ code: 0, report: { commit: good } });
    const text = stringify(registryOf(names));
    const half = text.slice(0, text.indexOf('path: /opt/app') + 2);
    await story.repo.commit({ 'registry.yml': half }, 'Save half of it');
    await story.repo.push();
    const before = await starts(without('site'));
    await host.must('systemctl stop site');
    const { code, report } = await story.once();
    expect({ code, commit: report.commit }).toEqual({ code: 1, commit: good });
    const line = half.split('\n').length;
    expect(report.diagnostics[0]).toMatchObject({ file: 'registry.yml', line, severity: 'error' });
    expect(report.findings).toMatchObject([{ kind: 'registry' }]);
    expect(report.outcomes).toMatchObject([{ key: 'site@m1', result: 'applied' }]);
    expect(await running()).toEqual(names);
    expect(await starts(without('site'))).toEqual(before);
    expect((await story.plan()).report).toMatchObject({ changes: 0, refused: expect.any(String) });
  });

  test('approved, the empty registry is applied: all stop', async () => {
    await story.push(nothing);
    const { report } = await story.once();
    expect(report.plan?.held).toBeDefined();
    expect(await story.cli(['approve', report.plan?.id ?? ''])).toMatchObject({ code: 0 });
    expect(await story.once()).toMatchObject({ code: 0 });
    expect(await running()).toEqual([]);
    expect(await host.must(data)).toBe('the site\nmine\nmine\n');
  });

  test('most of a cluster at once is held too', async () => {
    await applied(registryOf(names), []);
    const before = await livesOn(host);
    await story.push(registryOf(['stays', 'tool']));
    const { code, report } = await story.once();
    expect({ code, outcomes: report.outcomes }).toEqual({ code: 2, outcomes: [] });
    expect(report.plan?.held?.why).toBe('it would remove 3 of 5 placements (60 %, policy.max_removals is 30 %)');
    expect(await livesOn(host)).toEqual(before);
  });
});
