// What runs on a machine besides ours, as it says so, and what can become of it in the registry: what is taken, under which name, and why not.
import { describe, expect, it } from 'vitest';
import { freeName, projectWish, unitWish, type Wish } from '../../reconciler/core/adopt.js';
import { draftWith } from '../../reconciler/core/adopt-draft.js';
import { composeFileKey, findProjects, judgeCompose } from '../../reconciler/core/adopt-projects.js';
import { readCompose, readSurvey, type Survey, type SurveyedContainer } from '../../reconciler/core/adopt-seen.js';
import { findUnits } from '../../reconciler/core/adopt-units.js';

const hash = 'a'.repeat(64);

const container = (more: Partial<SurveyedContainer> = {}): SurveyedContainer => ({
  name: '/web-main-1',
  project: 'web',
  inner: 'main',
  oneOff: 'False',
  folder: '/opt/web',
  files: '/opt/web/compose.yaml',
  envFiles: '',
  hash,
  stack: '',
  status: 'running',
  bindings: null,
  ...more,
});

const surveyOf = (more: Partial<Survey>): Survey => ({
  engine: 'ok',
  containers: [],
  units: [],
  others: new Map(),
  ...more,
});

const projects = (containers: readonly SurveyedContainer[], more: Partial<Survey> = {}, ours: readonly string[] = []) =>
  findProjects(surveyOf({ containers, ...more }), new Set(ours));

describe('Compose projects', () => {
  it('are found by the labels of their containers', () => {
    const bindings = {
      '80/tcp': [{ HostPort: '8080' }, { HostPort: '8080' }],
      '81/tcp': [{ HostPort: '' }],
      '82/tcp': [{ HostPort: '9000-9001' }],
      '83/tcp': null,
    };
    const { found, refused } = projects([
      container({ bindings }),
      container({ inner: 'db', hash: 'b'.repeat(64), bindings: { '1/tcp': [{ HostPort: '443' }] } }),
      container({ oneOff: 'True', folder: '/elsewhere' }),
    ]);
    expect(refused).toEqual([]);
    expect(found).toEqual([
      {
        project: 'web',
        folder: '/opt/web',
        files: ['/opt/web/compose.yaml'],
        hashes: new Map([
          ['main', [hash]],
          ['db', ['b'.repeat(64)]],
        ]),
        ports: [443, 8080],
      },
    ]);
  });

  it('that were ours before are known without our own files', () => {
    const files = '/opt/web/compose.yaml,/opt/web/.portoser/compose.override.yml';
    const envFiles = '/opt/web/.env,/opt/web/.portoser/compose.env';
    expect(projects([container({ files, envFiles })]).found[0]?.files).toEqual(['/opt/web/compose.yaml']);
  });

  it('of older versions name their files below their folder', () => {
    expect(projects([container({ files: 'docker-compose.yml' })]).found[0]?.files).toEqual([
      '/opt/web/docker-compose.yml',
    ]);
  });

  it.each<[string, readonly SurveyedContainer[], RegExp]>([
    ['without labels', [container({ folder: '', files: '' })], /do not say which files/],
    ['from another folder', [container({ files: '/etc/web.yaml' })], /does not lie in its project folder/],
    ['with --env-file', [container({ envFiles: '/opt/web/prod.env' })], /from \/opt\/web\/prod\.env \(--env-file\)/],
    [
      'of two minds',
      [container(), container({ files: '/opt/web/b.yaml' })],
      /different files: .*compose.yaml and .*b\.yaml/,
    ],
    ['of `run` alone', [container({ oneOff: 'True' })], /only containers of `docker compose run`/],
  ])('%s are left alone', (_, containers, why) => {
    const { found, refused } = projects(containers);
    expect(found).toEqual([]);
    expect(refused).toEqual([{ what: 'project', name: 'web', why: expect.stringMatching(why) as string }]);
  });

  it('of ours are not looked at, and of another cluster are left to it', () => {
    const others = new Map([['project shop', 'work']]);
    const { found, refused } = projects([container(), container({ project: 'shop' })], { others }, ['web']);
    expect(found).toEqual([]);
    expect(refused).toEqual([{ what: 'project', name: 'shop', why: "it is the cluster work's" }]);
  });

  it('are not made up: other containers are named, and a silent engine is told', () => {
    const { refused } = projects([
      container({ project: '', name: '/loose' }),
      container({ project: '', name: '/s.1', stack: 's' }),
    ]);
    expect(refused.map(one => `${one.name}: ${one.why}`)).toEqual([
      expect.stringMatching(/^loose: it was not made by Docker Compose/),
      's.1: it belongs to the Docker stack s',
    ]);
    expect(projects([], { engine: 'down' }).refused).toEqual([
      { what: 'container', name: 'docker', why: 'the Docker engine does not answer' },
    ]);
    expect(projects([], { engine: 'missing' })).toEqual({ found: [], refused: [] });
  });

  const several: unknown = expect.stringMatching(/several files/);
  it.each<[readonly string[], readonly string[], unknown]>([
    [['compose.yaml'], ['compose.yaml'], {}],
    [['compose.yaml'], ['compose.yaml', 'docker-compose.yml'], {}],
    [['docker-compose.yml'], ['compose.yaml', 'docker-compose.yml'], { compose_file: 'docker-compose.yml' }],
    [['compose.yaml'], ['compose.yaml', 'compose.override.yml'], { compose_file: 'compose.yaml' }],
    [['compose.yaml', 'compose.override.yml'], ['compose.yaml', 'compose.override.yml'], {}],
    [['stack.yml'], [], { compose_file: 'stack.yml' }],
    [['a.yml', 'b.yml'], [], several],
    [['compose.yaml', 'compose.override.yml'], ['compose.yaml'], several],
    [['compose.yaml', 'compose.override.yml', 'c.yml'], ['compose.yaml', 'compose.override.yml'], several],
  ])('made of %j, with %j there', (files, names, wanted) => {
    const key = composeFileKey({ folder: '/opt/web', files: files.map(file => `/opt/web/${file}`) }, { names });
    expect([key]).toEqual([wanted]);
  });

  it('come up from their files as they run, or that is said', () => {
    const [found] = projects([container(), container({ inner: 'db' })]).found;
    if (found === undefined) throw new Error('not found');
    const judged = (lines: readonly string[]) => judgeCompose(found, readCompose(lines));
    expect(judged([`hash main ${hash}`, `hash db ${hash}`, 'code 0'])).toEqual({ notes: [] });
    expect(judged([`hash main ${hash}`, `hash db ${'b'.repeat(64)}`, `hash new ${hash}`, 'code 0']).notes).toEqual([
      'new has no container: the next change starts it',
      expect.stringMatching(/^db was made from other words/),
    ]);
    expect(judged([`hash main ${hash}`, 'code 0']).why).toMatch(/^db would not come up from its files/);
    expect(judged(['said yaml: line 3: nonsense', 'code 15']).why).toBe(
      'Compose refuses its files: yaml: line 3: nonsense',
    );
    expect(judged([]).why).toMatch(/^Compose refuses/);
  });
});

describe('units', () => {
  const base = { load: 'loaded', folder: '', program: '/usr/bin/tick', system: false, ports: [] };
  const units = (...all: readonly object[]) =>
    findUnits(
      surveyOf({
        units: all.map(one => ({ name: 'tick.service', ...base, ...one })),
        others: new Map([['unit far.service', 'work']]),
      }),
      new Set(['ours.service']),
    );

  it.each([
    [{}, undefined],
    [{ folder: '/srv/tick' }, '/srv/tick'],
    [{ folder: '!/srv/tick/' }, '/srv/tick'],
    [{ folder: '/', program: '/opt/tick/bin/tick' }, '/opt/tick/bin'],
    [{ folder: '~', program: '/usr/local/bin/tick' }, undefined],
    [{ program: '/opt/tick' }, undefined],
  ])('%j lives in %s', (unit, folder) => {
    expect(units(unit).found.map(one => one.folder)).toEqual([folder]);
  });

  it.each([
    ['docker.service'],
    ['ssh.service'],
    ['sshd@.service'],
    ['systemd-nspawn@x.service'],
    ['snap.lxd.daemon.service'],
    ['portoser.service'],
    ['portoser-web.service'],
  ])('%s belongs to the system', name => {
    expect(units({ name })).toMatchObject({ found: [], refused: [{ name, system: true }] });
  });

  it('of packages, of others and of ours are left alone, and what systemd cannot load', () => {
    const { found, refused } = units(
      { name: 'nginx.service', system: true },
      { name: 'far.service' },
      { name: 'ours.service' },
      { name: 'bad.service', load: 'bad-setting' },
      { name: 'sshuttle.service' },
    );
    expect(found.map(one => one.unit)).toEqual(['sshuttle.service']);
    expect(refused.map(one => `${one.name}: ${one.why}`)).toEqual([
      'nginx.service: it belongs to the system',
      "far.service: it is the cluster work's",
      'bad.service: systemd cannot load it: bad-setting',
    ]);
  });
});

describe('what a machine says', () => {
  const section = (name: string, lines: readonly string[]) => ({ name, rest: '', lines });

  it('is read in its parts', () => {
    const survey = readSurvey([
      section('containers', [JSON.stringify(container()), '{"engine":"ok"}']),
      section('units', [
        'WorkingDirectory=!/srv/site',
        'ExecStart={ path=/usr/bin/python3 ; argv[]=/usr/bin/python3 -m http.server ; ignore_errors=no ; start_time=[n/a] }',
        'Id=site.service',
        'LoadState=loaded',
        'FragmentPath=/etc/systemd/system/site.service',
        '',
        'Id=backup.timer',
        'LoadState=loaded',
      ]),
      section('whose', ['vendor backup.timer']),
      section('listening', [
        'LISTEN 0 5 127.0.0.1:9101 0.0.0.0:* users:(("python3",pid=77,fd=3))',
        'LISTEN 0 5 127.0.0.1:9102 0.0.0.0:* users:(("python3",pid=78,fd=3))',
        'LISTEN 0 5 127.0.0.1:40123 0.0.0.0:* users:(("python3",pid=77,fd=4))',
      ]),
      section('cgroups', ['cgroup 77 /system.slice/site.service/worker', 'cgroup 78 /system.slice/other-site.service']),
      section('others', ['work project shop', 'nonsense']),
    ]);
    expect(survey).toEqual({
      engine: 'ok',
      containers: [container()],
      units: [
        {
          name: 'site.service',
          load: 'loaded',
          folder: '!/srv/site',
          program: '/usr/bin/python3',
          system: false,
          ports: [9101],
        },
        { name: 'backup.timer', load: 'loaded', folder: '', program: '', system: true, ports: [] },
      ],
      others: new Map([['project shop', 'work']]),
    });
  });

  it.each([[[]], [[JSON.stringify(container())]], [['{"half', '{"engine":"ok"}']], [['null', '{"engine":"fine"}']]])(
    'of containers is nothing when it is not whole: %j',
    lines => {
      expect(readSurvey([section('containers', lines)])).toMatchObject({ engine: 'down', containers: [] });
    },
  );
});

describe('names', () => {
  const taken = new Set(['web', 'web-m1', 'api']);
  it.each([
    ['shop_db', 'shop-db'],
    ['Site@1', 'site-1'],
    ['web', 'web-m1-2'],
    ['api', 'api-m1'],
    ['-_-', undefined],
    ['x'.repeat(80), 'x'.repeat(63)],
  ])('%s becomes %s', (thing, name) => {
    expect(freeName(thing, 'm1', taken)).toBe(name);
  });
});

describe('the registry with what was found', () => {
  const text = `machines:\n  m1: {host: h, user: u, platform: linux}\nservices:\n  api: {type: docker, machine: m1, path: /opt/api, port: 80}\n`;
  const before = { main: 'registry.yml', files: new Map([['registry.yml', text]]), paths: [] };
  const place = { machine: 'm1', taken: new Set(['api']) };
  const said = readCompose(['file compose.yaml', `hash main ${hash}`, 'code 0']);

  function wish(made: ReturnType<typeof unitWish>): Wish {
    if ('why' in made) throw new Error(made.why);
    return made;
  }
  const project = (more: Partial<SurveyedContainer>): Wish => {
    const [found] = projects([container(more)]).found;
    if (found === undefined) throw new Error('not found');
    return wish(projectWish(found, said, place));
  };
  const entries = (...wishes: readonly Wish[]) => {
    const { wishes: added, refused } = draftWith(wishes, before);
    return [...added.map(one => one.entry), ...refused.map(one => one.why)];
  };

  it('takes each in the fullest form that does not conflict', () => {
    const port = (number: string) => ({ bindings: { '1/tcp': [{ HostPort: number }] } });
    expect(entries(project(port('8080')))).toEqual([
      { type: 'docker', machine: 'm1', path: '/opt/web', ports: [8080] },
    ]);
    expect(entries(project(port('80')))).toEqual([{ type: 'docker', machine: 'm1', path: '/opt/web' }]);
    const shared = { unit: 'tick.service', folder: '/opt/api', ports: [80] };
    expect(entries(wish(unitWish(shared, place)))).toEqual([{ type: 'native', machine: 'm1', path: '/opt/tick' }]);
    const timer = { unit: 'api.timer', ports: [] };
    expect(entries(wish(unitWish(timer, place)))).toEqual([
      { type: 'native', machine: 'm1', path: '/opt/api-timer', service_name: 'api.timer' },
    ]);
  });

  it('refuses what it cannot say', () => {
    expect(entries(project({ folder: '/opt/api', files: '/opt/api/compose.yaml' }))[0]).toMatch(/folder of `api` too/);
    expect(entries(project({ folder: '/opt/{{x', files: '/opt/{{x/compose.yaml' }))).toEqual([
      expect.stringMatching(/./),
    ]);
    const braces = project({ folder: '/opt/{{{{x', files: '/opt/{{{{x/compose.yaml' });
    expect(entries(braces)).toEqual(['the registry cannot hold its folder']);
    expect(
      projectWish(
        { project: '_', folder: '/x', files: ['/x/compose.yaml'], hashes: new Map(), ports: [] },
        said,
        place,
      ),
    ).toMatchObject({
      why: 'no service can be called after it',
    });
  });
});
