// What the Docker driver makes of a placement: names, fields, files of the user's, our own two files, its steps.
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { display } from '../../reconciler/commands/command.js';
import { docker } from '../../reconciler/drivers/docker.js';
import type { Ground, StartKind } from '../../reconciler/drivers/driver.js';
import type { Placement } from '../../schema/state.js';
import { type DockerWish, dockerPlacement, dockerStamp, groundWith } from './docker-placement.js';
import { factsOf } from './native-placement.js';

const one = 'services:\n  app: {image: "app:1"}\n';
const two = 'services:\n  app: {image: "app:1"}\n  db: {image: "db:1"}\n';

interface Written {
  readonly services: Record<string, Record<string, unknown>>;
}

function generated(placement: Placement, ground: Ground): { readonly override: string; readonly variables: string } {
  const files = docker.generate(placement, ground);
  if ('code' in files) throw new Error(`${files.code}: ${files.message}`);
  expect(files.map(({ path, mode, root }) => [path, mode, root])).toEqual([
    ['/opt/web/.portoser/compose.override.yml', 0o600, false],
    ['/opt/web/.portoser/compose.env', 0o600, false],
  ]);
  return { override: files[0]?.text ?? '', variables: files[1]?.text ?? '' };
}

const read = (text: string): Written => parse(text, { logLevel: 'silent' }) as Written;
const override = (wish: DockerWish, compose: string): Record<string, Record<string, unknown>> =>
  read(generated(dockerPlacement(wish), groundWith({ 'compose.yml': compose })).override).services;

const refusal = (placement: Placement, ground: Ground): string => {
  const files = docker.generate(placement, ground);
  return 'code' in files ? `${files.code}: ${files.message} | ${files.hint}` : 'taken';
};

describe('identity and fields', () => {
  test('the project is called after the service', () => {
    expect(docker.identity(dockerPlacement().spec)).toEqual({ project: 'web', scope: 'system' });
  });

  test.each<[DockerWish, Readonly<Record<string, string>>]>([
    [{}, {}],
    [{ docker: { pull: 'always' }, resources: { diskBytes: 5 } }, {}],
    [
      { docker: { build: true, composeFile: 'c.yml', composeService: 'app' } },
      { build: 'true', compose_file: 'c.yml', compose_service: 'app' },
    ],
    [{ docker: { images: { app: 'a@sha256:1' } } }, { 'image.app': 'a@sha256:1' }],
    [
      {
        docker: {
          portMapping: [
            { host: 9, container: 1 },
            { host: 8, container: 2 },
            { host: 9, container: 1 },
          ],
        },
      },
      { port_mapping: '8:2, 9:1' },
    ],
    [{ resources: { memoryBytes: 1024, cpus: 0.5 } }, { memory: '1024', cpus: '0.5' }],
  ])('%j', (wish, fields) => {
    expect(docker.fields(dockerPlacement(wish).spec)).toEqual(fields);
  });
});

describe('files of the user', () => {
  const own = (wish: DockerWish) => docker.ownFiles(dockerPlacement(wish).spec);

  test('with source none: all of it is managed', () => {
    expect(own({ source: 'apps/web', envFiles: ['a.env'] })).toEqual([]);
  });

  test('the names that Compose looks for, with their text, and where variables come from', () => {
    const files = own({ envFiles: ['a.env', '/etc/b.env', '.env'] });
    expect(files.filter(file => file.text).map(file => file.path.slice('/opt/web/'.length))).toEqual([
      'compose.yaml',
      'compose.yml',
      'docker-compose.yml',
      'docker-compose.yaml',
      'compose.override.yml',
      'compose.override.yaml',
      'docker-compose.override.yml',
      'docker-compose.override.yaml',
    ]);
    expect(files.filter(file => !file.text).map(file => file.path)).toEqual([
      '/opt/web/.env',
      '/opt/web/a.env',
      '/etc/b.env',
    ]);
  });

  test('a named one alone', () => {
    expect(own({ docker: { composeFile: './deploy/stack.yml' } })).toEqual([
      { path: '/opt/web/deploy/stack.yml', text: true },
      { path: '/opt/web/deploy/.env', text: false },
    ]);
  });
});

describe('the override', () => {
  test('labels every inner service, and nothing else without need', () => {
    const labels = { 'io.portoser.cluster': 'home', 'io.portoser.service': 'web', 'io.portoser.fingerprint': 'f1' };
    expect(override({}, two)).toEqual({
      app: { labels: { ...labels, 'io.portoser.job': 'maybe' } },
      db: { labels: { ...labels, 'io.portoser.job': 'maybe' } },
    });
  });

  test("gives the registry's words to the service of our name, the only one, or the named one", () => {
    const env = { A: '1' };
    expect(override({ env }, one)['app']).toMatchObject({ environment: env });
    expect(override({ env }, 'services: {web: {image: a}, db: {image: b}}')).toMatchObject({
      web: { environment: env },
    });
    expect(override({ env, docker: { composeService: 'db' } }, two)['db']).toMatchObject({ environment: env });
    expect(override({ env }, 'services: {app: {image: a}, tool: {image: b, profiles: [x]}}')['app']).toMatchObject({
      environment: env,
    });
  });

  test('writes ports with the tag that replaces, env_file as absolute paths, pins, and dollars that stay', () => {
    const placement = dockerPlacement({
      env: { PRICE: '5$ ${A}', YES: 'yes', TIME: '22:30' },
      envFiles: ['a.env'],
      docker: { portMapping: [{ host: 80, container: 8080 }], images: { app: 'app@sha256:12' } },
    });
    const text = generated(placement, groundWith({ 'compose.yml': one })).override;
    expect(text).toContain('"ports": !override\n      - "80:8080"\n');
    expect(text).toContain('"YES": "yes"');
    expect(read(text).services['app']).toMatchObject({
      environment: { PRICE: '5$$ $${A}', YES: 'yes', TIME: '22:30' },
      env_file: ['/opt/web/a.env'],
      image: 'app@sha256:12',
    });
  });

  test.each([
    ['nothing there', '', { deploy: { resources: { limits: { memory: '1024', cpus: '2' } } } }],
    ['short forms', 'mem_limit: 1g', { mem_limit: '1024', cpus: '2' }],
    [
      'deploy',
      'deploy: {resources: {limits: {cpus: "1"}}}',
      { deploy: { resources: { limits: { memory: '1024', cpus: '2' } } } },
    ],
  ])('limits beside %s', (_, own, expected) => {
    const compose = `services: {app: {image: a, ${own}}}`;
    const { labels, ...rest } = override({ resources: { memoryBytes: 1024, cpus: 2 } }, compose)['app'] ?? {};
    expect(labels).toBeDefined();
    expect(rest).toEqual(expected);
  });

  test.each<[string, DockerWish, string, string | undefined]>([
    ['nothing published', {}, '', '9090'],
    ['the same on both sides', {}, 'ports: ["9090:9090"]', '9090'],
    ['another port inside', {}, 'ports: ["9091:1", "127.0.0.1:9090:8080/tcp"]', '8080'],
    ['by a variable', {}, 'ports: ["${PORT:-80}:8080", "1:2"]', '8080'],
    ['long form', {}, 'ports: [{published: "9090", target: 8080}]', '8080'],
    ['an unknown variable, but the only port', {}, 'ports: ["${OTHER}:8080"]', '8080'],
    ['several, and none is it', {}, 'ports: ["1:2", "3:4"]', undefined],
    ['the file says it itself', {}, 'environment: {PORT: "3000"}', undefined],
    ['as a list too', {}, 'environment: ["PORT=3000"]', undefined],
    ['the registry says it', { env: { PORT: '1' } }, 'ports: ["9090:8080"]', '1'],
    ['port_mapping', { docker: { portMapping: [{ host: 9090, container: 80 }] } }, 'ports: ["1:2"]', '80'],
  ])('PORT inside: %s', (_, wish, own, expected) => {
    const app = override({ port: 9090, ...wish }, `services: {app: {image: a, ${own}}}`)['app'] ?? {};
    expect((app['environment'] as { PORT?: string } | undefined)?.PORT).toBe(expected);
  });

  test('knows jobs by those who wait for their end, and services by what they offer', () => {
    const compose = `services:
  web: {image: a, depends_on: {init: {condition: service_completed_successfully}, db: {condition: service_healthy}}}
  init: {image: a}
  db: {image: a, healthcheck: {test: x}}
  cron: {image: a, restart: always}
  task: {image: a, restart: "no"}
`;
    const jobs = Object.entries(override({}, compose)).map(([name, inner]) => [
      name,
      (inner['labels'] as Record<string, string>)['io.portoser.job'],
    ]);
    expect(Object.fromEntries(jobs)).toEqual({ web: 'no', init: 'yes', db: 'no', cron: 'no', task: 'maybe' });
  });

  test('reads files as people write them: version, anchors, merge keys, tags, extends', () => {
    const compose = `version: "3.8"
x-base: &base {image: "a:1", restart: always}
services:
  app: {<<: *base, ports: !reset []}
  more: {extends: {file: other.yml, service: x}}
`;
    expect(Object.keys(override({}, compose))).toEqual(['app', 'more']);
  });

  test('a file laid over by Compose itself stays one', () => {
    const ground = groundWith({
      'compose.yml': one,
      'compose.override.yml': 'services: {app: {ports: ["9090:80"]}, extra: {image: e}}',
    });
    const placement = dockerPlacement({ port: 9090, docker: { composeService: 'app' } });
    const { services } = read(generated(placement, ground).override);
    expect(Object.keys(services)).toEqual(['app', 'extra']);
    expect(services['app']).toMatchObject({ environment: { PORT: '80' } });
    expect(words(placement, 'create', ground).at(-1)).toContain(
      '-f /opt/web/compose.yml -f /opt/web/compose.override.yml -f /opt/web/.portoser/',
    );
  });

  test('with source the texts come from git', () => {
    const files = [{ path: 'compose.yaml', sha256: 'a', mode: 0o644 as const, oid: 'o', bytes: 1 }];
    const placement = dockerPlacement({ source: 'apps/web' }, { source: files, texts: { 'compose.yaml': two } });
    expect(Object.keys(read(generated(placement, groundWith({})).override).services)).toEqual(['app', 'db']);
  });
});

describe('variables of the compose file', () => {
  test.each<[string, string]>([
    ['plain', `A='plain'`],
    ['$x ${y} "q" # no', `A='$x \${y} "q" # no'`],
    [`it's $x`, String.raw`A="it's \$x"`],
    ['a\nb\\', String.raw`A="a\nb\\"`],
    ['', `A=''`],
  ])('%j', (value, line) => {
    expect(generated(dockerPlacement({ env: { A: value } }), groundWith({ 'compose.yml': one })).variables).toBe(
      `${line}\n`,
    );
  });

  test('has PORT as the machine knows it, unless env says it, and no names that none can ask for', () => {
    const text = (env: Record<string, string>) =>
      generated(dockerPlacement({ port: 9090, env }), groundWith({ 'compose.yml': one })).variables;
    expect(text({ 'a.b': '1', B: '2' })).toBe(`B='2'\nPORT='9090'\n`);
    expect(text({ PORT: '1' })).toBe(`PORT='1'\n`);
  });
});

describe('what cannot be done', () => {
  const ground = (text: string) => groundWith({ 'compose.yml': text });

  test.each<[string, Placement, Ground, RegExp]>([
    [
      'no file',
      dockerPlacement(),
      groundWith({}),
      /^file-missing: .*compose\.yaml, compose\.yml, docker-compose\.yml, docker-compose\.yaml.* \/opt\/web/,
    ],
    [
      'no file of that name',
      dockerPlacement({ docker: { composeFile: 'x.yml' } }),
      ground(one),
      /^file-missing: .*x\.yml/,
    ],
    [
      'none in the source',
      dockerPlacement({ source: 'apps/web' }),
      ground(one),
      /^file-missing: .*apps\/web in the repository/,
    ],
    ['not YAML', dockerPlacement(), ground('services:\n  web: [\n'), /^compose-invalid: .*compose\.yml/],
    ['a key twice', dockerPlacement(), ground('services:\n  a: {}\n  a: {}\n'), /^compose-invalid: .*unique/],
    ['an alias to nowhere', dockerPlacement(), ground('services:\n  a: *no\n'), /^compose-invalid: /],
    ['no map', dockerPlacement(), ground('hello\n'), /^compose-invalid: .*not a map/],
    [
      'several, none of our name',
      dockerPlacement({ env: { A: '1' } }),
      ground(two),
      /^compose-invalid: .*app, db.*compose_service: app/,
    ],
    [
      'a name that is not there',
      dockerPlacement({ docker: { composeService: 'x' } }),
      ground(two),
      /^compose-invalid: .*compose_service: x .*app, db/,
    ],
    [
      'a pin for nobody',
      dockerPlacement({ docker: { images: { x: 'y' } } }),
      ground(two),
      /^compose-invalid: .*images: x /,
    ],
    ['no services', dockerPlacement({ env: { A: '1' } }), ground('services: {}\n'), /^compose-invalid: .*no services/],
  ])('%s', (_, placement, at, expected) => {
    expect(refusal(placement, at)).toMatch(expected);
  });

  test('a file that the SSH user may not read is named', () => {
    const closed = { ...groundWith({}), own: { '/opt/web/compose.yml': { sha256: 'aa' } } };
    expect(refusal(dockerPlacement(), closed)).toMatch(/^file-missing: .*cannot be read/);
  });
});

/** `phase: the last line that calls Compose or Docker`, one a step. */
function words(
  placement: Placement,
  kind: StartKind,
  ground: Ground = groundWith({ 'compose.yml': one }),
): readonly string[] {
  return docker.start(placement, kind, ground).map(step => `${step.phase}: ${display(step.command)}`);
}

describe('steps', () => {
  const tail = (shown: string | undefined) =>
    shown?.split('\n').findLast(line => line.startsWith('p_compose "$@"') || line.startsWith('for p_a in '));
  const images = 'for p_a in app:1; do';

  test.each<[StartKind, DockerWish, readonly (string | undefined)[]]>([
    ['create', {}, [images, 'p_compose "$@" up -d --remove-orphans --quiet-pull $p_force || p_why $?']],
    [
      'update',
      { docker: { pull: 'never' }, stopTimeoutMs: 30_000 },
      [images, 'p_compose "$@" up -d --remove-orphans --quiet-pull --pull never -t 30 $p_force || p_why $?'],
    ],
    [
      'update',
      { docker: { pull: 'always', build: true } },
      [
        'p_compose "$@" pull --quiet || p_why $?',
        'p_compose "$@" build --pull || p_why $?',
        images,
        'p_compose "$@" up -d --remove-orphans --quiet-pull $p_force || p_why $?',
      ],
    ],
    [
      'repair',
      { docker: { pull: 'always', build: true } },
      ['p_compose "$@" up -d --remove-orphans --quiet-pull $p_force || p_why $?'],
    ],
  ])('%s %j', (kind, wish, expected) => {
    expect(words(dockerPlacement(wish), kind).map(tail)).toEqual(expected);
  });

  test.each<[string, DockerWish, string | undefined]>([
    [two, {}, 'for p_a in app:1 db:1; do'],
    [
      two,
      { docker: { images: { app: 'app@sha256:1', db: `sha256:${'0'.repeat(64)}` } } },
      'for p_a in app@sha256:1; do',
    ],
    ['services: {a: {image: x}, b: {image: x}}', {}, 'for p_a in x; do'],
    ['services: {a: {build: .}, b: {image: "${B}"}, c: {image: 5}, d: {image: "-x"}}', {}, undefined],
    ['services: {a: {image: x, platform: linux/arm64}, b: {image: y, profiles: [p]}}', {}, undefined],
    ['services: {a: {image: x, pull_policy: build}}', {}, undefined],
  ])('asks for the images that a registry gives: %j %j', (compose, wish, expected) => {
    const placement = dockerPlacement(wish);
    const shown = words(placement, 'create', groundWith({ 'compose.yml': compose }));
    expect(shown.map(tail).find(line => line?.startsWith('for '))).toBe(expected);
  });

  test('recreates for a restart, and where a mounted file had been edited', () => {
    const source = [
      { path: 'compose.yml', sha256: 'a', mode: 0o644 as const, oid: 'o', bytes: 1 },
      { path: 'app.conf', sha256: 'b', mode: 0o644 as const, oid: 'p', bytes: 1 },
    ];
    const placement = dockerPlacement({ source: 'w' }, { source, texts: { 'compose.yml': one } });
    const seen = (conf: string, compose: string) =>
      groundWith({}, { files: { '/opt/web/app.conf': { sha256: conf }, '/opt/web/compose.yml': { sha256: compose } } });
    const anew = (kind: StartKind, ground: Ground) =>
      words(placement, kind, ground).at(-1)?.includes('\np_force=--force-recreate\n');
    expect(anew('restart', seen('b', 'a'))).toBe(true);
    expect(anew('repair', seen('b', 'a'))).toBe(false);
    expect(anew('repair', seen('edited', 'a'))).toBe(true);
    expect(anew('repair', seen('b', 'edited'))).toBe(false);
  });

  test('every name of the user is a word of its own', () => {
    const placement = dockerPlacement({ path: '/opt/we b;$(x)' });
    const shown = words(placement, 'create', groundWith({})).at(-1) ?? '';
    expect(shown).toContain(`cd '/opt/we b;$(x)' ||`);
    expect(shown).toContain(`-f '/opt/we b;$(x)/compose.yaml'`);
  });

  test('stops and removes what the stamp names; a written stop_timeout is handed on', () => {
    const shown = (more: object) =>
      [...docker.stop(dockerStamp(more), groundWith({})), ...docker.remove(dockerStamp(more), groundWith({}))].map(
        step => `${step.phase}: ${display(step.command)}`,
      );
    const [stop = '', remove = ''] = shown({ project: 'mine', stopTimeoutMs: 20_000 });
    expect(stop).toContain('label=com.docker.compose.project=mine');
    expect(stop).toContain('p_docker stop -t 20 $p_ids');
    expect(shown({})[0]).toContain('p_docker stop $p_ids');
    expect(remove).toMatch(/^stop: /);
    expect(`${stop}${remove}`).not.toMatch(/volume|compose down|rm -v|prune|rmi/);
  });

  test('asks nothing of Docker where no target is', () => {
    expect(display(docker.look([]))).toBe(':');
  });

  test('the log names containers only where there are several', () => {
    const log = (images: Record<string, string>) =>
      display(docker.logs(dockerStamp({ images }), { follow: false, lines: 5 }, factsOf()));
    expect(log({ web: '1' })).toContain(' --no-log-prefix --tail 5');
    expect(log({ web: '1', db: '2' })).not.toContain('--no-log-prefix');
  });
});
