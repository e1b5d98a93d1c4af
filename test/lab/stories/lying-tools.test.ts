// Tools that answer success and do nothing: what a fresh look shows counts, and there is no success anywhere.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Deployment, HistoryEvent } from '../../../schema/history.js';
import type { StatusReport } from '../../../schema/status.js';
import { makeHistory, useServer } from '../../adapters/postgres-fixture.js';
import { withLab } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { livesOn } from './fleet-evidence.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);
useServer();

let story: Story;
beforeAll(async () => {
  story = await freshStory({ env: { DATABASE_URL: await makeHistory() } });
  await host.must(`docker ps -aq | xargs -r docker rm -f >/dev/null; rm -rf /opt/web /opt/unit /var/lib/portoser`);
});
afterAll(() => story?.remove());

const registry = (version: string): StoryRegistry => ({
  cluster: 'lies',
  policy: { backoff: '1s' },
  machines: { m1: labMachine(host) },
  services: {
    web: {
      type: 'docker',
      machine: 'm1',
      path: '/opt/web',
      source: 'web',
      port: 18_096,
      env: { GREETING: version },
      health: { type: 'http', endpoint: '/health', deadline: '10s', interval: '500ms' },
    },
  },
});

const compose = `services:
  main:
    image: lab/web:1
    ports: ["18096:8080"]
    environment: { GREETING: "\${GREETING}" }
`;
const push = (version: string) => story.push(registry(version), { 'web/compose.yaml': compose }, `Version ${version}`);

/** Docker looks for its plugins here first. */
const plugin = '/root/.docker/cli-plugins/docker-compose';
const lie = `mkdir -p /root/.docker/cli-plugins; cat >${plugin} <<'end'
#!/bin/sh
case $1 in
docker-cli-plugin-metadata) echo '{"SchemaVersion":"0.1.0","Vendor":"nobody","Version":"v2.40.0"}';;
*) case " $* " in *" version "*) echo 2.40.0;; esac;;
esac
exit 0
end
chmod 755 ${plugin}`;
afterEach(() => host.must(`rm -rf /root/.docker/cli-plugins`));

async function listed<T>(...words: string[]): Promise<readonly T[]> {
  const { code, stdout, stderr } = await story.cli([...words, '--json']);
  expect(code, `${stdout}${stderr}`).toBe(0);
  return JSON.parse(stdout) as readonly T[];
}

/** How the deployments of a commit ended by history: each end once. */
async function endsOf(commit: string): Promise<readonly string[]> {
  const all = await listed<Deployment>('history', 'list', 'web@m1');
  const ends = all.filter(one => one.commit === commit).map(one => one.error?.code ?? one.result);
  return [...new Set(ends)].toSorted();
}

/** What events tell of how its changes ended, oldest first. */
async function told(): Promise<readonly string[]> {
  const all = await listed<HistoryEvent>('events', '--service', 'web@m1');
  return all.map(one => one.kind).filter(kind => kind === 'deploy.done' || kind === 'deploy.failed');
}

/** `status` is red, in both its forms: what the plan would change is not asked whether it answers. */
async function expectRed(health: 'unknown' | 'not-answering'): Promise<void> {
  const json = await story.cli(['status', '--json']);
  expect(json.code, `${json.stdout}${json.stderr}`).toBe(2);
  const { placements } = JSON.parse(json.stdout) as StatusReport;
  const why = expect.stringMatching(/./) as string;
  expect(placements).toMatchObject([{ key: 'web@m1', sync: 'differs', health, why }]);
  const text = await story.cli(['status']);
  const row = new RegExp(`^web +m1 +differs +${health.replace('-', ' ')} `, 'm');
  expect(text).toMatchObject({ code: 2, stdout: expect.stringMatching(row) as string });
}

let second = '';

test('a first start that never was is no success', async () => {
  await host.must(lie);
  const first = await push('one');
  const { code, report } = await story.once();
  expect(code).toBe(1);
  expect(report.outcomes).toMatchObject([{ key: 'web@m1', result: 'failed' }]);
  expect(await host.must('docker ps -aq')).toBe('');
  await expectRed('not-answering');
  const [error] = report.outcomes.flatMap(one => (one.result === 'failed' ? [one.error.code] : []));
  expect(['gate-failed', 'not-converged']).toContain(error);
  expect(await endsOf(first)).toEqual([error]);
  expect(new Set(await told())).toEqual(new Set(['deploy.failed']));
});

test('a change that never was is not converged, though what ran before still answers', async () => {
  expect((await story.cli(['deploy', 'web', '--yes'])).code).toBe(0);
  const lives = await livesOn(host);
  const before = await told();
  await host.must(lie);
  second = await push('two');
  const { code, report } = await story.once();
  expect(code).toBe(1);
  expect(report.outcomes).toMatchObject([
    {
      key: 'web@m1',
      result: 'failed',
      error: { code: 'not-converged', message: expect.stringMatching(/every command succeeded, but/) as string },
    },
  ]);
  expect(await livesOn(host)).toBe(lives);
  await expectRed('unknown');
  expect(await endsOf(second)).toEqual(['not-converged']);
  expect(new Set((await told()).slice(before.length))).toEqual(new Set(['deploy.failed']));
  expect((await story.plan()).code).toBe(2);
});

test('and is made once the tool is honest', async () => {
  expect(await story.once()).toMatchObject({ code: 0 });
  expect(await host.must("docker inspect --format '{{.Config.Env}}' $(docker ps -q)")).toContain('GREETING=two');
  expect(await endsOf(second)).toEqual(['applied', 'not-converged']);
  expect((await told()).at(-1)).toBe('deploy.done');
  expect((await story.cli(['status'])).code).toBe(0);
});
