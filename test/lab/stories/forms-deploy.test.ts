// The documented forms that look at machines and change them, typed as they are written, with what they did there.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlanReport } from '../../../reconciler/operations/plan.js';
import type { PassReport, StatusReport } from '../../../schema/status.js';
import { containerStarts, eventually, hostKey, withLab } from '../harness.js';
import { changesOf } from '../story.js';
import { freshPerson, type Person } from './forms-person.js';

const lab = withLab({ hosts: 2, docker: [1] });
let person: Person;

const compose = `services:
  main:
    image: lab/web:1
    ports: ["9000:8080"]
`;

const registry = (more = ''): string => `# What runs where.
cluster: forms
machines:
${[1, 2]
  .map(
    index => `  m${index}:
    host: ${lab.host(index).address}
    user: root
    platform: linux
    host_key: ${hostKey(index)}
`,
  )
  .join('')}
groups:
  web-stack: [my-app, page]   # what people see
${more}
services:
  my-app:          # its compose file is the user's own
    type: docker
    path: /opt/my-app
    machine: m1
    port: 9000
    health: {endpoint: /health}
  page:
    type: native
    path: /srv/page
    machine: m2
    user: root
    command: python3 -m http.server 9001
    port: 9001
    health: {type: tcp}
    depends_on: [my-app]
  ticks:
    type: local
    path: /srv/ticks
    machine: m2
    command: sh -c 'while :; do echo tick; sleep 0.5; done'
    health: {type: command, command: 'true'}
`;

beforeAll(async () => {
  person = await freshPerson();
  await commit(registry(), 'Three services');
  await person.git('push', '-q', '-u', 'origin', 'main');
  await lab.host(1).must(`mkdir -p /opt/my-app && cat >/opt/my-app/compose.yaml <<'E'\n${compose}E\n`);
}, 120_000);
afterAll(() => person?.remove());

const commit = (text: string, message: string): Promise<string> =>
  person.repo.commit({ 'registry.yml': text }, message);
const container = async (): Promise<string> =>
  (await containerStarts(lab.host(1), ['my-app-main-1']))['my-app-main-1'] ?? '';
const unit = async (name: string): Promise<string> =>
  (await lab.host(2).inside(`systemctl is-active ${name}`)).stdout.trim();

describe('plan and deploy', () => {
  test('deploy my-app --dry-run is the plan for it, and changes nothing', async () => {
    const dry = await person.type('portoser deploy my-app --dry-run');
    expect(dry).toMatchObject({ code: 2 });
    expect(dry.stdout).toContain('+ create my-app@m1');
    expect(dry.stdout).toContain('1 change on 1 machine.');
    expect(changesOf(await person.json<PlanReport>('portoser deploy my-app --dry-run', 2))).toEqual([
      'my-app@m1 create missing',
    ]);
    expect((await person.type('portoser plan my-app')).stdout).toContain('+ create my-app@m1');
    expect(changesOf(await person.json<PlanReport>('portoser plan', 2))).toHaveLength(3);
    expect(await container()).not.toContain('running');
    expect((await lab.host(1).inside('ls /var/lib/portoser')).code).not.toBe(0);
  });

  test('deploy --machine m2 --no-deps touches that machine alone', async () => {
    const ended = await person.type('portoser deploy ticks --machine m2 --no-deps');
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout).toContain('✓ ticks@m2 created');
    expect(await unit('portoser-ticks')).toBe('active');
    expect(await container()).not.toContain('running');
  });

  test('deploy page takes along what it depends on, and says why', async () => {
    const dry = await person.type('portoser deploy page --dry-run');
    expect(dry.stdout).toMatch(/create my-app@m1[^]*create page@m2/);
  });

  test('deploy --group web-stack brings the group up', async () => {
    const report = await person.json<PassReport>('portoser deploy --group web-stack');
    expect(report.outcomes.map(one => [one.key, one.result])).toEqual([
      ['my-app@m1', 'applied'],
      ['page@m2', 'applied'],
    ]);
    expect(await container()).toContain('running');
    expect(await lab.host(1).must('curl -s localhost:9000/')).toBe('web 1\n');
    expect(await unit('page')).toBe('active');
  });

  test('a second deploy has nothing to do', async () => {
    const before = await container();
    const ended = await person.type('portoser deploy');
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout + ended.stderr).toContain('Nothing to do: everything is as the registry says.');
    expect(await container()).toBe(before);
    expect(await person.type('portoser plan')).toMatchObject({ code: 0 });
  });

  test('unknown names are refused, with what is known', async () => {
    for (const [line, known] of [
      ['portoser deploy my-ap', 'my-app'],
      ['portoser deploy --group web-stak', 'web-stack'],
      ['portoser deploy --machine m3', 'm1'],
    ] as const) {
      const ended = await person.type(line);
      expect(ended, line).toMatchObject({ code: 1, stdout: '' });
      expect(ended.stderr, line).toContain(known);
      expect(ended.stderr, line).toContain('[unknown-name]');
    }
  });
});

describe('looking', () => {
  test('status, and status --watch until it is interrupted', async () => {
    const status = await person.type('portoser status');
    expect(status).toMatchObject({ code: 0 });
    expect(status.stdout).toMatch(/my-app +m1 +synced +healthy/);
    const report = await person.json<StatusReport>('portoser status');
    expect(report.placements.map(one => [one.key, one.sync, one.health])).toEqual([
      ['my-app@m1', 'synced', 'healthy'],
      ['page@m2', 'synced', 'healthy'],
      ['ticks@m2', 'synced', 'healthy'],
    ]);
    const watching = person.start('portoser status --watch');
    const shown = async () => watching.output().split('SERVICE').length > 2;
    await eventually('it is shown again', shown, 60_000);
    expect(await watching.stop('SIGINT')).toBe(130);
  });

  test('logs: the end, followed, and since a time', async () => {
    const last = await person.type('portoser logs ticks -n 3');
    expect(last.code).toBe(0);
    expect(last.stdout.match(/\btick$/gm)).toHaveLength(3);
    expect(last.stdout.trimEnd().split('\n')).toHaveLength(3);
    const one = await person.json<readonly { key: string; text: string }[]>('portoser logs ticks -n 1');
    expect(one).toEqual([{ key: 'ticks@m2', text: expect.stringMatching(/\btick\n$/) as string }]);
    expect((await person.type('portoser logs ticks --since 10m')).stdout).toMatch(/\btick\n/);
    expect((await person.type('portoser logs ticks --since 2020-01-01T00:00:00Z -n 2')).stdout).toMatch(/\btick\n/);
    const following = person.start('portoser logs ticks -f -n 1');
    await eventually('lines come', async () => following.output().split('\n').length > 4, 60_000);
    expect(await following.stop('SIGINT')).toBe(130);
    expect(following.output()).toMatch(/\btick\n/);
    expect(await person.type('portoser logs my-app')).toMatchObject({ code: 0 });
  });

  test('exec runs where the service lives, and passes its exit code on', async () => {
    expect(await person.type('portoser exec ticks -- pwd')).toMatchObject({ code: 0, stdout: '/srv/ticks\n' });
    expect(await person.type(`portoser exec m2 -- sh -c 'echo "$0 said"; exit 7' h2`)).toMatchObject({
      code: 7,
      stdout: 'h2 said\n',
    });
    expect((await person.type('portoser exec my-app -- cat /proc/1/comm')).stdout).toBe('serve\n');
    const told = await person.type('portoser exec m2 --json -- hostname');
    expect(JSON.parse(told.stdout)).toMatchObject({ machine: 'm2', code: 0, stdout: 'h2\n' });
  });

  test('observe prints what is seen now, and masks it for others', async () => {
    const seen = await person.type('portoser observe my-app');
    expect(seen).toMatchObject({ code: 0 });
    expect(seen.stdout).toContain(lab.host(1).address);
    expect(seen.stdout).toMatch(/9000/);
    expect(await person.json('portoser observe my-app')).toMatchObject({ well: true });
    const shared = await person.type('portoser observe my-app --share');
    expect(shared.stdout).not.toContain(lab.host(1).address);
    expect(await person.json('portoser observe ticks')).toMatchObject({ well: true });
  });

  test('registry check-conflicts --live compares with what listens', async () => {
    expect(await person.type('portoser registry check-conflicts --live')).toMatchObject({ code: 0 });
    await commit(registry().replaceAll('9001', '22'), 'Take the port of sshd');
    const found = await person.type('portoser registry check-conflicts --live');
    expect(found.code).toBe(1);
    expect(found.stdout).toContain('22');
    await commit(registry(), 'Back');
  });

  test('what somebody stopped is seen by all of them', async () => {
    await lab.host(1).must('docker stop -t 0 my-app-main-1');
    expect(await person.type('portoser status')).toMatchObject({ code: 2 });
    expect(await person.type('portoser observe my-app')).toMatchObject({ code: 2 });
    expect(changesOf(await person.json<PlanReport>('portoser plan', 2))).toEqual([
      expect.stringMatching(/^my-app@m1 \w+ stopped/) as string,
    ]);
  });
});

describe('run --once, approve, git accept, machine claim', () => {
  test('run --once puts it right, and a second one has nothing to do', async () => {
    expect(await person.type('portoser run --once')).toMatchObject({ code: 0 });
    expect(await container()).toContain('running');
    const again = await person.json<PassReport>('portoser run --once');
    expect(again).toMatchObject({ outcomes: [], findings: [], next: { next: 'settled' } });
  });

  test('approve lets a plan go that is held because it removes much', async () => {
    const extra = [1, 2, 3].map(
      index =>
        `  extra-${index}: {type: native, machine: m2, path: /srv/extra-${index}, user: root, command: sleep infinity}\n`,
    );
    await commit(`${registry()}${extra.join('')}`, 'Three more');
    expect(await person.type('portoser run --once')).toMatchObject({ code: 0 });
    await commit(registry(), 'Three less');
    const held = await person.type('portoser run --once');
    expect(held.code).toBe(2);
    expect(await unit('extra-1')).toBe('active');
    const plan = /portoser approve (\w+)/.exec(held.stdout)?.[1] ?? '';
    expect(await person.json(`portoser approve ${plan}`)).toMatchObject({ plan });
    expect(await person.type('portoser run --once')).toMatchObject({ code: 0 });
    expect(await unit('extra-1')).not.toBe('active');
    expect(await person.type('portoser approve zzz')).toMatchObject({ code: 1, stdout: '' });
  });

  test('git accept follows a branch that was rewritten', async () => {
    await person.git('push', '-q');
    expect(await person.type('portoser run --once')).toMatchObject({ code: 0 });
    await person.git('reset', '-q', '--hard', 'HEAD~2');
    const head = await commit(registry().replace('# What runs where.', '# Rewritten.'), 'Another history');
    await person.repo.push({ force: true });
    const held = await person.type('portoser run --once');
    expect(held.code).toBe(2);
    expect(held.stdout + held.stderr).toContain(`portoser git accept ${head.slice(0, 12)}`);
    expect(await person.type(`portoser git accept ${head.slice(0, 12)}`)).toMatchObject({ code: 0 });
    expect(await person.type('portoser run --once')).toMatchObject({ code: 0 });
    expect(await person.json<StatusReport>('portoser status')).toMatchObject({ appliedCommit: head });
  });

  test('machine claim: of our own machine there is nothing to take', async () => {
    const claimed = await person.type('portoser machine claim m1');
    expect(claimed).toMatchObject({ code: 0 });
    expect(claimed.stdout).toContain('belongs to this repository already');
  });

  test('service remove stops it at the next deploy, and leaves its files', async () => {
    expect(await person.type('portoser service remove ticks')).toMatchObject({ code: 0 });
    expect(await person.type('portoser deploy')).toMatchObject({ code: 0 });
    expect(await unit('portoser-ticks')).not.toBe('active');
    expect((await lab.host(2).inside('ls -d /srv/ticks')).code).toBe(0);
    expect(await unit('page')).toBe('active');
  });
});

describe('interrupted', () => {
  test('a deploy stops waiting, says so, and the next one finishes', async () => {
    await commit(
      registry().replace('health: {endpoint: /health}', 'health: {endpoint: /never, deadline: 300}'),
      'Wait for long',
    );
    await lab.host(1).must('docker stop -t 0 my-app-main-1');
    const deploying = person.start('portoser deploy my-app');
    const isUp = async () => (await container()).includes('running');
    await eventually('it was started', isUp, 60_000);
    expect(await deploying.stop('SIGINT')).toBe(130);
    expect(deploying.output()).toMatch(/interrupted|nobody waited/);
    expect(deploying.output()).not.toContain('[gate-failed]');
    await commit(registry(), 'As it was');
    expect(await person.type('portoser deploy')).toMatchObject({ code: 0 });
    expect(await person.type('portoser plan')).toMatchObject({ code: 0 });
  });

  test('audit verify and audit list know who deployed', async () => {
    expect(await person.type('portoser audit verify')).toMatchObject({ code: 0 });
    const listed = await person.type('portoser audit list --since 1h');
    expect(listed).toMatchObject({ code: 0, stdout: expect.stringContaining('deploy') as string });
  });

  test('run is alone in its state folder, and ends in order', async () => {
    const controller = person.start('portoser run');
    await eventually('it follows', async () => /is in force/.test(controller.output()), 60_000);
    const second = await person.type('portoser run');
    expect(second).toMatchObject({ code: 1 });
    expect(second.stderr).toContain('[state-dir-busy]');
    expect(await person.json<StatusReport>('portoser status')).toHaveProperty('controller.pid');
    expect(await controller.stop('SIGTERM')).toBe(0);
  });
});
