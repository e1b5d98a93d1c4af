// Three hosts and nine services with dependencies across them: four Compose projects, two uv apps, three systemd units.
import { readFileSync } from 'node:fs';
import type { Host } from '../harness.js';
import { labMachine, type StoryRegistry } from '../story.js';
import type { Kept } from './fleet-evidence.js';

const app = (file: string): string => readFileSync(new URL(`../apps/uv-app/${file}`, import.meta.url), 'utf8');
const uvFiles = ['pyproject.toml', 'uv.lock', 'server.py'];

/** A web server on the host's loopback. */
const page = (port: number): string => `exec python3 -m http.server ${port} --bind 127.0.0.1`;
const offline = { UV_OFFLINE: '1', UV_PYTHON_DOWNLOADS: 'never' };

/** Projects by service: host port outside, 8080 inside. */
export const composePorts = { cache: 18_080, edge: 18_081, api: 18_082, web: 18_083 } as const;

function composeText(port: number): string {
  return `services:
  main:
    image: lab/web:1
    restart: unless-stopped
    ports: ["${port}:8080"]
    environment: { FROM_FILE: "yes" }
`;
}

/** The files that stand beside registry.yml. */
export function fleetFiles(): Readonly<Record<string, string>> {
  const projects = Object.entries(composePorts).map(([name, port]) => [
    `projects/${name}/compose.yaml`,
    composeText(port),
  ]);
  const apps = ['app', 'worker'].flatMap(name => uvFiles.map(file => [`apps/${name}/${file}`, app(file)]));
  return Object.fromEntries([...projects, ...apps]);
}

const compose = (
  name: keyof typeof composePorts,
  machine: string,
  after: readonly string[],
  more: object = {},
): object => ({
  type: 'docker',
  machine,
  path: `/opt/${name}`,
  source: `projects/${name}`,
  port: composePorts[name],
  health: { type: 'http', endpoint: '/health' },
  depends_on: after,
  ...more,
});

const uvApp = (name: string, machine: string, port: number, after: readonly string[], more: object = {}): object => ({
  type: 'local',
  machine,
  path: `/opt/${name}`,
  source: `apps/${name}`,
  command: 'python server.py',
  port,
  env: { ...offline, GREETING: 'good day' },
  health: { type: 'http', endpoint: '/health' },
  depends_on: after,
  ...more,
});

/** Who needs whom; the machines differ along almost every edge. */
export const dependencies = {
  store: [],
  queue: [],
  cache: ['queue'],
  app: ['store', 'queue'],
  worker: ['app', 'cache'],
  metrics: ['worker'],
  api: ['app', 'cache'],
  web: ['api'],
  edge: ['web', 'metrics'],
} as const;

type Service = keyof typeof dependencies;

/** What each service is on its host. */
export const kept: Readonly<Record<Service, readonly [host: number, Kept]>> = {
  store: [2, { unit: 'store.service' }],
  queue: [3, { unit: 'queue.service' }],
  cache: [2, { container: 'cache-main-1' }],
  app: [3, { unit: 'portoser-app.service' }],
  worker: [3, { listensOn: 9104 }],
  metrics: [1, { unit: 'metrics.service' }],
  api: [1, { container: 'api-main-1' }],
  web: [1, { container: 'web-main-1' }],
  edge: [2, { container: 'edge-main-1' }],
};

export interface Greetings {
  /** An environment variable of one service each: the one field that a story changes. */
  readonly web?: string;
  readonly app?: string;
  readonly queue?: string;
}

export function fleetRegistry(hosts: readonly [Host, Host, Host], greetings: Greetings = {}): StoryRegistry {
  const [first, second, third] = hosts;
  const greeting = (text: string | undefined): object => (text === undefined ? {} : { env: { GREETING: text } });
  return {
    cluster: 'story',
    machines: {
      m1: labMachine(first),
      m2: labMachine(second, { user: 'deploy' }),
      m3: labMachine(third, { user: 'tc' }),
    },
    services: {
      // It is healthy only two seconds after its start, and notes when: nanoseconds since 1970.
      store: {
        type: 'native',
        machine: 'm2',
        path: '/opt/store',
        command: ['sh', '-c', `sleep 2; date +%s%N >ready; ${page(9101)}`],
        user: 'root',
        port: 9101,
        health: { type: 'tcp' },
      },
      queue: {
        type: 'native',
        machine: 'm3',
        path: '/opt/queue',
        command: ['sh', '-c', page(9102)],
        port: 9102,
        ...greeting(greetings.queue),
        health: { type: 'http', endpoint: '/' },
      },
      metrics: {
        type: 'native',
        machine: 'm1',
        path: '/opt/metrics',
        command: ['sh', '-c', 'exec sleep infinity'],
        health: { type: 'process' },
        depends_on: dependencies.metrics,
      },
      cache: compose('cache', 'm2', dependencies.cache),
      edge: compose('edge', 'm2', dependencies.edge, { health: { type: 'docker' } }),
      api: compose('api', 'm1', dependencies.api),
      web: compose('web', 'm1', dependencies.web, greeting(greetings.web)),
      app: uvApp('app', 'm3', 9103, dependencies.app, {
        scope: 'system',
        ...(greetings.app === undefined ? {} : { env: { ...offline, GREETING: greetings.app } }),
      }),
      worker: uvApp('worker', 'm3', 9104, dependencies.worker, { scope: 'none' }),
    },
  };
}
