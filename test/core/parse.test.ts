// What a valid registry means: defaults, placements, ports, health, commands, policy, and what is held back.
import { describe, expect, it } from 'vitest';
import { parse, type ParseInput } from '../../reconciler/core/parse.js';
import type { Registry, ServiceSpec } from '../../schema/registry-types.js';

const top = `machines:
  m1: {host: 10.0.0.1, user: admin, platform: linux, tags: [gpu, rack]}
  m2: {host: 10.0.0.2, user: pi, platform: linux, tags: [rack], arch: arm64}
  here: {host: local, user: me, platform: darwin}
`;

function result(text: string, more: Partial<ParseInput> = {}) {
  return parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]), ...more });
}

function registryOf(text: string, more: Partial<ParseInput> = {}): Registry {
  const { registry, diagnostics } = result(text, more);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (registry === undefined) throw new Error('no registry');
  return registry;
}

function specOf(
  keys: string,
  more: { readonly head?: string; readonly input?: Partial<ParseInput> } = {},
): ServiceSpec {
  const [spec] = registryOf(`${more.head ?? top}services:\n  web: {path: /opt/web, ${keys}}\n`, more.input).placements;
  if (spec === undefined) throw new Error('no placement');
  return spec;
}

const codes = (text: string, more: Partial<ParseInput> = {}): readonly string[] =>
  result(text, more).diagnostics.map(({ code }) => code);

it('a service may say that it needs none', () => {
  expect(specOf('type: native, machine: m1, command: run, depends_on: []').dependsOn).toEqual([]);
});

describe('machines', () => {
  it('have defaults, of ours and of the registry', () => {
    const { machines } = registryOf(
      `defaults: {machine: {user: root, port: 2222, tags: [x]}}\nmachines:\n  b: {host: b, platform: bsd, port: 22, host_key: ssh-ed25519 ${'A'.repeat(68)}, jump: a, suspend: moving}\n  a: {host: a, platform: linux, ssh_key: ~/.ssh/id, suspend: false}\n`,
    );
    expect(machines).toEqual([
      {
        name: 'a',
        host: 'a',
        port: 2222,
        user: 'root',
        platform: 'linux',
        sshKey: '~/.ssh/id',
        hostKeys: [],
        jump: [],
        sudo: 'auto',
        tags: ['x'],
        at: { file: 'registry.yml', line: 4, column: 3 },
      },
      {
        name: 'b',
        host: 'b',
        port: 22,
        user: 'root',
        platform: 'bsd',
        hostKeys: [`ssh-ed25519 ${'A'.repeat(68)}`],
        jump: ['a'],
        sudo: 'auto',
        tags: ['x'],
        suspend: 'moving',
        at: { file: 'registry.yml', line: 3, column: 3 },
      },
    ]);
  });

  it.each(['10.0.0.1', 'fe80::1%eth0', '::1', 'pi.local', 'my_nas', 'local'])('take the host %s', host => {
    expect(registryOf(`machines: {m: {host: "${host}", user: a, platform: linux}}`).machines[0]?.host).toBe(host);
  });
});

describe('placements', () => {
  it('are one for each machine, by service and machine', () => {
    const keys = (machines: string): readonly string[] =>
      registryOf(
        `${top}services:\n  web: {type: docker, path: /opt/web, ${machines}}\n  api: {type: docker, path: /opt/api, machine: here}\n`,
      ).placements.map(({ key }) => key);
    expect(keys('machines: [m2, m1, m2]')).toEqual(['api@here', 'web@m1', 'web@m2']);
    expect(keys('machines: {tags: [rack]}')).toEqual(['api@here', 'web@m1', 'web@m2']);
    expect(keys('machines: {tags: [rack, gpu]}')).toEqual(['api@here', 'web@m1']);
    expect(keys('machine: "{{ T }}", vars: {T: m2}')).toEqual(['api@here', 'web@m2']);
  });

  it('have what was written or its default', () => {
    expect(specOf('type: native, machine: m1')).toEqual({
      key: 'web@m1',
      service: 'web',
      machine: 'm1',
      type: 'native',
      path: '/opt/web',
      stopTimeoutMs: 10_000,
      logFile: '/opt/web/.portoser/log',
      unitName: 'web',
      scope: 'system',
      ports: [],
      env: {},
      envFiles: [],
      resources: {},
      dependsOn: [],
      stateful: false,
      copies: false,
      critical: false,
      groups: [],
      tags: [],
      unsupported: [],
      health: {
        checks: [{ type: 'process' }],
        intervalMs: 30_000,
        timeoutMs: 5000,
        retries: 3,
        startPeriodMs: 0,
        deadlineMs: 60_000,
        soakMs: 30_000,
      },
      policy: {
        apply: 'auto',
        approveWhen: [],
        windows: [],
        drift: { action: 'revert', ignore: [] },
        retries: 3,
        backoff: { firstMs: 5000, mostMs: 300_000 },
        prune: 'stop',
        pruneAfterMs: 604_800_000,
        maxRemovals: 0.3,
        intervalMs: 60_000,
        forcePush: 'hold',
        write: 'push',
        onFailure: 'rollback',
      },
      at: { file: 'registry.yml', line: 6, column: 3 },
    });
  });

  it('merge defaults key by key, leave out those for other types, and let null-free own values win', () => {
    const head = `defaults: {env: {A: 1, B: 2}, health: {interval: 5, retries: 7}, compose_file: x.yml, scope: user, policy: {retries: 5}, tags: [d]}\npolicy: {on_failure: stop, retries: 1}\n${top}`;
    const spec = specOf('type: native, machine: m1, env: {B: 3}, health: {interval: 9}, tags: []', { head });
    expect(spec).toMatchObject({
      env: { A: '1', B: '3' },
      health: { intervalMs: 9000, retries: 7 },
      scope: 'user',
      tags: [],
      policy: { retries: 5, onFailure: 'stop' },
    });
    expect(spec.docker).toBeUndefined();
  });

  it('normalise paths', () => {
    const spec = specOf(
      'type: local, machine: m1, command: ./bin/run --x, source: ./apps//web/, log_file: logs/./a.log, env_file: [a.env, /etc/b.env]',
    );
    expect(spec).toMatchObject({
      source: 'apps/web',
      command: ['/opt/web/bin/run', '--x'],
      logFile: '/opt/web/logs/a.log',
      envFiles: ['a.env', '/etc/b.env'],
    });
  });

  it('take numbers and booleans in env as they were written', () => {
    expect(
      specOf('type: docker, machine: m1, env: {A: 1.10, B: 0x1F, C: True, D: 1e3, E: " x ", F: "", G: 007}').env,
    ).toEqual({ A: '1.10', B: '0x1F', C: 'True', D: '1e3', E: ' x ', F: '', G: '007' });
    expect(specOf('type: docker, machine: m1', { head: `defaults: {env: {A: 1.10}}\n${top}` }).env).toEqual({
      A: '1.10',
    });
  });

  it('read sizes and processors', () => {
    expect(specOf('type: native, machine: m1, resources: {memory: 512M, cpus: "0.5", disk: 1.5GiB}').resources).toEqual(
      { memoryBytes: 512 * 1024 ** 2, cpus: 0.5, diskBytes: 1.5 * 1024 ** 3 },
    );
  });

  it('leave a unit its name without .service', () => {
    expect(specOf('type: native, machine: m1, service_name: nginx@a.service').unitName).toBe('nginx@a');
  });
});

describe('ports', () => {
  it('are a set of all that the service claims', () => {
    const spec = specOf(
      'type: docker, machine: m1, port: 8080, ports: [9000, 8080], port_mapping: [{host: 8080, container: 80}, {host: 443, container: 443}]',
    );
    expect(spec).toMatchObject({
      port: 8080,
      ports: [443, 8080, 9000],
      docker: {
        portMapping: [
          { host: 8080, container: 80 },
          { host: 443, container: 443 },
        ],
      },
    });
  });

  it('auto: one for all placements, in the range common to the machines, published by the first auto mapping', () => {
    const text = `machines:\n  a: {host: a, user: u, platform: linux, auto_ports: 20000-20010}\n  b: {host: b, user: u, platform: linux, auto_ports: 20005-20020}\nservices:\n  web: {type: docker, machines: [a, b], path: /opt/web, port: auto, port_mapping: [{host: auto, container: 80}, {host: auto, container: 81}], env: {P: "{{ service.port }}"}}\n  other: {type: docker, machine: a, path: /opt/o, env: {P: "{{ services.web.port }}"}}\n`;
    const [other, onA, onB] = registryOf(text).placements;
    expect(onA?.port).toBe(onB?.port);
    expect(onA?.port).toBeGreaterThanOrEqual(20_005);
    expect(onA?.port).toBeLessThanOrEqual(20_010);
    expect(onA?.docker?.portMapping[0]).toEqual({ host: onA?.port, container: 80 });
    expect(onA?.ports).toHaveLength(2);
    expect(onA?.env).toEqual({ P: String(onA?.port) });
    expect(other?.env).toEqual({ P: String(onA?.port) });
  });

  it('of Portoser itself are in use on its own machine only', () => {
    const text = (machine: string): string =>
      `${top}services:\n  web: {type: docker, machine: ${machine}, path: /opt/web, port: 8750}\n`;
    expect(codes(text('here'), { ownPorts: [8750] })).toEqual(['port-conflict']);
    expect(codes(text('m1'), { ownPorts: [8750] })).toEqual([]);
  });

  it('do not conflict on different machines', () => {
    expect(
      codes(
        `${top}services:\n  a: {type: docker, machine: m1, path: /opt/x, port: 80}\n  b: {type: docker, machine: m2, path: /opt/x, port: 80}\n`,
      ),
    ).toEqual([]);
  });
});

describe('health', () => {
  const tcp = { type: 'tcp', host: '127.0.0.1', port: 80 };
  const http = {
    type: 'http',
    scheme: 'http',
    host: '127.0.0.1',
    port: 80,
    endpoint: '/health',
    expectedStatus: [[200, 200]],
    tlsVerify: true,
  };
  it.each([
    ['type: docker, port: 80', [{ type: 'docker' }]],
    ['type: local, command: x', [{ type: 'process' }]],
    ['type: local, command: x, port: 80', [{ type: 'process' }, tcp]],
    ['type: local, command: x, port: 80, health: {interval: 5}', [{ type: 'process' }, tcp]],
    ['type: docker, health: {port: 80}', [{ type: 'docker' }, tcp]],
    ['type: docker, port: 80, health: {type: http}', [http]],
    ['type: docker, port: 80, health: {endpoint: /up}', [{ ...http, endpoint: '/up' }]],
    ['type: docker, port_mapping: {host: 80, container: 8}, health: {endpoint: /health}', [http]],
    ['type: docker, port: 81, ports: [9], health: {type: tcp, port: 80}', [tcp]],
    ['type: local, command: x, health: {command: "check --all"}', [{ type: 'command', command: ['check', '--all'] }]],
    [
      'type: local, command: x, health: {command: [./check, "a b"]}',
      [{ type: 'command', command: ['/opt/web/check', 'a b'] }],
    ],
    ['type: local, command: x, health: {pid_file: run/pid}', [{ type: 'process', pidFile: '/opt/web/run/pid' }]],
    [
      'type: docker, port: 80, health: {endpoint: /, expected_status: [200, "300-399"], expected_body: ok, host: 10.0.0.9, host_header: a.b, scheme: https, tls_verify: false}',
      [
        {
          ...http,
          endpoint: '/',
          expectedStatus: [
            [200, 200],
            [300, 399],
          ],
          expectedBody: 'ok',
          host: '10.0.0.9',
          hostHeader: 'a.b',
          scheme: 'https',
          tlsVerify: false,
        },
      ],
    ],
  ])('%s', (keys, checks) => {
    expect(specOf(`machine: m1, ${keys}`).health.checks).toEqual(checks);
  });

  it('takes durations in all forms', () => {
    expect(
      specOf(
        'type: docker, machine: m1, health: {interval: 1m, timeout: 500ms, start_period: "7", deadline: 1.5h, soak: 0}',
      ).health,
    ).toMatchObject({ intervalMs: 60_000, timeoutMs: 500, startPeriodMs: 7000, deadlineMs: 5_400_000, soakMs: 0 });
  });
});

describe('templates', () => {
  it('take the nearest variable, then built-in names, and keep the type of a whole value', () => {
    const text = `cluster: lab\nvars: {A: top, B: top, C: top, PORT: 8080, LIST: [8081, 8082], REGISTRY: "{{{{ x }}"}
machines:
  m1: {host: "{{ machine.name }}.lan", user: "{{ U }}", platform: linux, arch: arm64, vars: {B: machine, C: machine, U: root}}
services:
  db: {type: docker, machine: m1, path: /opt/db, port: 5432}
  web:
    type: docker
    machine: m1
    path: "/opt/{{ service.name }}"
    port: "{{ PORT }}"
    ports: "{{ LIST }}"
    vars: {C: service}
    env:
      V: "{{A}} {{ B }} {{ C }}"
      M: "{{ machine.name }} {{ machine.host }} {{ machine.platform }} {{ machine.arch }}"
      S: "{{ service.name }} {{ service.port }} {{ service.path }}"
      D: "{{ services.db.host }}:{{ services.db.port }}"
      K: "{{ cluster }}"
      L: "{{{{ A }} {{ REGISTRY }}"
`;
    const { machines, placements } = registryOf(text);
    expect(machines[0]).toMatchObject({ host: 'm1.lan', user: 'root' });
    expect(placements[1]).toMatchObject({
      path: '/opt/web',
      port: 8080,
      ports: [8080, 8081, 8082],
      env: {
        V: 'top machine service',
        M: 'm1 m1.lan linux arm64',
        S: 'web 8080 /opt/web',
        D: 'm1.lan:5432',
        K: 'lab',
        L: '{{ A }} {{ x }}',
      },
    });
  });

  it('are filled for each placement', () => {
    const text = `${top}services:\n  web: {type: docker, machines: [m1, m2], path: "/opt/{{ machine.name }}"}\n`;
    expect(registryOf(text).placements.map(({ path }) => path)).toEqual(['/opt/m1', '/opt/m2']);
  });

  it('leave x- keys alone', () => {
    expect(
      codes(
        `x-a: "{{ NOPE }}"\n${top}services:\n  web: {type: docker, machine: m1, path: /opt/web, x-b: "{{ NOPE }} \${X}"}\n`,
      ),
    ).toEqual([]);
  });

  it('know the loopback address of the controller’s machine for itself alone', () => {
    const text = (machine: string): string =>
      `${top}services:\n  db: {type: docker, machine: here, path: /opt/db}\n  web: {type: docker, machine: ${machine}, path: /opt/web, env: {D: "{{ services.db.host }}"}}\n`;
    expect(registryOf(text('here')).placements[1]?.env).toEqual({ D: '127.0.0.1' });
    expect(codes(text('m1'))).toEqual(['unknown-variable']);
  });

  it('know the internal name of an exposed service', () => {
    const text = `domain: "{{ D }}.lan"\nvars: {D: home}\n${top}services:\n  db: {type: docker, machine: m1, path: /opt/db, expose: internal}\n  web: {type: docker, machine: m1, path: /opt/web, env: {D: "{{ services.db.hostname }}"}}\n`;
    expect(registryOf(text).placements[1]?.env).toEqual({ D: 'db.home.lan' });
  });
});

describe('groups', () => {
  it('are the union of both ways to say it', () => {
    const text = `${top}groups: {all: [b, a]}\nservices:\n  a: {type: docker, machine: m1, path: /opt/a, group: front}\n  b: {type: docker, machine: m1, path: /opt/b}\n  c: {type: docker, machine: m1, path: /opt/c, group: all}\n`;
    const { groups, placements } = registryOf(text);
    expect(groups).toEqual({ all: ['a', 'b', 'c'], front: ['a'] });
    expect(placements.map(spec => spec.groups)).toEqual([['all', 'front'], ['all'], ['all']]);
  });
});

describe('policy', () => {
  it('of the registry', () => {
    expect(
      registryOf(
        `${top}policy: {max_removals: 50%, interval: 2m, schedule: "*/5 0 * * mon-fri", parallel: 3, force_push: follow, write: never, on_failure: leave}`,
      ).policy,
    ).toEqual({
      apply: 'auto',
      approveWhen: [],
      windows: [],
      drift: { action: 'revert', ignore: [] },
      retries: 3,
      backoff: { firstMs: 5000, mostMs: 300_000 },
      prune: 'stop',
      pruneAfterMs: 604_800_000,
      maxRemovals: 0.5,
      intervalMs: 120_000,
      schedule: '*/5 0 * * mon-fri',
      parallel: 3,
      forcePush: 'follow',
      write: 'never',
      onFailure: 'leave',
    });
  });
});

describe('policy of a service', () => {
  const policyOf = (top_: string, keys: string) =>
    registryOf(`${top}${top_}services:\n  web: {path: /opt/web, type: docker, machine: m1${keys}}\n`).placements[0]
      ?.policy;

  it('is that of the registry, key by key under its own', () => {
    const wide = 'policy: {apply: approve, approve_when: [removes, "machines > 2"]}\n';
    const inherited = [{ when: 'removes' }, { when: 'machines', above: 2 }];
    expect(policyOf(wide, '')).toMatchObject({ apply: 'approve', approveWhen: inherited });
    expect(policyOf(wide, ', policy: {apply: observe}')).toMatchObject({ apply: 'observe', approveWhen: inherited });
    expect(policyOf(wide, ', policy: {approve_when: ["services>10", stateful]}')).toMatchObject({
      apply: 'approve',
      approveWhen: [{ when: 'services', above: 10 }, { when: 'stateful' }],
    });
    expect(policyOf(wide, ', policy: {approve_when: []}')).toMatchObject({ approveWhen: [] });
  });

  it('says how often and when what failed is tried again', () => {
    expect(policyOf('policy: {retries: 0, backoff: 1s-1m}\n', ', policy: {retries: 5}')).toMatchObject({
      retries: 5,
      backoff: { firstMs: 1000, mostMs: 60_000 },
    });
  });

  it.each([
    ['report', { action: 'report', ignore: [] }],
    ['{action: report, until: 2026-12-01}', { action: 'report', ignore: [], untilAt: Date.UTC(2026, 11, 1) }],
    [
      '{ignore: ["file:{{ service.path }}/*", enabled], until: "2026-12-01T18:00+01:00"}',
      { action: 'revert', ignore: ['file:/opt/web/*', 'enabled'], untilAt: Date.UTC(2026, 11, 1, 17) },
    ],
    ['{}', { action: 'revert', ignore: [] }],
  ])('answers drift with %s', (written, expected) => {
    expect(policyOf('policy: {drift: report}\n', `, policy: {drift: ${written}}`)?.drift).toEqual(expected);
  });

  it('has windows, one or many, in UTC where no zone is said', () => {
    const wide = 'policy: {windows: {allow: true, cron: "0 22 * * *", for: 4h}}\n';
    expect(policyOf(wide, '')?.windows).toEqual([
      { kind: 'allow', cron: '0 22 * * *', lastsMs: 14_400_000, zone: 'UTC' },
    ]);
    const own =
      'policy: {windows: [{deny: true, allow: false, cron: "0 8 * * 1-5", for: 90, tz: "{{ ZONE }}"}]}, vars: {ZONE: Asia/Tokyo}';
    expect(policyOf(wide, `, ${own}`)?.windows).toEqual([
      { kind: 'deny', cron: '0 8 * * 1-5', lastsMs: 90_000, zone: 'Asia/Tokyo' },
    ]);
  });
});

describe('what is not there yet', () => {
  it.each(
    [
      ['vault_secrets: [{path: a, keys: [b]}]', ['vault_secrets']],
      ['secrets_as: files', ['secrets_as']],
      ['tls: true', ['tls']],
      ['tls: false, secrets_as: env, vault_secrets: [], build: true', []],
      ['hostname: a.lan', ['hostname']],
      ['expose: internal', ['expose']],
      ['build: {on: m1}', ['build']],
      ['data: copy, stateful: true', []],
      ['policy: {windows: {allow: true, cron: "0 1 * * *", for: 1h}, apply: approve, approve_when: [removes]}', []],
      ['policy: {drift: {action: report}}', []],
      ['policy: {drift: revert, apply: auto, on_failure: rollback}', []],
    ].map(([keys, unsupported]) => ({ keys: String(keys), unsupported })),
  )('$keys', ({ keys, unsupported }) => {
    const spec = specOf(`type: docker, machine: m1, ${keys}`);
    expect([...spec.unsupported].toSorted()).toEqual([...(unsupported as readonly string[])].toSorted());
    expect(codes(`${top}services:\n  web: {path: /opt/web, type: docker, machine: m1, ${keys}}\n`)).toHaveLength(
      unsupported?.length ?? 0,
    );
  });

  it('registry-wide policy holds every service back', () => {
    const { placements } = registryOf(
      `${top}policy: {write: pull-request, verify: signed}\nservices:\n  a: {type: docker, machine: m1, path: /opt/a}\n`,
    );
    expect(placements[0]?.unsupported).toEqual(['policy.verify']);
  });
});

describe('the repository', () => {
  const text = (keys: string): string =>
    `${top}services:\n  web: {type: docker, machine: m1, path: /opt/web, source: apps/web${keys}}\n`;
  it.each([
    ['there', ['apps/web/compose.yaml'], []],
    ['missing', ['apps/wep/compose.yaml'], ['source-missing']],
    ['a file', ['apps/web'], ['source-unusable']],
    ['with two Compose files', ['apps/web/compose.yaml', 'apps/web/docker-compose.yml'], ['two-compose-files']],
  ])('a source that is %s', (_, paths, expected) => {
    expect(codes(text(''), { paths })).toEqual(expected);
  });

  it('two Compose files do not matter where one is named', () => {
    expect(
      codes(text(', compose_file: compose.yaml'), { paths: ['apps/web/compose.yaml', 'apps/web/docker-compose.yml'] }),
    ).toEqual([]);
  });

  const compose = (...names: string[]) => ({
    composeFiles: new Map([
      ['apps/web/compose.yaml', `services: {${names.map(name => `${name}: {image: a}`).join(', ')}}`],
    ]),
  });
  it.each([
    ['the one of our name', ', env: {A: 1}', ['db', 'web'], 'web', []],
    ['the only one', ', env: {A: 1}', ['app'], 'app', []],
    ['none that is clear', ', env: {A: 1}', ['app', 'db'], undefined, ['compose-service-unclear']],
    ['none that is needed', '', ['app', 'db'], undefined, []],
    ['the one that is named', ', env: {A: 1}, compose_service: db', ['app', 'db'], 'db', []],
    ['one that is not there', ', compose_service: cache', ['app', 'db'], undefined, ['compose-service-unclear']],
  ])('the inner service: %s', (_, keys, names, expected, diagnostics) => {
    expect(codes(text(keys), compose(...names))).toEqual(diagnostics);
    expect(result(text(keys), compose(...names)).registry?.placements[0]?.docker?.composeService).toBe(expected);
  });
});

describe('includes', () => {
  it('are merged; every file has its own places', () => {
    const files = new Map([
      ['infra/registry.yml', `include: [infra/parts/*.yml]\n${top}`],
      ['infra/parts/a.yml', 'services:\n  a: {type: docker, machine: m1, path: /opt/a}\n'],
      [
        'infra/parts/b.yml',
        'vars: {P: 80}\nservices:\n  b: {type: docker, machine: m9, path: /opt/b, port: "{{ P }}"}\n',
      ],
    ]);
    expect(parse({ main: 'infra/registry.yml', files }).diagnostics).toMatchObject([
      { code: 'unknown-machine', file: 'infra/parts/b.yml', line: 3, column: 30 },
    ]);
    files.set('infra/parts/b.yml', 'services:\n  b: {type: docker, machine: m2, path: /opt/b}\n');
    expect(
      parse({ main: 'infra/registry.yml', files }).registry?.placements.map(({ key, at }) => [key, at.file]),
    ).toEqual([
      ['a@m1', 'infra/parts/a.yml'],
      ['b@m2', 'infra/parts/b.yml'],
    ]);
  });

  it.each([
    [
      'a name twice',
      'machines: {m1: {host: a, user: b, platform: linux}}',
      'machines: {m1: {host: c, user: b, platform: linux}}',
      ['duplicate-name 1:12'],
    ],
    ['a section twice', 'cluster: a', 'cluster: b', ['duplicate-name 1:1']],
    ['an include within', '', 'include: [x.yml]', ['not-applicable 1:1']],
    ['broken YAML within', '', 'machines: [', ['yaml-syntax 1:12']],
    ['nothing within', '', '', ['empty-entry 1:1']],
  ])('refuse %s', (_, own, other, expected) => {
    const files = new Map([
      ['registry.yml', `include: [more.yml]\n${own}\n`],
      ['more.yml', other],
    ]);
    const { registry, diagnostics } = parse({ main: 'registry.yml', files });
    expect(registry).toBeUndefined();
    expect(
      diagnostics.map(({ code, file, line, column }) => (file === 'more.yml' ? `${code} ${line}:${column}` : file)),
    ).toEqual(expected);
  });

  it('give both places of a name that is declared twice', () => {
    const files = new Map([
      ['registry.yml', 'include: [more.yml]\ngroups: {a: []}\n'],
      ['more.yml', 'groups: {a: []}\n'],
    ]);
    expect(parse({ main: 'registry.yml', files }).diagnostics[0]).toMatchObject({
      file: 'more.yml',
      line: 1,
      related: [{ file: 'registry.yml', line: 2, column: 10 }],
    });
  });

  it('say which pattern matches nothing', () => {
    const files = new Map([
      ['registry.yml', 'include: [service.yml, "parts/*.yml"]\n'],
      ['services.yml', 'services: {}'],
    ]);
    expect(
      parse({ main: 'registry.yml', files }).diagnostics.map(({ code, path, hint }) => [code, path, hint]),
    ).toEqual([
      ['include-missing', 'include[0]', 'did you mean `services.yml`?'],
      ['include-missing', 'include[1]', 'known are: services.yml'],
    ]);
  });
});

describe('anchors and merge keys', () => {
  it('work, and a mistake is told where it was written', () => {
    const text = `x-base: &base\n  type: docker\n  machine: m1\n  prt: 1\n${top}services:\n  web:\n    <<: *base\n    path: /opt/web\n`;
    expect(result(text).diagnostics).toMatchObject([
      { code: 'unknown-key', line: 4, column: 3, path: 'services.web.prt' },
    ]);
    expect(registryOf(text.replace('  prt: 1\n', '')).placements[0]?.key).toBe('web@m1');
  });
});

it('the same text gives the same registry', () => {
  const text = `${top}services:\n  web: {type: docker, machines: [m1, m2], path: /opt/web, port: auto}\n`;
  expect(result(text)).toEqual(result(text));
});
