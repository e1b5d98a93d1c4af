// A real Prometheus: it reads what the API tells, by its rules for names, with a token; and takes the shipped rules and the dashboard's questions.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exposition, processMeasures } from '../../api/routes/exposition.js';
import { buildServer } from '../../api/server.js';
import { createEngine } from '../../reconciler/engine.js';
import { liveOf, measuresOf } from '../../reconciler/loop/measures.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { liveParts } from '../fakes/live.js';
import { runProgram } from '../lab/run-program.js';
import { freePort, untilListening } from './ports.js';

const examples = fileURLToPath(new URL('../../examples/monitoring/', import.meta.url));
const all = () => measuresOf(liveOf(liveParts()));

async function promtool(words: readonly string[], input = '') {
  const child = spawn('promtool', words, { cwd: examples, stdio: 'pipe' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += String(chunk)));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

describe('promtool', () => {
  test('finds nothing to say of what /metrics tells', async () => {
    const text = exposition([...all(), ...processMeasures('1.2.3', Date.now())]);
    expect(await promtool(['check', 'metrics'], text)).toEqual({ code: 0, output: '' });
    const wrong = await promtool(['check', 'metrics'], '# TYPE a_total gauge\na_total 1\n');
    expect(wrong.code).not.toBe(0);
  });

  test('takes the shipped rules, each of which fires when it should', async () => {
    expect(await promtool(['check', 'rules', 'portoser.rules.yml'])).toMatchObject({ code: 0 });
    expect(await promtool(['test', 'rules', 'portoser.rules.test.yml'])).toMatchObject({ code: 0 });
  });
});

interface Answer {
  readonly status: string;
  readonly data: { readonly result: readonly { readonly metric: object; readonly value: readonly [number, string] }[] };
}

describe('Prometheus', () => {
  const token = 'portoser_viewer-token';
  const engine = createEngine({
    settings: resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 }),
    open: () => Promise.reject(new Error('opened')),
    close: async () => undefined,
  });
  let folder = '';
  let address = '';
  let stop: () => Promise<void> = async () => undefined;

  async function startServer() {
    const viewer = { id: 'v', name: 'prometheus', role: 'viewer', createdAt: 0, expiresAt: 9 } as const;
    const server = await buildServer({
      engine: { ...engine, perform: (async () => all()) as never },
      auth: { tokens: { find: async given => (given === token ? viewer : undefined), list: async () => [viewer] } },
      version: '1.2.3',
      ready: () => true,
      onFault: error => {
        throw error;
      },
    });
    await server.listen({ host: '127.0.0.1', port: 0 });
    return server;
  }

  /** The shipped configuration, with the address and the file of this place, and without its patience. */
  async function configure(target: string): Promise<void> {
    const shipped = await readFile(join(examples, 'prometheus.yml'), 'utf8');
    const here = shipped
      .replace('127.0.0.1:8750', target)
      .replace('/etc/prometheus/portoser-token', join(folder, 'token'))
      .replace('portoser.rules.yml', join(examples, 'portoser.rules.yml'))
      .replace('scrape_interval: 30s', 'scrape_interval: 200ms');
    await writeFile(join(folder, 'token'), `${token}\n`);
    await writeFile(join(folder, 'prometheus.yml'), here);
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portoser-prometheus-'));
    const server = await startServer();
    const { port } = server.server.address() as { port: number };
    await configure(`127.0.0.1:${port}`);
    const checked = await runProgram('promtool', ['check', 'config', join(folder, 'prometheus.yml')]);
    if (checked.code !== 0) throw new Error(checked.stdout + checked.stderr);
    const own = await freePort();
    address = `127.0.0.1:${own}`;
    const words = [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
    ];
    const prometheus = spawn('prometheus', words, { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    prometheus.stderr.on('data', (chunk: Buffer) => (log += String(chunk)));
    stop = async () => {
      const ended = once(prometheus, 'close');
      prometheus.kill('SIGTERM');
      await ended;
      await server.close();
      await rm(folder, { recursive: true, force: true });
    };
    await untilListening(own, () => log);
  });
  afterAll(() => stop());

  const ask = async (query: string): Promise<Answer> =>
    (await (await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(query)}`)).json()) as Answer;

  test('is let in by its token, and knows every name with all its labels', async () => {
    let found: Answer['data']['result'] = [];
    while (found.length === 0) found = (await ask('portoser_build_info')).data.result;
    expect((await ask('up{job="portoser"}')).data.result[0]?.value[1]).toBe('1');
    expect(found[0]?.metric).toMatchObject({ version: '1.2.3' });
    for (const { name, value } of all()) {
      const kept = await ask(typeof value === 'number' ? name : `${name}_bucket`);
      expect(kept.data.result.length, name).toBeGreaterThan(0);
    }
    const disk = await ask('portoser_machine_filesystem_used_bytes{machine="m1",mountpoint="/a:b"}');
    expect(disk.data.result[0]?.value[1]).toBe('60');
  });

  test('loads the shipped rules, and understands what the dashboard asks', async () => {
    const rules = (await (await fetch(`http://${address}/api/v1/rules`)).json()) as {
      data: { groups: { rules: [] }[] };
    };
    expect(rules.data.groups.flatMap(one => one.rules).length).toBeGreaterThan(10);
    const dashboard = await readFile(join(examples, 'grafana-dashboard.json'), 'utf8');
    const asked = [...dashboard.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(
      one => JSON.parse(one[1] ?? '') as string,
    );
    expect(asked.length).toBeGreaterThan(15);
    for (const one of asked)
      expect(await ask(one.replaceAll(/\$\w+/g, '.*')), one).toMatchObject({ status: 'success' });
  });
});
