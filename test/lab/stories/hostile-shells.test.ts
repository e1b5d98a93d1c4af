// Login shells that are no POSIX shells (tcsh), and tools that are not GNU's (busybox): everything works, from the first start to the end.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withLab } from '../harness.js';
import { changesOf, freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { filesOn, livesOn, startedAt, type Kept } from './fleet-evidence.js';

const lab = withLab({ hosts: 2, docker: [1, 2], uv: [1, 2] });

const app = (file: string): string => readFileSync(new URL(`../apps/uv-app/${file}`, import.meta.url), 'utf8');
const compose = `services:
  main:
    image: lab/web:1
    ports: ["18080:8080"]
    environment: ["ODD=\${ODD}"]
`;
const files = {
  'web/compose.yaml': compose,
  ...Object.fromEntries(['pyproject.toml', 'uv.lock', 'server.py'].map(file => [`app/${file}`, app(file)])),
  "site/it's a page.html": 'the page\n',
  'site/run.sh': '#!/bin/sh\nexec "$@"\n',
};

/** What shells like to trip over. */
const odd = `it's $HOME \`date\` "!!" \\ ! % # *`;

function registryOf(machine: string, user: string, greeting: string): StoryRegistry {
  const common = { machine };
  return {
    cluster: 'shells',
    machines: { [machine]: labMachine(user === 'tc' ? lab.host(1) : lab.host(2), { user }) },
    services: {
      web: { ...common, type: 'docker', path: '/opt/web', source: 'web', port: 18_080, env: { ODD: odd } },
      site: {
        ...common,
        type: 'native',
        path: '/opt/site',
        source: 'site',
        command: './run.sh sleep infinity',
        env: { ODD: odd, GREETING: greeting },
        health: { type: 'command', command: 'true' },
      },
      own: {
        ...common,
        type: 'native',
        scope: 'user',
        path: `/home/${user}/own`,
        command: 'sleep infinity',
        health: { type: 'command', command: 'true' },
      },
      app: {
        ...common,
        type: 'local',
        path: '/opt/app',
        source: 'app',
        command: 'python server.py',
        port: 9104,
        env: { UV_OFFLINE: '1', UV_PYTHON_DOWNLOADS: 'never', GREETING: 'good day' },
        health: { type: 'http', endpoint: '/health' },
      },
      tool: {
        ...common,
        type: 'local',
        scope: 'none',
        path: `/home/${user}/tool`,
        command: 'python3 -m http.server 9105 --bind 127.0.0.1',
        port: 9105,
        health: { type: 'tcp' },
      },
    },
  };
}

describe.each([
  ['tcsh', 'tc', 1],
  ['busybox', 'bb', 2],
])('a login by %s', (_, user, index) => {
  const host = lab.host(index);
  const machine = `m${index}`;
  const things: Readonly<Record<string, Kept>> = {
    web: { container: 'web-main-1' },
    site: { unit: 'site.service' },
    app: { unit: 'portoser-app.service' },
    tool: { listensOn: 9105 },
  };
  let story: Story;

  beforeAll(async () => {
    story = await freshStory();
    // What is there already keeps its mode when it is written.
    mkdirSync(join(story.repo.work, 'site'));
    writeFileSync(join(story.repo.work, 'site/run.sh'), '', { mode: 0o755 });
  });
  afterAll(() => story?.remove());

  async function starts(): Promise<Readonly<Record<string, number>>> {
    const pairs = Object.entries(things).map(async ([name, thing]) => [name, await startedAt(host, thing)] as const);
    return Object.fromEntries(await Promise.all(pairs));
  }

  async function pass(): Promise<readonly string[]> {
    const { code, report } = await story.once();
    const failed = report.outcomes.filter(one => one.result !== 'applied');
    expect({ code, failed, findings: report.findings }).toEqual({ code: 0, failed: [], findings: [] });
    return changesOf(report).map(line => line.replace(`@${machine}`, ''));
  }

  test('all five kinds come up, with their values as they are', async () => {
    await story.push(registryOf(machine, user, 'one'), files);
    expect(await pass()).toHaveLength(5);
    expect(Object.keys(await starts())).toHaveLength(4);
    expect(await host.must(`systemctl --user --machine=${user}@ is-active own`)).toBe('active\n');
    const values = `docker exec web-main-1 sh -c 'echo "$ODD"'; tr '\\0' '\\n' <"/proc/$(systemctl show -P MainPID site)/environ" | grep ^ODD=`;
    expect(await host.must(values)).toBe(`${odd}\nODD=${odd}\n`);
    expect(await host.must(`cat "/opt/site/it's a page.html"; curl -s localhost:9104/`)).toBe(
      'the page\ngood day from six 1.17.0\n',
    );
    expect(await host.must(`ps -o user= -p "$(systemctl show -P MainPID site)"`)).toBe(`${user}\n`);
  });

  test('the second pass changes nothing', async () => {
    const before = [await filesOn(host), await livesOn(host)];
    expect(await pass()).toEqual([]);
    expect([await filesOn(host), await livesOn(host)]).toEqual(before);
  });

  test('drift is seen and undone', async () => {
    await host.must(
      `systemctl stop site portoser-app; systemctl --user --machine=${user}@ stop own; echo x >>"/opt/site/it's a page.html"; docker rm -f web-main-1; fuser -k -n tcp 9105`,
    );
    expect((await pass()).map(line => line.split(' ')[0])).toEqual(['app', 'own', 'site', 'tool', 'web']);
    expect(await host.must(`cat "/opt/site/it's a page.html"`)).toBe('the page\n');
    expect(Object.keys(await starts())).toHaveLength(4);
  });

  test('one field changed: only that service restarts', async () => {
    const before = await starts();
    await story.push(registryOf(machine, user, 'two'));
    expect(await pass()).toEqual(['site update changed env.GREETING']);
    const after = await starts();
    expect(Object.keys(before).filter(name => before[name] !== after[name])).toEqual(['site']);
  });

  test('status, logs, exec and observe answer', async () => {
    const { placements } = await story.status();
    expect(placements.map(one => `${one.sync} ${one.health}`)).toEqual(placements.map(() => 'synced healthy'));
    const log = { code: 0, stdout: expect.stringContaining('web 1 listens on 8080') as string };
    expect(await story.cli(['logs', 'web'])).toMatchObject(log);
    // What the story adds at the end is the program's here, and `sh -c` takes it as further words that it does not use.
    const exec = (service: string, ...words: readonly string[]) =>
      story.cli(['exec', service, '--repo', story.repo.bare, '--state-dir', story.stateDir, '--', ...words]);
    expect(await exec('web', 'sh', '-c', 'echo "$ODD"')).toMatchObject({ code: 0, stdout: `${odd}\n` });
    expect(await exec('site', 'sh', '-c', 'pwd; echo "$0"', odd)).toMatchObject({
      code: 0,
      stdout: `/opt/site\n${odd}\n`,
    });
    expect(await story.cli(['observe', 'app'])).toMatchObject({ code: 0 });
  });

  test('what leaves is stopped', async () => {
    const { services, ...rest } = registryOf(machine, user, 'two');
    await story.push({ ...rest, services: { site: services['site'] ?? {} } });
    const { report } = await story.once();
    expect(report.plan?.held).toBeDefined();
    expect(await story.cli(['approve', report.plan?.id ?? ''])).toMatchObject({ code: 0 });
    expect((await pass()).map(line => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'app stop',
      'own stop',
      'tool stop',
      'web stop',
    ]);
    const left = `docker ps -q; systemctl is-active portoser-app; systemctl --user --machine=${user}@ is-active own; ss -Hltn 'sport = :9105'; systemctl is-active site`;
    expect(await host.must(`{ ${left}; } || :`)).toBe('inactive\ninactive\nactive\n');
  });
});
