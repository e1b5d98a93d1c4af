// A host on which people set things up by hand: adopted as it runs, with nothing restarted; from then on the registry rules, and lets go without stopping.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseDocument, type YAMLMap } from 'yaml';
import type { OutputOf } from '../../../reconciler/engine.js';
import { withLab } from '../harness.js';
import { changesOf, freshStory, labMachine, type Story } from '../story.js';
import { filesOn } from './fleet-evidence.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

type Adopting = OutputOf<'adopt'>;

const inner = (port: number, more = ''): string => `    image: lab/web:1
    restart: unless-stopped
    ports: ["${port}:8080"]
${more}`;

const unit = (command: string, more = ''): string =>
  `[Unit]\nDescription=by hand\n[Service]\n${more}ExecStart=${command}\nRestart=always\n[Install]\nWantedBy=multi-user.target\n`;

/** By path on the host. */
const files: Readonly<Record<string, string>> = {
  '/opt/web/compose.yaml': `services:\n  main:\n${inner(18_080, '    volumes: ["kept:/data"]\n')}volumes:\n  kept:\n`,
  '/srv/shop/stack.yml': `services:\n  shop:\n${inner(18_081)}`,
  '/srv/over/compose.yaml': `services:\n  front:\n${inner(18_082)}  job:\n    image: lab/web:1\n    command: ["/bin/true"]\n`,
  '/srv/over/compose.override.yaml': 'services:\n  front:\n    environment: {COLOUR: "${COLOUR}"}\n',
  '/srv/over/.env': 'COLOUR=green\n',
  '/home/deploy/tools/docker-compose.yml': `services:\n  tools:\n${inner(18_083)}  extra:\n    image: lab/web:1\n    profiles: [never]\n`,
  '/srv/halted/compose.yaml': `services:\n  main:\n${inner(18_084)}`,
  '/srv/many/a.yaml': `services:\n  main:\n${inner(18_085)}`,
  '/srv/many/b.yaml': 'services:\n  main:\n    environment: {B: "1"}\n',
  '/srv/profiled/compose.yaml': `services:\n  main:\n${inner(18_086, '    profiles: [extra]\n')}`,
  '/etc/systemd/system/site.service': unit(
    '/usr/bin/python3 -m http.server 9101 --bind 127.0.0.1',
    'WorkingDirectory=/srv/site\n',
  ),
  '/etc/systemd/system/clock.service': unit('/bin/sleep infinity'),
  '/etc/systemd/system/worker@.service': unit('/bin/sleep 100%i', 'WorkingDirectory=/opt/workers/%i\nUser=plain\n'),
  '/etc/systemd/system/byhand.service': unit('/bin/sleep infinity'),
  '/etc/systemd/system/idle.service': unit('/bin/sleep infinity'),
};

const compose = (folder: string, words: string): string => `cd ${folder} && docker compose ${words} --quiet-pull`;

const setUp = [
  'mkdir -p /srv/site /opt/workers/1 && chown -R deploy: /home/deploy/tools',
  compose('/opt/web', 'up -d'),
  compose('/srv/shop', '-p shop_db -f stack.yml up -d'),
  compose('/srv/over', 'up -d'),
  'runuser -u deploy -- sh -c "cd /home/deploy/tools && docker compose up -d --quiet-pull"',
  `${compose('/srv/halted', 'up -d')} && docker stop -t 0 halted-main-1`,
  compose('/srv/many', '-f a.yaml -f b.yaml up -d'),
  compose('/srv/profiled', '--profile extra up -d'),
  'docker run -d --name loose lab/web:1',
  'systemctl daemon-reload && systemctl enable --quiet --now site clock worker@1 && systemctl start byhand && systemctl enable --quiet idle',
];

const projects = ['web-main-1', 'shop_db-shop-1', 'over-front-1', 'tools-tools-1'];
const units = ['site', 'clock', 'worker@1'];

const containersAt = (names: readonly string[]): Promise<string> =>
  host.must(`docker inspect -f '{{.Name}} {{.Id}} {{.State.StartedAt}}' ${names.join(' ')}`);
const unitsAt = (names: readonly string[]): Promise<string> =>
  host.must(`systemctl show -p Id -p ActiveEnterTimestampMonotonic -p InvocationID ${names.join(' ')}`);

/** Equal answers mean that none of them was restarted. */
async function lives(): Promise<string> {
  const all = [...projects, 'over-job-1', 'loose', 'many-main-1', 'profiled-main-1', 'halted-main-1'];
  return `${await containersAt(all)}${await unitsAt([...units, 'byhand', 'docker', 'ssh'])}`;
}

const registryHead = `# what runs at home
cluster: home
machines:
  m1: ${JSON.stringify(labMachine(host, { user: 'deploy' }))}   # under the stairs

services: {}`;

let story: Story;

beforeAll(async () => {
  story = await freshStory();
  const writes = Object.entries(files).map(
    ([path, text]) =>
      `mkdir -p "$(dirname ${path})" && echo ${Buffer.from(text).toString('base64')} | base64 -d >${path}`,
  );
  await host.must(['set -e', ...writes, ...setUp.map(line => `(${line}) >&2`)].join('\n'));
  await story.repo.commit({ 'registry.yml': `${registryHead}\n` }, 'Begin');
  await story.repo.push();
});

afterAll(() => story?.remove());

async function asked(...words: string[]): Promise<{ readonly code: number; readonly said: Adopting }> {
  const ended = await story.cli(['adopt', 'm1', ...words, '--json']);
  expect(ended.stdout, ended.stderr).not.toBe('');
  return { code: ended.code, said: JSON.parse(ended.stdout) as Adopting };
}

async function registry(): Promise<string> {
  await story.repo.git('pull', '--quiet', '--ff-only', 'origin', 'main');
  return await story.repo.git('show', 'HEAD:registry.yml');
}

/** Commits a change of the registry and makes one pass, all of whose changes must succeed. */
async function changed(change: (services: YAMLMap) => void): Promise<readonly string[]> {
  const document = parseDocument(await registry());
  change(document.get('services') as YAMLMap);
  await story.repo.commit({ 'registry.yml': document.toString() }, 'Change it');
  await story.repo.push();
  const { code, report } = await story.once();
  expect({ code, outcomes: report.outcomes.map(one => one.result) }).toEqual({
    code: 0,
    outcomes: report.outcomes.map(() => 'applied'),
  });
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  return changesOf(report);
}

describe('a host that was set up by hand', () => {
  let before = '';

  test('is shown as it could be taken over, and not touched', async () => {
    before = await lives();
    const traces = await filesOn(host);
    const { code, said } = await asked('--dry-run');
    expect(code).toBe(2);
    expect(said.things.map(one => `${one.service} ${one.what} ${one.name} ${one.path}`)).toEqual([
      'over project over /srv/over',
      'shop-db project shop_db /srv/shop',
      'tools project tools /home/deploy/tools',
      'web project web /opt/web',
      'clock unit clock.service /opt/clock',
      'site unit site.service /srv/site',
      'worker-1 unit worker@1.service /opt/workers/1',
    ]);
    expect(said.things.flatMap(one => one.notes)).toEqual([]);
    expect(said.refused.filter(one => one.system !== true).map(one => `${one.name}: ${one.why}`)).toEqual([
      expect.stringMatching(/^halted: it is stopped: halted-main-1: exited/),
      expect.stringMatching(/^byhand\.service: it is not enabled.*systemctl enable byhand\.service/),
      expect.stringMatching(/^idle\.service: it is stopped/),
      expect.stringMatching(/^many: it is made of several files/),
      expect.stringMatching(/^profiled: main would not come up from its files \(a profile/),
      expect.stringMatching(/^loose: it was not made by Docker Compose/),
    ]);
    expect([await lives(), await filesOn(host), await registry()]).toEqual([before, traces, registryHead]);
  });

  test('without a yes nothing is done either', async () => {
    const ended = await story.cli(['adopt', 'm1', '--only', 'web,site']);
    expect(ended.code).toBe(2);
    expect(ended.stdout).toContain('On m1 2 things can be taken over as they run:');
    expect(ended.stdout).toContain('say --yes');
    expect(await story.cli(['adopt', 'm1', '--only', 'wob'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Did you mean `web`?') as string,
    });
    expect(await registry()).toBe(registryHead);
  });

  test('one alone first: the others stay strangers', async () => {
    const { code, said } = await asked('--only', 'web', '--yes');
    expect({ code, taken: said.done?.taken }).toEqual({ code: 0, taken: [{ key: 'web@m1' }] });
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
    expect(await host.must('ls /var/lib/portoser/clusters/home/stamps')).toBe('web\n');
  });

  test('then all of it, in one commit with the comments kept; the plan is empty and nothing was restarted', async () => {
    const { code, said } = await asked('--yes');
    expect({ code, taken: said.done?.taken.map(({ key, ...more }) => [key, more]) }).toEqual({
      code: 0,
      taken: ['over', 'shop-db', 'tools', 'clock', 'site', 'worker-1'].map(service => [`${service}@m1`, {}]),
    });
    const text = await registry();
    expect(text).toContain('# what runs at home');
    expect(text).toContain('# under the stairs');
    expect((parse(text) as { services: object }).services).toEqual({
      web: { type: 'docker', machine: 'm1', path: '/opt/web', ports: [18_080] },
      over: { type: 'docker', machine: 'm1', path: '/srv/over', ports: [18_082] },
      'shop-db': {
        type: 'docker',
        machine: 'm1',
        path: '/srv/shop',
        compose_file: 'stack.yml',
        compose_project: 'shop_db',
        ports: [18_081],
      },
      tools: { type: 'docker', machine: 'm1', path: '/home/deploy/tools', ports: [18_083] },
      clock: { type: 'native', machine: 'm1', path: '/opt/clock' },
      site: { type: 'native', machine: 'm1', path: '/srv/site', ports: [9101] },
      'worker-1': { type: 'native', machine: 'm1', path: '/opt/workers/1', service_name: 'worker@1' },
    });
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
    const { code: passed, report } = await story.once();
    expect({ passed, outcomes: report.outcomes, findings: report.findings }).toEqual({
      passed: 0,
      outcomes: [],
      findings: [],
    });
    const { placements } = await story.status();
    expect(placements.map(one => `${one.sync} ${one.health}`)).toEqual(placements.map(() => 'synced healthy'));
    expect(await lives()).toBe(before);
    expect(await host.inside('ls -d /opt/web/.portoser /opt/clock')).not.toMatchObject({ code: 0 });
  });
});

describe('from then on the registry rules', () => {
  test('one change applies to one of them alone, by the project that it always had', async () => {
    const others = projects.filter(name => name !== 'shop_db-shop-1');
    const still = [await containersAt(others), await unitsAt(units)];
    expect(await changed(services => services.setIn(['shop-db', 'env'], { COLOUR: 'blue' }))).toEqual([
      'shop-db@m1 update changed env.COLOUR',
    ]);
    expect(await host.must('curl -s localhost:18081/env')).toContain('COLOUR=blue');
    expect(await host.must(`docker ps --format '{{.Names}}' --filter name=shop`)).toBe('shop_db-shop-1\n');
    expect([await containersAt(others), await unitsAt(units)]).toEqual(still);
  });

  test('what Compose lays over a file stays at a change; a unit is written anew when the registry says what it runs', async () => {
    const changes = await changed(services => {
      services.setIn(['over', 'env'], { SIZE: 'big' });
      services.setIn(['over', 'compose_service'], 'front');
      services.setIn(['site', 'command'], '/usr/bin/python3 -m http.server 9109 --bind 127.0.0.1');
      services.setIn(['site', 'ports'], [9109]);
    });
    expect(changes).toEqual([
      'over@m1 update changed compose_service,env.SIZE',
      'site@m1 update changed command,stop_timeout',
    ]);
    const env = await host.must('curl -s localhost:18082/env');
    expect(env).toContain('COLOUR=green');
    expect(env).toContain('SIZE=big');
    expect(await host.must('curl -s -o /dev/null -w %{http_code} localhost:9109/')).toBe('200');
  });

  test('what somebody stops is started again; what leaves the registry is let go of, and runs on', async () => {
    const gone = ['web', 'shop-db', 'worker-1'];
    const lived = [await containersAt(['web-main-1', 'shop_db-shop-1']), await unitsAt(['worker@1'])];
    await host.must('docker stop -t 0 tools-tools-1 && systemctl stop clock');
    expect(await changed(services => gone.forEach(name => services.delete(name)))).toEqual([
      'clock@m1 repair stopped',
      'shop-db@m1 release orphaned',
      'tools@m1 repair stopped',
      'web@m1 release orphaned',
      'worker-1@m1 release orphaned',
    ]);
    expect(await host.must(`docker ps --format '{{.Names}}' --filter name=tools; systemctl is-active clock`)).toBe(
      'tools-tools-1\nactive\n',
    );
    expect([await containersAt(['web-main-1', 'shop_db-shop-1']), await unitsAt(['worker@1'])]).toEqual(lived);
    expect(await host.must('ls /var/lib/portoser/clusters/home/stamps')).toBe('clock\nover\nsite\ntools\n');
  });

  test('a name that a person wrote into the registry is blocked until it is adopted', async () => {
    const document = parseDocument(await registry());
    document.setIn(['services', 'web'], { type: 'docker', machine: 'm1', path: '/opt/web' });
    await story.repo.commit({ 'registry.yml': document.toString() }, 'Name it');
    await story.repo.push();
    const containers = await containersAt(['web-main-1']);
    expect((await story.plan()).report.plan?.leftAlone).toMatchObject([
      { key: 'web@m1', state: 'blocked', error: { code: 'stranger' } },
    ]);
    const { code, said } = await asked('--only', 'web', '--yes');
    expect({ code, done: said.done }).toEqual({ code: 0, done: { taken: [{ key: 'web@m1' }] } });
    expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
    expect(await containersAt(['web-main-1'])).toBe(containers);
  });
});
