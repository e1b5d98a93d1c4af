// The Docker driver on a real host: its words run there by the real shell, and it reads what is really there.
import { beforeEach, describe, expect, test } from 'vitest';
import { type Command, lines, render } from '../../reconciler/commands/command.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import { docker } from '../../reconciler/drivers/docker.js';
import type { Ground, RunnerSeen, StartKind, Step } from '../../reconciler/drivers/driver.js';
import type { Placement, Stamp } from '../../schema/state.js';
import { dockerPlacement, dockerStamp, groundWith } from '../drivers/docker-placement.js';
import { containerStarts, eventually, withLab, type Ended, type LabUser } from './harness.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

const run = (command: Command, user: LabUser = 'deploy'): Promise<Ended> =>
  host.ssh(render(lines([prelude({ nonce: 'n0nce', sudo: 'auto' }), command])), { user, timeoutMs: 120_000 });

const sent = (path: string, mode: number, text: string): string =>
  `mkdir -p "$(dirname ${path})"; echo ${Buffer.from(text).toString('base64')} | base64 -d >${path}; chmod ${mode.toString(8)} ${path}\n`;

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  const words = Object.entries(files).map(([name, text]) => sent(`/opt/web/${name}`, 0o644, text));
  await host.must(`mkdir -p /opt/web/.portoser; ${words.join('')} chown -R deploy: /opt/web`);
}

async function look(project = 'web', user: LabUser = 'deploy'): Promise<RunnerSeen> {
  const target = { index: 0, service: project, path: '/opt/web', identity: { project, scope: 'system' as const } };
  const ended = await run(docker.look([target]), user);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return docker.read([target], ended.stdout.split('\n')).get(0) ?? { state: 'absent' };
}

async function present(): Promise<RunnerSeen & { state: 'present' }> {
  const seen = await look();
  if (seen.state !== 'present') throw new Error(`not present: ${JSON.stringify(seen)}`);
  return seen;
}

async function steps(all: readonly Step[], user?: LabUser): Promise<void> {
  for (const { what, command } of all) expect({ what, ...(await run(command, user)) }).toMatchObject({ what, code: 0 });
}

async function write(placement: Placement, ground: Ground, owner: LabUser = 'deploy'): Promise<void> {
  const files = docker.generate(placement, ground);
  if ('code' in files) throw new Error(files.message);
  await host.must(`mkdir -p /opt/web/.portoser; ${files.map(file => sent(file.path, file.mode, file.text)).join('')}
    chown -R ${owner}: /opt/web`);
}

async function apply(
  placement: Placement,
  compose: string,
  kind: StartKind = 'create',
  user?: LabUser,
): Promise<Ground> {
  const ground = groundWith({ 'compose.yml': compose });
  await put({ 'compose.yml': compose });
  await write(placement, ground, user);
  await steps(docker.start(placement, kind, ground), user);
  return ground;
}

async function stampNow(more: Partial<Stamp> = {}): Promise<Stamp> {
  return dockerStamp({ images: (await present()).images, ...more });
}

const simple = `services:
  web:
    image: lab/web:1
    restart: always
    ports: ["8081:8080"]
`;

const facts = groundWith({}).facts;
const page = (port: number, name = ''): Promise<string> =>
  eventually(
    `port ${port} answers`,
    async () => (await host.ssh(`curl -sf localhost:${port}/${name}`)).stdout || undefined,
  );

beforeEach(async () => {
  await host.must(
    `docker ps -aq | xargs -r docker rm -f >/dev/null; docker network prune -f >/dev/null; rm -rf /opt/web`,
  );
});

describe('the docker driver on a host', () => {
  test('brings a project up, and sees it in order; the same again changes nothing', async () => {
    const placement = dockerPlacement();
    const ground = await apply(placement, simple);
    const seen = await present();
    expect(seen).toMatchObject({ run: 'running', settings: { fingerprint: 'f1', health: 'none', published: '8081' } });
    expect(seen.pids).toHaveLength(1);
    expect(docker.drift(placement, seen, await stampNow())).toEqual([]);
    expect(await page(8081)).toBe('web 1\n');
    const before = await containerStarts(host, ['web-web-1']);
    await steps(docker.start(placement, 'update', ground));
    expect(await containerStarts(host, ['web-web-1'])).toEqual(before);
    expect(await look('other')).toEqual({ state: 'absent' });
  });

  test('sees a stopped, a paused and a removed container, and repairs them', async () => {
    const placement = dockerPlacement();
    const ground = await apply(placement, simple);
    await host.must('docker stop -t 1 web-web-1');
    expect(await look()).toMatchObject({ state: 'present', run: 'stopped' });
    await steps(docker.start(placement, 'repair', ground));
    expect(await present()).toMatchObject({ run: 'running' });
    await host.must('docker pause web-web-1');
    expect(await look()).toMatchObject({ state: 'present', run: 'stopped' });
    await steps(docker.start(placement, 'repair', ground));
    expect(await present()).toMatchObject({ run: 'running' });
    await host.must('docker rm -f web-web-1');
    expect(await look()).toEqual({ state: 'absent' });
    await steps(docker.start(placement, 'repair', ground));
    expect(await present()).toMatchObject({ run: 'running' });
  });

  test('recreates at an update, and for a restart', async () => {
    await apply(dockerPlacement(), simple);
    const before = await containerStarts(host, ['web-web-1']);
    const changed = dockerPlacement({ docker: { images: { web: 'lab/web:2' } } }, { fingerprint: 'f2' });
    const ground = await apply(changed, simple, 'update');
    expect(await present()).toMatchObject({ settings: { fingerprint: 'f2' } });
    expect(await page(8081)).toBe('web 2\n');
    const after = await containerStarts(host, ['web-web-1']);
    expect(after).not.toEqual(before);
    await steps(docker.start(changed, 'restart', ground));
    expect(await containerStarts(host, ['web-web-1'])).not.toEqual(after);
  });

  test('replaces ports of the file, and tells the process its own side of the mapping', async () => {
    const placement = dockerPlacement({ port: 9090, docker: { portMapping: [{ host: 9090, container: 8085 }] } });
    await apply(placement, simple);
    expect(await page(9090)).toBe('web 1\n');
    expect((await present()).settings['published']).toBe('9090');
  });

  test('values reach the container and the compose file exactly as they are', async () => {
    const env = {
      QUOTES: `it's "so" \\'`,
      DOLLARS: '$HOME ${PATH} $$ $',
      LINES: 'one\ntwo\t\\n three\\',
      SPACES: '  # no comment ',
      EMPTY: '',
      USER: 'not-the-shells',
    };
    const names = Object.keys(env);
    const compose = `services:
  web:
    image: lab/web:1
    environment:
${names.map(name => `      SEEN_${name}: "\${${name}}"`).join('\n')}
`;
    await apply(dockerPlacement({ env }), compose);
    const shown = JSON.parse(await host.must(`docker inspect -f '{{json .Config.Env}}' web-web-1`)) as string[];
    const inside = Object.fromEntries(
      shown.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    for (const name of names) {
      expect.soft(inside[name], name).toBe(env[name as keyof typeof env]);
      expect.soft(inside[`SEEN_${name}`], `SEEN_${name}`).toBe(env[name as keyof typeof env]);
    }
  });

  test('variables come from .env, then env_file, then env', async () => {
    const compose = `services:\n  web:\n    image: lab/web:1\n    environment: ["ALL=\${A} \${B} \${C} \${PORT}"]\n`;
    await put({ '.env': 'A=dot\nB=dot\nC=dot\n', 'more.env': 'B=file\nC=file\n' });
    await apply(dockerPlacement({ port: 9000, envFiles: ['more.env'], env: { C: 'env' } }), compose);
    expect(await host.must(`docker exec web-web-1 sh -c 'echo $ALL $A $B $C'`)).toBe('dot file env 9000 file env\n');
  });

  test('limits hold, whichever way the file writes its own', async () => {
    const resources = { memoryBytes: 64 * 1024 * 1024, cpus: 0.5 };
    for (const own of ['', '    mem_limit: 1g\n', '    deploy: {resources: {limits: {memory: 1g, cpus: "2"}}}\n']) {
      await apply(dockerPlacement({ resources }), `services:\n  web:\n    image: lab/web:1\n${own}`, 'update');
      expect(await host.must(`docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}' web-web-1`)).toBe(
        '67108864 500000000\n',
      );
    }
  });

  test('stops for good, starts with its restart policy again, and leaves volumes when it is removed', async () => {
    const compose = `${simple}    volumes: ["kept:/data"]\nvolumes:\n  kept:\n`;
    const placement = dockerPlacement();
    const ground = await apply(placement, compose);
    const stamp = await stampNow();
    const policy = (): Promise<string> => host.must(`docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' web-web-1`);
    await host.must('mv /opt/web/compose.yml /opt/web/away');
    await steps(docker.stop(stamp, ground));
    await host.must('mv /opt/web/away /opt/web/compose.yml');
    expect(await present()).toMatchObject({ run: 'stopped' });
    expect(await policy()).toBe('no\n');
    await steps(docker.start(placement, 'repair', ground));
    expect(await policy()).toBe('always\n');
    await steps([...docker.stop(stamp, ground), ...docker.remove(stamp, ground)]);
    expect(await look()).toEqual({ state: 'absent' });
    expect(await host.must('docker volume ls -q; docker network ls -q -f label=com.docker.compose.project')).toBe(
      'web_kept\n',
    );
    await steps([...docker.stop(stamp, ground), ...docker.remove(stamp, ground)]);
  });

  test('knows a crash loop, a failure, a job that ended, and a container made by hand', async () => {
    const compose = `services:
  web:
    image: lab/web:1
    depends_on:
      job: { condition: service_completed_successfully }
  job:
    image: lab/web:1
    command: ["/bin/true"]
`;
    const placement = dockerPlacement();
    await apply(placement, compose);
    const stamp = await stampNow();
    expect(await present()).toMatchObject({
      run: 'running',
      settings: { 'container:job': 'done', 'container:web': 'running' },
    });
    await host.must('cd /opt/web && docker compose -p web up -d --force-recreate');
    expect(docker.drift(placement, await present(), stamp)).toEqual([{ field: 'label', from: 'none', to: 'f1' }]);
    await apply(placement, compose, 'repair');
    expect(docker.drift(placement, await present(), stamp)).toEqual([]);
    await apply(dockerPlacement({ env: { FAIL: '1' } }, { fingerprint: 'f2' }), simple, 'update');
    await eventually('it crash-loops', async () => (await present()).run === 'crash-looping');
    await apply(
      dockerPlacement({ env: { FAIL: '1' } }, { fingerprint: 'f3' }),
      simple.replace('always', 'no'),
      'update',
    );
    const failed = await eventually('it fails', async () =>
      (await present()).run === 'failed' ? present() : undefined,
    );
    expect(failed.detail).toBe('web-web-1: exited, exit code 1');
  });

  test('prints its log, by its name alone', async () => {
    const ground = await apply(dockerPlacement(), simple);
    await page(8081);
    await host.must('rm -r /opt/web');
    const command = docker.logs(await stampNow(), { follow: false, lines: 10 }, ground.facts);
    expect(await run(command)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^web 1 listens on 8080\n\[.*\n$/),
    });
    const missing = docker.logs(dockerStamp({ project: 'none' }), { follow: false, lines: 10 }, ground.facts);
    expect((await run(missing)).stdout).toBe('');
  });

  test('says what is wrong: invalid file, no image, port taken', async () => {
    const placement = dockerPlacement();
    const fails = async (compose: string): Promise<string | undefined> => {
      const ground = groundWith({ 'compose.yml': compose });
      await put({ 'compose.yml': compose });
      await write(placement, ground);
      for (const step of docker.start(placement, 'create', ground)) {
        const ended = await run(step.command);
        if (ended.code === 0) continue;
        const report = docker.explain(step, ended.stdout + ended.stderr);
        return `${report?.code} ${report?.message}`;
      }
      return undefined;
    };
    expect(await fails('services:\n  web: {image: lab/web:1, imagee: x}\n')).toMatch(/^compose-invalid .*imagee/);
    expect(await fails('services:\n  web: {image: lab/web:1, env_file: none.env}\n')).toMatch(
      /^file-missing .*none\.env/,
    );
    expect(await fails('services:\n  web: {image: lab/none:1}\n')).toMatch(/^image-unreachable /);
    await host.must('docker run -d --name other -p 8081:8080 lab/web:1');
    expect(await fails(simple)).toMatch(/^port-taken .*8081/);
    expect(await present()).toMatchObject({ run: 'failed' });
  });

  test('goes through sudo where the group is missing, and says when even that is refused', async () => {
    await apply(dockerPlacement(), simple, 'create', 'tc');
    expect(await look('web', 'bb')).toMatchObject({ state: 'present', run: 'running' });
    expect(await look('web', 'plain')).toMatchObject({ state: 'unknown', error: { code: 'docker-refused' } });
    const [step] = docker.stop(await stampNow(), { ...groundWith({}), facts });
    if (step === undefined) throw new Error('no step');
    const ended = await run(step.command, 'plain');
    expect(docker.explain(step, ended.stderr)).toMatchObject({ code: 'docker-refused' });
  });

  test('a stopped engine and a missing one are unknown, not absent', async () => {
    await apply(dockerPlacement(), simple);
    await host.must('systemctl stop docker.socket docker.service');
    expect(await look()).toMatchObject({ state: 'unknown', error: { code: 'docker-down' } });
    await host.must('mv /usr/bin/docker /usr/bin/docker-away');
    expect(await look()).toMatchObject({ state: 'unknown', error: { code: 'docker-missing' } });
    await host.must('mv /usr/bin/docker-away /usr/bin/docker; systemctl start docker');
    await eventually('it runs again', async () => (await look()).state === 'present');
  });
});
