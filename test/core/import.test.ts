// Registries of the older form become valid ones of the present form; what is not carried over is named with its line; nothing hostile breaks it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { cyclesOf } from '../../reconciler/core/import-cycles.js';
import { importOld, type Imported } from '../../reconciler/core/import.js';
import { parse } from '../../reconciler/core/parse.js';

function imported(text: string): Imported {
  const result = importOld('old.yml', text);
  if ('diagnostics' in result) throw new Error(result.diagnostics.map(one => one.message).join('\n'));
  const read = parse({ main: 'registry.yml', files: new Map([['registry.yml', result.text]]) });
  expect(read.diagnostics.filter(one => one.severity === 'error')).toEqual([]);
  expect(read.registry?.placements.flatMap(one => one.unsupported)).toEqual([]);
  return result;
}

const remarks = (text: string): readonly string[] =>
  imported(text).remarks.map(one => `${one.line}:${one.column} ${one.path}: ${one.text}`);

interface Shown {
  readonly [section: string]: unknown;
  readonly machines: Readonly<Record<string, object>>;
  readonly services: Readonly<Record<string, object>>;
}
const shown = (text: string): Shown => parseYaml(imported(text).text) as Shown;

const host = `hosts:
  mini1: {ip: 192.0.2.10, ssh_user: admin, arch: arm64-apple, path: /Users/admin/cluster}
  pi1: {ip: 192.0.2.31, ssh_user: pi, arch: arm64-linux, path: /srv/cluster}
`;
const service = (...rows: readonly string[]): string => `${host}services:\n${rows.map(row => `  ${row}\n`).join('')}`;
const on = 'current_host: pi1, deployment_type';

const lab = `# the lab at home
domain: internal
dns: {host: mini1, ingress_ip: 192.0.2.10, config_path: /opt/homebrew/etc/dnsmasq.conf}
hosts:
  mini1:
    ip: 192.0.2.10
    arch: arm64-apple
    ssh_user: admin
    ssh_port: "2222"
    path: /Users/admin/cluster
    roles: [infrastructure, test databases]
  pi_1:
    ip: 192.0.2.31
    arch: linux/arm64
    ssh_user: pi
    ssh_port: 22
    path: /srv/cluster/
    status: online
services:
  keycloak:
    hostname: keycloak.internal
    current_host: mini1
    deployment_type: docker
    docker_compose: /keycloak/docker-compose.yml
    port: "8080"
    tls_cert: /keycloak/certs/cert.pem
    tls_key: /keycloak/certs/key.pem
    healthcheck_url: http://keycloak.internal/realms?deep=1
    dependencies: [postgres]
  postgres:
    current_host: mini1
    deployment_type: native
    service_file: /postgres/service.yml
    service_name: homebrew.mxcl.postgresql
    port: 5432
    description: The one database.
  site:
    current_host: pi_1
    deployment_type: local
    service_file: /srv/cluster/site/service.yml
    command: python3 -m http.server 9000
    port: 9000
caddy: {host: mini1, ingress_host: mini1, admin_api: "http://127.0.0.1:2020/"}
version: 3.0
last_updated: '2025-12-11'
notes: |
  much
`;

describe('a whole registry', () => {
  it('is carried over', () => {
    expect(shown(lab)).toEqual({
      domain: 'internal',
      machines: {
        mini1: {
          host: '192.0.2.10',
          user: 'admin',
          platform: 'darwin',
          arch: 'arm64',
          port: 2222,
          tags: ['infrastructure', 'test-databases'],
        },
        'pi-1': { host: '192.0.2.31', user: 'pi', platform: 'linux', arch: 'arm64' },
      },
      services: {
        keycloak: {
          type: 'docker',
          machine: 'mini1',
          path: '/Users/admin/cluster/keycloak',
          port: 8080,
          depends_on: ['postgres'],
          health: { endpoint: '/realms?deep=1' },
        },
        postgres: {
          type: 'native',
          machine: 'mini1',
          path: '/Users/admin/cluster/postgres',
          service_name: 'homebrew.mxcl.postgresql',
          port: 5432,
          description: 'The one database.',
        },
        site: {
          type: 'local',
          machine: 'pi-1',
          path: '/srv/cluster/site',
          command: 'python3 -m http.server 9000',
          port: 9000,
        },
      },
      caddy: { machine: 'mini1', admin: 'localhost:2020' },
      dns: { machine: 'mini1', type: 'dnsmasq', file: '/opt/homebrew/etc/dnsmasq.conf' },
    });
    expect(imported(lab)).toMatchObject({ machines: 2, services: 3 });
  });

  it('names each thing that was not, with its line', () => {
    expect(remarks(lab)).toEqual([
      '3:20 dns.ingress_ip: has no counterpart',
      '12:3 hosts.pi_1: is called `pi-1` now',
      '18:5 hosts.pi_1.status: has no counterpart',
      '21:5 services.keycloak.hostname: `hostname` is not supported yet, and stands there as a comment',
      '26:5 services.keycloak.tls_cert: certificates of one’s own have no counterpart',
      '30:3 services.postgres: a unit `homebrew.mxcl.postgresql` must be there: it is managed, and not written',
      '46:1 notes: has no counterpart',
    ]);
    expect(imported(lab).text).toContain('    # hostname: keycloak.internal   (not supported yet)\n');
  });
});

describe('services', () => {
  it('of one compose file are one, with all their ports and needs', () => {
    const text = service(
      `front: {${on}: docker, docker_compose: /fr/stack.yml, service_name: front, port: 3000, dependencies: [back, db]}`,
      `back: {${on}: docker, docker_compose: /fr/stack.yml, service_name: api, port: 8888, healthcheck_url: "http://x:8888/ok", description: b}`,
      `db: {${on}: docker, docker_compose: /db/compose.yaml, service_name: postgres, dependencies: back}`,
    );
    expect(shown(text).services).toEqual({
      fr: {
        type: 'docker',
        machine: 'pi1',
        path: '/srv/cluster/fr',
        compose_file: 'stack.yml',
        port: 3000,
        ports: [3000, 8888],
        health: { endpoint: '/ok', port: 8888 },
        description: 'b',
        depends_on: ['db'],
      },
      db: { type: 'docker', machine: 'pi1', path: '/srv/cluster/db', compose_service: 'postgres' },
    });
    expect(remarks(text)).toEqual([
      expect.stringMatching(/^5:\d+ services\.front: is an inner service of the Compose project that is `fr` now/),
      expect.stringMatching(/^5:\d+ services\.front\.service_name: is left out: `fr` is the whole Compose project/),
      expect.stringMatching(/^6:\d+ services\.back: is an inner service/),
      expect.stringMatching(/^6:\d+ services\.back\.service_name: is left out: `fr` is the whole Compose project/),
      expect.stringMatching(/^7:\d+ services\.db\.dependencies: `fr` depends on it in turn/),
    ]);
  });

  it('keep the name that Compose gave their project, so that it can be adopted', () => {
    const { services } = shown(
      service(
        `shop: {${on}: docker, docker_compose: /My_Shop.v2/docker-compose.yml}`,
        `tidy: {${on}: docker, docker_compose: /tidy/docker-compose.yml}`,
      ),
    );
    expect(services).toMatchObject({ shop: { compose_project: 'my_shopv2' } });
    expect(services['tidy']).toEqual({ type: 'docker', machine: 'pi1', path: '/srv/cluster/tidy' });
  });

  it.each([
    ['/kag/docker-compose.yml', '/srv/cluster/kag'],
    ['kag/docker-compose.yml', '/srv/cluster/kag'],
    ['/srv/cluster/kag/docker-compose.yml', '/srv/cluster/kag'],
    ['/opt/kag/docker-compose.yml', '/opt/kag'],
  ])('made from %s lie in %s', (file, path) => {
    expect(shown(service(`kag: {${on}: docker, service_file: ${file}}`)).services).toMatchObject({ kag: { path } });
  });

  it.each([
    ['http://x/health', 80, { endpoint: '/health' }],
    ['http://x:80/', 80, { endpoint: '/' }],
    ['http://x:81/', 80, { endpoint: '/', port: 81 }],
    ['https://x/health', 80, { endpoint: '/health' }],
    ['https://x:8443/', 80, { endpoint: '/', port: 8443, scheme: 'https' }],
    ['https://x/', undefined, { endpoint: '/', port: 443, scheme: 'https' }],
  ])('asked at %s with port %s', (url, port, health) => {
    const more = port === undefined ? '' : `, port: ${port}`;
    const text = service(`a: {${on}: docker, docker_compose: /a/compose.yaml, healthcheck_url: "${url}"${more}}`);
    expect(shown(text).services['a']).toMatchObject({ health });
  });

  it.each([
    ['{current_host: far, deployment_type: docker, docker_compose: /x/c.yml}', 'there is no machine for `far`'],
    ['{deployment_type: docker}', 'it has no current_host'],
    [`{${on}: docker}`, 'it has no docker_compose'],
    [`{${on}: kubernetes}`, 'deployment_type `kubernetes` is none of docker, local, native'],
    ['{current_host: pi1}', 'deployment_type `nothing` is none of docker, local, native'],
    [
      `{${on}: local, service_file: /x/service.yml}`,
      'what it runs stands in /srv/cluster/x/service.yml there; add it with `command`',
    ],
    ['', 'it says nothing'],
    [
      `{${on}: docker, docker_compose: /srv/compose.yml}`,
      '`/srv` belongs to the system (give the service a folder of its own, such as /opt/my-service)',
    ],
  ])('that cannot be are left out: %s', (row, why) => {
    const text = service(`x: ${row}`, `after: {${on}: docker, docker_compose: /after/compose.yaml, dependencies: [x]}`);
    expect(Object.keys(shown(text).services)).toEqual(['after']);
    expect(shown(text).services['after']).not.toHaveProperty('depends_on');
    expect(remarks(text).find(one => one.includes(' services.x'))).toContain(`is left out: ${why}`);
  });

  it('that claim one port, one folder or one name: the second one gives way', () => {
    const text = service(
      `a: {${on}: docker, docker_compose: /a/compose.yaml, port: 80}`,
      `b: {${on}: docker, docker_compose: /b/compose.yaml, port: 80, dependencies: [a, b, ghost]}`,
      `c: {${on}: native, service_file: /a/service.yml}`,
      `A: {${on}: docker, docker_compose: /upper/compose.yaml}`,
    );
    expect(Object.keys(shown(text).services)).toEqual(['a', 'b', 'a-2']);
    expect(shown(text).services['b']).toEqual({
      type: 'docker',
      machine: 'pi1',
      path: '/srv/cluster/b',
      depends_on: ['a'],
    });
    expect(remarks(text).map(one => one.slice(one.indexOf(' ') + 1))).toEqual([
      expect.stringMatching(/^services\.b\.port: `port` is left out: port 80 of `pi1` is claimed by `a` too/),
      'services.b.dependencies: `ghost` is no service that was carried over',
      'services.c: a unit `c` must be there: it is managed, and not written',
      expect.stringMatching(/^services\.c: is left out: `\/srv\/cluster\/a` on `pi1` is the folder of `a` too/),
      'services.A: is called `a-2` now',
    ]);
  });

  it('lose only what is wrong with them', () => {
    const text = service(
      `a: {${on}: native, service_name: "bad name", service_file: /a/x, port: 70000, command: "sleep 'x"}`,
    );
    expect(shown(text).services).toEqual({ a: { type: 'native', machine: 'pi1', path: '/srv/cluster/a' } });
    expect(remarks(text).map(one => one.slice(one.indexOf(' ') + 1))).toEqual([
      expect.stringMatching(/^services\.a\.service_name: `service_name` is left out: /),
      'services.a.port: is no port',
      expect.stringMatching(/^services\.a\.command: `command` is left out: /),
    ]);
  });

  it('say no template and no second line, whatever was written', () => {
    const text = service(
      `a: {${on}: docker, docker_compose: /a/compose.yaml, description: "uses {{ x }}\\nand more", hostname: "a.lan\\n# b"}`,
    );
    const { registry } = parse({ main: 'registry.yml', files: new Map([['registry.yml', imported(text).text]]) });
    expect(registry?.placements[0]?.description).toBe('uses {{ x }}\nand more');
  });
});

describe('hosts', () => {
  it.each([
    ['{ip: 10.0.0.1, ssh_user: u, arch: amd64-linux}', { host: '10.0.0.1', platform: 'linux', arch: 'amd64' }, []],
    ['{ip: h.lan, ssh_user: u, arch: armv7-linux}', { host: 'h.lan', platform: 'linux', arch: 'arm' }, []],
    ['{ip: 127.0.0.1, ssh_user: u, arch: arm64-apple}', { host: 'local', platform: 'darwin' }, []],
    ['{ip: h, ssh_user: u, arch: riscv}', { platform: 'linux' }, ['is a guess', '`riscv` is none']],
    ['{ip: h, ssh_user: u, path: /Users/u}', { platform: 'darwin' }, ['is a guess']],
    [
      '{ip: h, ssh_user: u, arch: freebsd/amd64, ssh_port: x, path: rel}',
      { platform: 'bsd' },
      ['is no port', 'is no absolute folder'],
    ],
    ['{ip: "bad host", ssh_user: u, arch: x64-linux}', undefined, ['is left out']],
    ['{ip: h}', undefined, ['is left out: its ssh_user is missing']],
    ['{ssh_user: u}', undefined, ['is left out: its ip is missing']],
    ['nonsense', undefined, ['is left out: it says nothing']],
  ])('%s', (written, wanted, why) => {
    const text = `hosts:\n  m: ${written}\n`;
    expect(Object.keys(shown(text).machines)).toEqual(wanted === undefined ? [] : ['m']);
    expect(shown(text).machines).toMatchObject(wanted === undefined ? {} : { m: wanted });
    expect(remarks(text)).toEqual(why.map(one => expect.stringContaining(one) as string));
  });

  it('take along the services of one that is refused', () => {
    const text = `hosts:\n  m: {ip: "bad host", ssh_user: u, arch: x64-linux, path: /srv/x}\nservices:\n  a: {current_host: m, deployment_type: docker, docker_compose: /a/compose.yaml}\n`;
    expect(shown(text)).toMatchObject({ machines: {}, services: {} });
    expect(remarks(text)).toContainEqual('4:3 services.a: is left out with its machine');
  });
});

describe('what is written in another way than it is read', () => {
  const told = (text: string): readonly string[] => remarks(text).map(one => one.slice(one.indexOf(' ') + 1));

  it('is told, key by key of a service', () => {
    const text = service(
      'db: {current_host: pi1, docker_compose: /db/docker-compose.yml}',
      'web: {current_host: pi1, docker_compose: /web/docker-compose.yml, command: run me, hostname: [a, b], healthcheck_url: {url: "http://x/"}, dependencies: [{name: db}, db, true], service_file: /x/y.service, description: false, deployment_type: [docker]}',
      'job: {current_host: pi1, deployment_type: local, command: [a, b], service_name: j, service_file: /job/x.yml}',
      'run: {current_host: pi1, deployment_type: local, command: sleep 1, service_name: j, service_file: /run/x.yml}',
      'unit: {current_host: pi1, deployment_type: native, service_name: {is: u}, service_file: /unit/x.yml, dependencies: {db: {condition: healthy}}, tls_key: k}',
    );
    expect(told(text)).toEqual([
      'services.web.command: is left out: what a Compose project runs stands in its file',
      'services.web.hostname: is left out: a list stands where a word is expected',
      'services.web.healthcheck_url: is left out: a map stands where a word is expected',
      'services.web.dependencies[0]: is left out: a map stands where a word is expected',
      'services.web.dependencies[2]: is left out: `true` stands where a word is expected',
      'services.web.service_file: is left out: `docker_compose` says where it lies',
      'services.web.description: is left out: `false` stands where a word is expected',
      'services.web.deployment_type: is left out: a list stands where a word is expected',
      'services.job: is left out: what it runs stands in /srv/cluster/job/x.yml there; add it with `command`',
      'services.job.command: is left out: a list stands where a word is expected',
      'services.run.service_name: is left out: its unit is called after the service',
      'services.unit: a unit `unit` must be there: it is managed, and not written',
      'services.unit.service_name: is left out: a map stands where a word is expected',
      'services.unit.dependencies: only the names in it were carried over, not what stands under them',
      'services.unit.tls_key: certificates of one’s own have no counterpart',
    ]);
  });

  it('is told, key by key of a host', () => {
    const text = `hosts:
  m: {ip: h, ssh_user: u, arch: [linux], roles: [{web: true}, '***', db], ssh_key: [k], description: {a: b}, path: [x]}
`;
    expect(told(text).slice(1)).toEqual([
      'hosts.m.arch: is left out: a list stands where a word is expected',
      'hosts.m.roles: no tag can be called `***`',
      'hosts.m.roles[0]: is left out: a map stands where a word is expected',
      'hosts.m.ssh_key: is left out: a list stands where a word is expected',
      'hosts.m.description: is left out: a map stands where a word is expected',
      'hosts.m.path: is left out: a list stands where a word is expected',
    ]);
  });

  it.each([
    ['services: {}\nhosts: 3', 'hosts: is left out: it is no map'],
    ['services: {}\nhosts: [a, b]', 'hosts: is left out: it is no map'],
    ['hosts: {}\nservices: [a]', 'services: is left out: it is no map'],
    ['hosts: {}\ncaddy: pi', 'caddy: is left out: it is no map'],
    ['hosts: {}\ndns: [pi]', 'dns: is left out: it is no map'],
    ['hosts: {}\ndomain: {a: b}', 'domain: is left out: a map stands where a word is expected'],
  ])('is told of a section: %j', (text, wanted) => {
    expect(remarks(`${text}\n`)).toEqual([`2:1 ${wanted}`]);
  });

  it('is told of a section that stands on one machine only', () => {
    expect(
      told(`${host}caddy: {host: pi1, ingress_host: mini1, admin_api: {}}\ndns: {host: pi1, config_path: [a]}\n`),
    ).toEqual([
      'caddy.ingress_host: is left out: it stands on `pi1`',
      'dns.config_path: is left out: a list stands where a word is expected',
    ]);
  });

  it('is not told where nothing is lost', () => {
    expect(
      told(service(`a: {${on}: docker, docker_compose: /a/compose.yaml, command: '', hostname: [], dependencies: }`)),
    ).toEqual([]);
  });
});

it('a refusal of a machine stands where its host is written, whatever it is called now', () => {
  expect(remarks('hosts:\n  Höst Ä: {ip: "bad host", ssh_user: u, arch: x64-linux}\n')).toEqual([
    '2:3 hosts.Höst Ä: is called `h-st` now',
    expect.stringMatching(/^2:3 hosts\.Höst Ä: is left out: /),
  ]);
});

it('a file that is too large is not advised what the older form cannot', () => {
  const result = importOld('old.yml', `hosts: {}\nx: "${'y'.repeat(530_000)}"\n`);
  expect('diagnostics' in result && result.diagnostics[0]?.hint).toMatch(/^import it in parts/);
});

describe('what is no registry of the older form', () => {
  it.each([
    ['', 'it is no registry of the older form'],
    ['- a\n', 'it is no registry of the older form'],
    ['hosts: 3\n', 'it is no registry of the older form'],
    ['machines: {}\nservices: {}\n', 'it names `machines`: it has the present form already'],
    ['hosts: {a: [}\n', undefined],
    ['hosts: {a: 1, a: 2}\n', undefined],
    ['hosts: !!js/function "x"\n', undefined],
    [`hosts: {}\nx: "${'y'.repeat(530_000)}"\n`, 'the file is larger than 512 KiB'],
  ])('%.40j is refused with its place', (text, message) => {
    const result = importOld('old.yml', text);
    if (!('diagnostics' in result)) throw new Error('taken');
    expect(result.diagnostics[0]).toMatchObject({
      file: 'old.yml',
      severity: 'error',
      line: expect.any(Number) as number,
    });
    expect(result.diagnostics[0]?.message).toContain(message ?? ' ');
  });
});

it('whatever stands in it, the result is valid', () => {
  const odd = fc.oneof(
    fc.constantFrom(
      'pi1',
      'a',
      'docker',
      'native',
      'local',
      '/a/compose.yaml',
      '/opt/x',
      '..',
      '{{ x }}',
      '$HOME',
      '',
      '\u0000',
      'x\ny',
      '-',
      'A_b',
    ),
    fc.integer({ min: -1, max: 70_000 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.constantFrom('a', 'b', 'pi1', 'x y', ''), { maxLength: 3 }),
    fc.string({ maxLength: 12 }),
  );
  const hostKeys = fc.constantFrom(
    'ip',
    'ssh_user',
    'ssh_port',
    'ssh_key',
    'path',
    'arch',
    'roles',
    'description',
    'x',
  );
  const serviceKeys = fc.constantFrom(
    'hostname',
    'current_host',
    'deployment_type',
    'docker_compose',
    'service_file',
    'service_name',
    'command',
    'port',
    'dependencies',
    'healthcheck_url',
    'description',
    'tls_cert',
  );
  const name = fc.constantFrom('a', 'b', 'A_b', 'pi1', 'x.y', '-', 'é', '__proto__');
  const base = { pi1: { ip: '10.0.0.1', ssh_user: 'u', path: '/srv/c' } };
  const plain = { current_host: 'pi1', deployment_type: 'docker', docker_compose: '/a/compose.yaml' };
  const hosts = fc.dictionary(name, fc.dictionary(hostKeys, odd)).map(more => ({ ...more, ...base }));
  const services = fc.dictionary(
    name,
    fc.dictionary(serviceKeys, odd).map(more => ({ ...plain, ...more })),
  );
  const sections = fc.record(
    { domain: odd, caddy: fc.dictionary(fc.constantFrom('host', 'admin_api'), odd) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(hosts, services, sections, (some, others, more) => {
      expect(imported(JSON.stringify({ hosts: some, services: others, ...more })).text).toContain('machines:');
    }),
    { numRuns: 60 },
  );
});

it('circles are cut where they close', () => {
  const edges = new Map([
    ['a', ['b', 'c']],
    ['b', ['c', 'd']],
    ['c', ['a', 'gone']],
    ['d', []],
  ]);
  expect(cyclesOf(edges)).toEqual(new Map([['c', new Set(['a'])]]));
});
