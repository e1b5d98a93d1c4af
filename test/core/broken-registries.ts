// Registries with mistakes: what was written, and the code, line and column of each diagnostic.

export interface BrokenRegistry {
  readonly what: string;
  readonly text: string;
  /** `code line:column`, in order. */
  readonly expected: readonly string[];
}

const machine = 'machines:\n  m1: {host: 10.0.0.1, user: admin, platform: linux}\n';
const service = (keys: string): string =>
  `${machine}services:\n  web:\n    type: docker\n    machine: m1\n    path: /opt/web\n${keys}`;
const local = (keys: string): string =>
  `${machine}services:\n  web:\n    type: local\n    machine: m1\n    path: /opt/web\n    command: run\n${keys}`;
const two = (web: string, api: string): string =>
  `${machine}services:\n  web: {type: docker, machine: m1, path: /opt/web${web}}\n  api: {type: docker, machine: m1, path: /opt/api${api}}\n`;

/** YAML itself. */
const syntax: readonly BrokenRegistry[] = [
  { what: 'an empty file', text: '', expected: ['empty-entry 1:1'] },
  { what: 'only a comment', text: '# nothing yet\n', expected: ['empty-entry 1:1'] },
  { what: 'a list at the top', text: '- a\n- b\n', expected: ['wrong-type 1:1'] },
  { what: 'text at the top', text: 'hello\n', expected: ['wrong-type 1:1'] },
  { what: 'a tab as indent', text: 'machines:\n\tm1: {}\n', expected: ['yaml-syntax 2:1'] },
  { what: 'an open flow map', text: 'machines: {m1: {host: a\n', expected: ['yaml-syntax 2:1'] },
  { what: 'an open quote', text: 'cluster: "home\n', expected: ['yaml-syntax 2:1'] },
  { what: 'two documents', text: 'cluster: a\n---\ncluster: b\n', expected: ['yaml-syntax 1:1'] },
  { what: 'a key twice', text: 'cluster: a\ncluster: b\n', expected: ['duplicate-key 2:1'] },
  {
    what: 'a machine twice',
    text: `${machine}  m1: {host: 10.0.0.2, user: a, platform: linux}\n`,
    expected: ['duplicate-key 3:3'],
  },
  { what: 'an unknown tag', text: 'cluster: !!js/function "return 1"\n', expected: ['yaml-syntax 1:10'] },
  { what: 'an alias without anchor', text: 'cluster: *nobody\n', expected: ['yaml-syntax 1:10'] },
  { what: 'an alias within its anchor', text: 'x-a: &a [*a]\ncluster: b\n', expected: ['yaml-syntax 1:9'] },
  {
    what: 'a merge of text',
    text: `${machine}x-a: &a text\nservices:\n  web: {<<: *a, type: docker, machine: m1, path: /opt/web}\n`,
    expected: ['yaml-syntax 5:13'],
  },
  { what: 'a key that is a list', text: '? [a, b]\n: c\n', expected: ['yaml-syntax 1:3'] },
  { what: 'bad indentation', text: 'machines:\n  m1:\n    host: a\n   user: b\n', expected: ['yaml-syntax 4:1'] },
];

/** Shape: keys, types, values. */
const shape: readonly BrokenRegistry[] = [
  { what: 'an unknown top-level key', text: 'machnes: {}\n', expected: ['unknown-key 1:1'] },
  {
    what: 'an unknown key of a machine',
    text: 'machines:\n  m1: {host: a, user: b, platform: linux, prt: 22}\n',
    expected: ['unknown-key 2:43'],
  },
  { what: 'an unknown key of a service', text: service('    prot: 80\n'), expected: ['unknown-key 8:5'] },
  { what: 'an unknown key of health', text: service('    health: {endpint: /}\n'), expected: ['unknown-key 8:14'] },
  {
    what: 'an unknown key deep in a union',
    text: service('    machines: {tag: [x]}\n').replace('    machine: m1\n', ''),
    expected: ['missing-field 7:5', 'unknown-key 7:16'],
  },
  { what: 'a missing host', text: 'machines:\n  m1: {user: a, platform: linux}\n', expected: ['missing-field 2:3'] },
  {
    what: 'everything missing',
    text: 'machines:\n  m1: {}\nservices:\n  web: {}\n',
    expected: [
      'missing-field 2:3',
      'missing-field 2:3',
      'missing-field 2:3',
      'missing-field 4:3',
      'missing-field 4:3',
      'missing-field 4:3',
    ],
  },
  { what: 'no machine', text: service('').replace('    machine: m1\n', ''), expected: ['missing-field 4:3'] },
  { what: 'machine and machines', text: service('    machines: [m1]\n'), expected: ['invalid-value 8:5'] },
  {
    what: 'a local service without command',
    text: local('').replace('    command: run\n', ''),
    expected: ['missing-field 4:3'],
  },
  { what: 'an entry without content', text: `${machine}services:\n  redis:\n`, expected: ['empty-entry 4:3'] },
  { what: 'a section without content', text: 'machines:\nservices: {}\n', expected: ['empty-entry 1:1'] },
  { what: 'a value without content', text: service('    port:\n'), expected: ['empty-entry 8:5'] },
  {
    what: 'null in env',
    text: service('    env: {A: null, B: ~}\n'),
    expected: ['empty-entry 8:11', 'empty-entry 8:20'],
  },
  { what: 'a machine that is a list', text: 'machines:\n  m1: [a]\n', expected: ['wrong-type 2:7'] },
  { what: 'machines that are text', text: 'machines: m1\n', expected: ['wrong-type 1:11'] },
  { what: 'services that are a list', text: 'services: [web]\n', expected: ['wrong-type 1:11'] },
  {
    what: 'wrong types everywhere',
    text: service(
      '    port: [1]\n    env: [A=1]\n    depends_on: {a: 1}\n    health: yes please\n    tags: x\n    critical: "true"\n',
    ),
    expected: [
      'wrong-type 8:11',
      'wrong-type 9:10',
      'wrong-type 10:17',
      'wrong-type 11:13',
      'wrong-type 12:11',
      'wrong-type 13:15',
    ],
  },
  {
    what: 'an unknown service type',
    text: service('').replace('docker', 'doker'),
    expected: ['invalid-service-type 5:11'],
  },
  { what: 'a service type that is a number', text: service('').replace('docker', '3'), expected: ['wrong-type 5:11'] },
  {
    what: 'an unknown platform',
    text: 'machines:\n  m1: {host: a, user: b, platform: macos}\n',
    expected: ['invalid-value 2:36'],
  },
  { what: 'a port of 0', text: service('    port: 0\n'), expected: ['invalid-port 8:11'] },
  { what: 'a port too high', text: service('    port: 65536\n'), expected: ['invalid-port 8:11'] },
  { what: 'a port in quotes', text: service('    port: "80"\n'), expected: ['invalid-port 8:11'] },
  { what: 'half a port', text: service('    port: 80.5\n'), expected: ['wrong-type 8:11'] },
  {
    what: 'a port of a mapping',
    text: service('    port_mapping: [{host: 80, container: 99999}]\n'),
    expected: ['invalid-port 8:42'],
  },
  {
    what: 'a range that ends first',
    text: 'machines:\n  m1: {host: a, user: b, platform: linux, auto_ports: 300-200}\n',
    expected: ['invalid-port 2:55'],
  },
  {
    what: 'a duration with a wrong unit',
    text: service('    stop_timeout: 5 weeks\n'),
    expected: ['invalid-value 8:19'],
  },
  { what: 'a size in words', text: service('    resources: {memory: lots}\n'), expected: ['invalid-value 8:25'] },
  { what: 'memory without a unit', text: service('    resources: {memory: 512}\n'), expected: ['invalid-value 8:25'] },
  { what: 'no processors', text: service('    resources: {cpus: 0}\n'), expected: ['invalid-value 8:23'] },
  {
    what: 'a status out of range',
    text: service('    port: 80\n    health: {endpoint: /, expected_status: [200, 999]}\n'),
    expected: ['invalid-value 9:50'],
  },
  {
    what: 'a status range that ends first',
    text: service('    port: 80\n    health: {endpoint: /, expected_status: "299-200"}\n'),
    expected: ['invalid-value 9:44'],
  },
  { what: 'a cron of three fields', text: 'policy: {schedule: "* * *"}\n', expected: ['invalid-value 1:20'] },
  {
    what: 'a window that neither allows nor denies',
    text: 'policy: {windows: {cron: "0 1 * * *", for: 1h}}\n',
    expected: ['invalid-value 1:19'],
  },
  {
    what: 'windows with an impossible day, without an end, and in no zone',
    text: 'policy:\n  windows:\n    - {deny: true, cron: "0 0 31 2 *", for: 1h}\n    - {deny: true, cron: "0 0 * * *", for: 0}\n    - {allow: true, deny: true, cron: "0 0 * * *", for: 1h, tz: Europe/Berlyn}\n',
    expected: ['invalid-value 3:26', 'invalid-value 4:44', 'invalid-value 5:7', 'invalid-value 5:65'],
  },
  {
    what: 'a window of a service with a cron that is none',
    text: service('    policy: {windows: {allow: true, cron: nightly, for: 1h}}\n'),
    expected: ['invalid-value 8:43'],
  },
  {
    what: 'drift until a day that is none',
    text: 'policy: {drift: {until: 2026-02-31}}\n',
    expected: ['invalid-value 1:25'],
  },
  {
    what: 'drift until a time without a zone',
    text: service('    policy: {drift: {ignore: [enabled], until: "2026-12-01T18:00"}}\n'),
    expected: ['invalid-value 8:48'],
  },
  {
    what: 'a backoff that begins beyond its end',
    text: 'policy: {backoff: 5m…5s}\n',
    expected: ['invalid-value 1:19'],
  },
  { what: 'a share over one', text: 'policy: {max_removals: 30}\n', expected: ['invalid-value 1:24'] },
  {
    what: 'a registry-wide policy in a service',
    text: service('    policy: {parallel: 2}\n'),
    expected: ['not-applicable 8:14'],
  },
];

/** Names and words that reach a machine. */
const words: readonly BrokenRegistry[] = [
  {
    what: 'an upper-case machine',
    text: 'machines:\n  M1: {host: a, user: b, platform: linux}\n',
    expected: ['invalid-name 2:3'],
  },
  {
    what: 'a service that begins with -',
    text: 'services:\n  -web: {type: docker, machine: m1, path: /opt/web}\n',
    expected: ['invalid-name 2:3', 'unknown-machine 2:33'],
  },
  {
    what: 'a service with shell characters',
    text: `${machine}services:\n  "web; rm -rf /": {type: docker, machine: m1, path: /opt/web}\n`,
    expected: ['invalid-name 4:3'],
  },
  {
    what: 'a service with a line break',
    text: `${machine}services:\n  "we\\nb": {type: docker, machine: m1, path: /opt/web}\n`,
    expected: ['invalid-name 4:3'],
  },
  {
    what: 'a service in other letters',
    text: `${machine}services:\n  wéb: {type: docker, machine: m1, path: /opt/web}\n`,
    expected: ['invalid-name 4:3'],
  },
  {
    what: 'a name of 64 characters',
    text: `machines:\n  ${'a'.repeat(64)}: {host: a, user: b, platform: linux}\n`,
    expected: ['invalid-name 2:3'],
  },
  {
    what: '__proto__ as a machine',
    text: 'machines:\n  __proto__: {host: a, user: b, platform: linux}\n',
    expected: ['invalid-name 2:3'],
  },
  { what: '__proto__ as a key', text: service('    __proto__: {port: 80}\n'), expected: ['unknown-key 8:5'] },
  { what: '__proto__ at the top', text: '__proto__: {machines: {}}\n', expected: ['unknown-key 1:1'] },
  {
    what: 'constructor as a dependency',
    text: service('    depends_on: constructor\n'),
    expected: ['unknown-service 8:17'],
  },
  {
    what: 'constructor as a machine',
    text: service('').replace('machine: m1', 'machine: constructor'),
    expected: ['unknown-machine 6:14'],
  },
  {
    what: 'an option as host',
    text: 'machines:\n  m1: {host: -oProxyCommand=touch /tmp/x, user: a, platform: linux}\n',
    expected: ['invalid-value 2:14'],
  },
  {
    what: 'an option as user',
    text: 'machines:\n  m1: {host: a, user: -x, platform: linux}\n',
    expected: ['invalid-value 2:23'],
  },
  {
    what: 'a blank in a user',
    text: 'machines:\n  m1: {host: a, user: a b, platform: linux}\n',
    expected: ['invalid-value 2:23'],
  },
  {
    what: 'a line break in a host',
    text: 'machines:\n  m1: {host: "a\\nb", user: a, platform: linux}\n',
    expected: ['invalid-value 2:14'],
  },
  {
    what: 'an option as jump',
    text: 'machines:\n  m1: {host: a, user: b, platform: linux, jump: -J}\n',
    expected: ['invalid-name 2:49'],
  },
  {
    what: 'a substitution as unit',
    text: service('    service_name: $(id)\n').replace('docker', 'native'),
    expected: ['invalid-value 8:19'],
  },
  { what: 'an option as run-as user', text: local('    user: --login\n'), expected: ['invalid-value 9:11'] },
  {
    what: 'a key without material',
    text: 'machines:\n  m1: {host: a, user: b, platform: linux, host_key: ssh-ed25519}\n',
    expected: ['invalid-value 2:53'],
  },
  { what: 'a NUL in env', text: service('    env: {A: "a\\0b"}\n'), expected: ['invalid-value 8:14'] },
  {
    what: 'a bad variable name',
    text: service('    env: {A-B: 1, "C D": 2}\n'),
    expected: ['invalid-name 8:11', 'invalid-name 8:19'],
  },
  { what: 'a relative path', text: service('').replace('/opt/web', 'opt/web'), expected: ['invalid-path 7:11'] },
  { what: 'a path with ..', text: service('').replace('/opt/web', '/opt/../etc'), expected: ['invalid-path 7:11'] },
  {
    what: 'a path with a line break',
    text: service('').replace('/opt/web', '"/opt/a\\nb"'),
    expected: ['invalid-path 7:11'],
  },
  { what: 'the root as path', text: service('').replace('/opt/web', '/'), expected: ['invalid-path 7:11'] },
  { what: '/etc, by a detour', text: service('').replace('/opt/web', '//etc/./'), expected: ['invalid-path 7:11'] },
  { what: 'a source that leads out', text: service('    source: ../other\n'), expected: ['invalid-path 8:13'] },
  { what: 'an absolute source', text: service('    source: /etc\n'), expected: ['invalid-path 8:13'] },
  {
    what: 'an include that leads out',
    text: 'include: [../x.yml]\n',
    expected: ['invalid-path 1:11', 'include-missing 1:11'],
  },
  {
    what: 'a relative key file',
    text: 'machines:\n  m1: {host: a, user: b, platform: linux, ssh_key: id_rsa}\n',
    expected: ['invalid-path 2:52'],
  },
];

/** What one part says about another. */
const references: readonly BrokenRegistry[] = [
  {
    what: 'an unknown machine',
    text: service('').replace('machine: m1', 'machine: m2'),
    expected: ['unknown-machine 6:14'],
  },
  {
    what: 'an unknown machine in a list',
    text: service('').replace('machine: m1', 'machines: [m1, m2]'),
    expected: ['unknown-machine 6:20'],
  },
  {
    what: 'tags that nobody has',
    text: service('').replace('machine: m1', 'machines: {tags: [gpu]}'),
    expected: ['unknown-machine 6:5'],
  },
  {
    what: 'an empty list of machines',
    text: service('').replace('machine: m1', 'machines: []'),
    expected: ['invalid-value 6:15'],
  },
  { what: 'an unknown dependency', text: service('    depends_on: [redis]\n'), expected: ['unknown-service 8:18'] },
  {
    what: 'an unknown service in a group',
    text: `${service('')}groups: {all: [web, api]}\n`,
    expected: ['unknown-service 8:21'],
  },
  {
    what: 'an unknown group on the status page',
    text: `${service('')}status_page: {groups: [front]}\n`,
    expected: ['not-supported-yet 8:1', 'unknown-group 8:24'],
  },
  {
    what: 'an unknown jump',
    text: 'machines:\n  m1: {host: a, user: b, platform: linux, jump: gate}\n',
    expected: ['unknown-machine 2:49'],
  },
  {
    what: 'jumps in a circle',
    text: 'machines:\n  m1: {host: a, user: b, platform: linux, jump: m2}\n  m2: {host: a, user: b, platform: linux, jump: m1}\n',
    expected: ['circular-dependency 2:49'],
  },
  {
    what: 'a service that waits for itself',
    text: service('    depends_on: web\n'),
    expected: ['circular-dependency 8:5'],
  },
  {
    what: 'two that wait for each other',
    text: two(', depends_on: [api]', ', depends_on: [web]'),
    expected: ['circular-dependency 5:52'],
  },
  { what: 'one port for two', text: two(', port: 80', ', ports: [80]'), expected: ['port-conflict 5:60'] },
  {
    what: 'a port against a mapping',
    text: two(', port: 80', ', port_mapping: {host: 80, container: 1}'),
    expected: ['port-conflict 5:73'],
  },
  {
    what: 'one host port for two containers’ ports',
    text: service('    port_mapping: [{host: 80, container: 1}, {host: 80, container: 2}]\n'),
    expected: ['port-conflict 8:53'],
  },
  { what: 'one folder for two', text: two('', '').replace('/opt/api', '/opt//web/'), expected: ['path-conflict 5:42'] },
  {
    what: 'one unit for two',
    text: two('', ', service_name: web').replaceAll('docker', 'native'),
    expected: ['unit-conflict 5:66'],
  },
  {
    what: 'one Compose project for two',
    text: two('', ', compose_project: web'),
    expected: ['project-conflict 5:69'],
  },
  {
    what: 'a Compose project with capitals',
    text: service('    compose_project: Web\n'),
    expected: ['invalid-value 8:22'],
  },
  {
    what: 'one host name for two',
    text: two(', hostname: a.lan', ', hostname: A.lan'),
    expected: ['not-supported-yet 4:52', 'not-supported-yet 5:52', 'hostname-conflict 5:62'],
  },
  { what: 'http without a port', text: service('    health: {endpoint: /}\n'), expected: ['health-without-port 8:5'] },
  { what: 'tcp without a port', text: service('    health: {type: tcp}\n'), expected: ['health-without-port 8:5'] },
  {
    what: 'a command check without command',
    text: service('    health: {type: command}\n'),
    expected: ['missing-field 8:5'],
  },
  {
    what: 'a docker check for a local service',
    text: local('    health: {type: docker}\n'),
    expected: ['not-applicable 9:20'],
  },
  {
    what: 'an endpoint for tcp',
    text: service('    port: 80\n    health: {type: tcp, endpoint: /}\n'),
    expected: ['not-applicable 9:25'],
  },
  {
    what: 'a compose file for a local service',
    text: local('    compose_file: a.yml\n'),
    expected: ['not-applicable 9:5'],
  },
  { what: 'a command for docker', text: service('    command: run\n'), expected: ['not-applicable 8:5'] },
  {
    what: 'resources of a local service',
    text: local('    resources: {memory: 1G}\n'),
    expected: ['not-applicable 9:5'],
  },
  {
    what: 'a bare supervisor for a unit',
    text: local('    scope: none\n').replace('local', 'native'),
    expected: ['not-applicable 9:12'],
  },
  {
    what: 'a public service without a host name',
    text: service('    expose: public\n'),
    expected: ['missing-field 4:3', 'not-supported-yet 8:5'],
  },
  { what: 'a word of Compose files', text: service('    volumes: [a]\n'), expected: ['not-applicable 8:5'] },
  {
    what: 'an unknown machine to build on',
    text: service('    build: {on: m2}\n'),
    expected: ['not-supported-yet 8:5', 'unknown-machine 8:17'],
  },
  {
    what: 'a range without a free port',
    text: service('    port: auto\n    ports: [7]\n').replace('linux}', 'linux, auto_ports: 7-7}'),
    expected: ['no-free-port 8:11'],
  },
];

/** Templates and commands. */
const templates: readonly BrokenRegistry[] = [
  { what: 'a cluster by template', text: 'vars: {C: lab}\ncluster: "{{ C }}"\n', expected: ['invalid-name 2:10'] },
  { what: 'a domain that becomes none', text: 'vars: {D: a b}\ndomain: "{{ D }}"\n', expected: ['invalid-value 2:9'] },
  {
    what: 'a group of nobody',
    text: 'vars: {S: api}\ngroups: {all: ["{{ S }}"]}\n',
    expected: ['unknown-service 2:16'],
  },
  { what: 'an unknown variable', text: service('    env: {A: "{{ NOPE }}"}\n'), expected: ['unknown-variable 8:14'] },
  {
    what: 'a template that is none',
    text: service('    env: {A: "{{ a b }}", B: "{{"}\n'),
    expected: ['invalid-value 8:14', 'invalid-value 8:30'],
  },
  {
    what: 'a variable with a template',
    text: `vars: {A: "{{ B }}", B: 1}\n${service('    env: {A: "{{ A }}"}\n')}`,
    expected: ['invalid-value 1:11', 'invalid-value 9:14'],
  },
  {
    what: 'a template that becomes the wrong type',
    text: `vars: {P: many}\n${service('    port: "{{ P }}"\n')}`,
    expected: ['invalid-port 9:11'],
  },
  {
    what: 'a list within text',
    text: `vars: {L: [1]}\n${service('    env: {A: "x{{ L }}"}\n')}`,
    expected: ['invalid-value 9:14'],
  },
  {
    what: 'the arch that is not written',
    text: service('    env: {A: "{{ machine.arch }}"}\n'),
    expected: ['unknown-variable 8:14'],
  },
  {
    what: 'a port that refers to itself',
    text: service('    port: "{{ service.port }}"\n'),
    expected: ['unknown-variable 8:11'],
  },
  {
    what: 'a host of two placements',
    text: two(', env: {A: "{{ services.api.host }}"}', '')
      .replace('machine: m1, path: /opt/api', 'machines: [m1, m2], path: /opt/api')
      .replace('machines:\n', 'machines:\n  m2: {host: 10.0.0.2, user: a, platform: linux}\n'),
    expected: ['ambiguous-variable 5:61'],
  },
  {
    what: 'a command with a pipe',
    text: local('').replace('command: run', 'command: run | tee log'),
    expected: ['invalid-value 8:14'],
  },
  {
    what: 'a command with a substitution',
    text: local('').replace('command: run', 'command: run "$(id)"'),
    expected: ['invalid-value 8:14'],
  },
  {
    what: 'a command with an open quote',
    text: local('').replace('command: run', 'command: run "a'),
    expected: ['invalid-value 8:14'],
  },
  {
    what: 'a command that is an option',
    text: local('').replace('command: run', 'command: [--help]'),
    expected: ['invalid-value 8:14'],
  },
  {
    what: 'a command that begins with a variable',
    text: local('').replace('command: run', 'command: A=1 run'),
    expected: ['invalid-value 8:14'],
  },
  {
    what: 'an empty command',
    text: local('').replace('command: run', 'command: ""'),
    expected: ['invalid-value 8:14'],
  },
];

/** Suspicious, but taken. */
const warnings: readonly BrokenRegistry[] = [
  { what: 'yes', text: service('    env: {A: yes}\n'), expected: ['yaml-lookalike 8:14'] },
  { what: 'octal', text: service('    env: {A: 0644}\n'), expected: ['yaml-lookalike 8:14'] },
  { what: 'base 60', text: service('    env: {A: 22:30}\n'), expected: ['yaml-lookalike 8:14'] },
  { what: '${VAR}', text: service('    env: {A: "${HOME}/x"}\n'), expected: ['dollar-variable 8:14'] },
  {
    what: 'a secret by its name',
    text: service('    env: {DB_PASSWORD: hunter2}\n'),
    expected: ['secret-in-plain-text 8:11'],
  },
  {
    what: 'a secret by its form',
    text: service('    env: {DB: "postgres://a:b@c/d"}\n'),
    expected: ['secret-in-plain-text 8:11'],
  },
  {
    what: 'vault secrets',
    text: service('    vault_secrets: [{path: secret/web, keys: [a]}]\n'),
    expected: ['not-supported-yet 8:5'],
  },
  {
    what: 'a policy for what leaves the registry, in what would leave with it',
    text: service('    policy: {prune: keep}\n'),
    expected: ['not-applicable 8:14'],
  },
  {
    what: 'a policy of the future',
    text: `${service('')}policy: {verify: signed}\n`,
    expected: ['not-supported-yet 8:10'],
  },
  {
    what: 'sections of the future',
    text: `${service('')}mcp: {}\nhealing: {auto: none}\n`,
    expected: ['not-supported-yet 8:1', 'not-supported-yet 9:1'],
  },
];

const notify = (entries: string): string => `${machine}notify:\n${entries}`;

/** Who is told what. */
const telling: readonly BrokenRegistry[] = [
  { what: 'no list', text: `${machine}notify: {type: slack}\n`, expected: ['wrong-type 3:9'] },
  {
    what: 'an unknown type',
    text: notify('  - {type: pager, url: "https://a.example"}\n'),
    expected: ['invalid-value 4:12'],
  },
  {
    what: 'an unknown kind',
    text: notify('  - {type: ntfy, on: [deploy.fail], url: "https://a.example/t"}\n'),
    expected: ['invalid-value 4:23'],
  },
  { what: 'no address', text: notify('  - {type: slack}\n'), expected: ['missing-field 4:5'] },
  { what: 'no token', text: notify('  - {type: gotify, url: "https://a.example"}\n'), expected: ['missing-field 4:5'] },
  {
    what: 'a token as it is',
    text: notify('  - {type: gotify, url: "https://a.example", secret: AbCd}\n'),
    expected: ['invalid-value 4:54'],
  },
  {
    what: 'a variable that is none of ours',
    text: notify('  - {type: slack, url: env:DATABASE_URL}\n'),
    expected: ['invalid-value 4:24'],
  },
  {
    what: 'a file elsewhere',
    text: notify('  - {type: slack, url: file:/etc/shadow}\n  - {type: slack, url: file:../x}\n'),
    expected: ['invalid-value 4:24', 'invalid-value 5:24'],
  },
  {
    what: 'a password in the address',
    text: notify('  - {type: email, url: "smtp://me:pw@a.example", from: a@b, to: c@d}\n'),
    expected: ['invalid-value 4:24'],
  },
  { what: 'no topic', text: notify('  - {type: ntfy, url: "https://ntfy.sh/"}\n'), expected: ['invalid-value 4:23'] },
  {
    what: 'a room by its alias',
    text: notify('  - {type: matrix, url: "https://a.example", secret: file:m, room: "#ops:a.example"}\n'),
    expected: ['invalid-value 4:68'],
  },
  {
    what: 'a key of another type',
    text: notify('  - {type: slack, url: env:PORTOSER_NOTIFY_A, chat: 1}\n'),
    expected: ['not-applicable 4:47'],
  },
  {
    what: 'a zone that there is not',
    text: notify('  - {type: ntfy, url: "https://a.example/t", quiet_hours: "22:00-07:00", tz: Europe/Berln}\n'),
    expected: ['invalid-value 4:78'],
  },
  {
    what: 'quiet hours without an end',
    text: notify('  - {type: ntfy, url: "https://a.example/t", quiet_hours: "22:00-22:00"}\n'),
    expected: ['invalid-value 4:59'],
  },
  {
    what: 'a name twice',
    text: notify(
      '  - {type: ntfy, url: "https://a.example/t", name: a}\n  - {type: ntfy, url: "https://a.example/u", name: a}\n',
    ),
    expected: ['duplicate-name 5:52'],
  },
  {
    what: 'an address that is a secret',
    text: notify('  - {type: slack, url: "https://hooks.slack.com/services/T/B/x"}\n'),
    expected: ['secret-in-plain-text 4:19'],
  },
  {
    what: 'what nothing tells yet',
    text: notify('  - {type: ntfy, url: "https://a.example/t", on: [problem.open, drift]}\n'),
    expected: ['not-supported-yet 4:51'],
  },
  {
    what: 'a secret in Vault',
    text: notify('  - {type: slack, url: {path: secret/slack, key: url}}\n'),
    expected: ['not-supported-yet 4:19'],
  },
];

export const brokenRegistries: Readonly<Record<string, readonly BrokenRegistry[]>> = {
  syntax,
  shape,
  words,
  references,
  templates,
  warnings,
  telling,
};
