// Tools that answer success and do nothing: what a fresh look shows counts, and there is no success anywhere.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { withLab } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';
import { livesOn } from './fleet-evidence.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

let story: Story;
beforeAll(async () => {
  story = await freshStory();
  await host.must(`docker ps -aq | xargs -r docker rm -f >/dev/null; rm -rf /opt/web /opt/unit /var/lib/portoser`);
});
afterAll(() => story?.remove());

const registry = (version: string): StoryRegistry => ({
  cluster: 'lies',
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

test('a first start that never was is no success', async () => {
  await host.must(lie);
  await push('one');
  const { code, report } = await story.once();
  expect(code).toBe(1);
  expect(report.outcomes).toMatchObject([{ key: 'web@m1', result: 'failed' }]);
  expect(await host.must('docker ps -aq')).toBe('');
  expect((await story.cli(['status'])).code).not.toBe(0);
});

test('a change that never was is not converged, though what ran before still answers', async () => {
  expect((await story.cli(['deploy', 'web', '--yes'])).code).toBe(0);
  const lives = await livesOn(host);
  await host.must(lie);
  await push('two');
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
  const status = await story.status();
  expect(JSON.stringify(status)).not.toContain('"applied"');
  expect((await story.plan()).code).toBe(2);
});

test('and is made once the tool is honest', async () => {
  expect(await story.once()).toMatchObject({ code: 0 });
  expect(await host.must("docker inspect --format '{{.Config.Env}}' $(docker ps -q)")).toContain('GREETING=two');
});
