// What the story of crash points keeps: nine services on three hosts in three waves, kept in every way there is; all change at once.
import { readFileSync } from 'node:fs';
import type { Host } from '../harness.js';
import { labMachine, type StoryRegistry } from '../story.js';

export const cluster = 'crash';
/** Where each start is noted by what was started, whoever started it. */
export const logFolder = '/opt/log';

/** `app`: with uv, kept by systemd. `bare`: without a service manager. */
type Kind = 'native' | 'docker' | 'app' | 'bare';

interface Slot {
  readonly name: string;
  readonly kind: Kind;
  /** Counted from 1: Docker runs on the first two, uv on the third. */
  readonly host: 1 | 2 | 3;
  /** Of those that listen. */
  readonly port?: number;
  readonly needs: readonly string[];
}

/** Almost every need crosses from one host to another. */
export const slots: readonly Slot[] = [
  { name: 'store', kind: 'native', host: 2, needs: [] },
  { name: 'queue', kind: 'native', host: 3, needs: [] },
  { name: 'metrics', kind: 'bare', host: 1, needs: [] },
  { name: 'cache', kind: 'docker', host: 2, port: 18_080, needs: ['queue'] },
  { name: 'api', kind: 'docker', host: 1, port: 18_081, needs: ['store', 'metrics'] },
  { name: 'app', kind: 'app', host: 3, port: 9104, needs: ['store'] },
  { name: 'web', kind: 'native', host: 1, needs: ['api', 'app'] },
  { name: 'edge', kind: 'native', host: 2, needs: ['api', 'cache'] },
  { name: 'worker', kind: 'bare', host: 3, needs: ['app', 'cache'] },
];

export const keyOf = ({ name, host }: Slot): string => `${name}@m${host}`;

const app = (file: string): string => readFileSync(new URL(`../apps/uv-app/${file}`, import.meta.url), 'utf8');

const composeText = ({ name, port }: Slot): string => `services:
  main:
    image: lab/web:1
    restart: unless-stopped
    command: ["sh", "-c", 'echo "${name} $$VERSION" >>/log/starts; exec /bin/serve']
    volumes: ["${logFolder}:/log"]
    ports: ["${port}:8080"]
`;

/** Notes its start, then stays and answers. */
const program = ({ name }: Slot, stays: string): readonly string[] => [
  'sh',
  '-c',
  `echo "${name} $VERSION" >>${logFolder}/starts; exec ${stays}`,
];

const quick = { deadline: '30s', soak: '3s', interval: '5s' };
const runs = { type: 'command', command: ['true'], ...quick };
const http = { type: 'http', endpoint: '/health', ...quick };

function entryOf(slot: Slot, version: number): object {
  const { name, kind, host, port, needs } = slot;
  const common = { machine: `m${host}`, path: `/opt/crash/${name}`, depends_on: needs, stop_timeout: '2s' };
  const env = { VERSION: `v${version}` };
  const sleeps = program(slot, 'sleep infinity');
  switch (kind) {
    case 'native':
      return { ...common, type: 'native', command: sleeps, env, health: runs };
    case 'bare':
      return { ...common, type: 'local', scope: 'none', command: sleeps, env, health: runs };
    case 'docker':
      return { ...common, type: 'docker', source: `projects/${name}`, port, env, health: http };
    case 'app':
      return {
        ...common,
        type: 'local',
        scope: 'system',
        source: 'app',
        port,
        command: program(slot, 'python server.py'),
        env: { ...env, UV_OFFLINE: '1', UV_PYTHON_DOWNLOADS: 'never' },
        health: http,
      };
    default:
      return kind satisfies never;
  }
}

/** The files that stand beside registry.yml: the same in every version. */
export function sourceFiles(): Readonly<Record<string, string>> {
  const projects = slots.flatMap(slot =>
    slot.kind === 'docker' ? [[`projects/${slot.name}/compose.yaml`, composeText(slot)] as const] : [],
  );
  const files = ['pyproject.toml', 'uv.lock', 'server.py'].map(name => [`app/${name}`, app(name)] as const);
  return Object.fromEntries([...projects, ...files]);
}

export function registryOf(version: number, hosts: readonly [Host, Host, Host]): StoryRegistry {
  const [first, second, third] = hosts;
  return {
    cluster,
    policy: { interval: '2s' },
    machines: {
      m1: labMachine(first),
      m2: labMachine(second, { user: 'deploy' }),
      m3: labMachine(third, { user: 'tc' }),
    },
    services: Object.fromEntries(slots.map(slot => [slot.name, entryOf(slot, version)])),
  };
}
