// What services use is measured on the passes of a controller, as a user without root: of containers and bare processes, and how long units are up.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Metrics } from '../../../reconciler/operations/metrics.js';
import { eventually, withLab } from '../harness.js';
import { freshStory, labMachine, type Controller, type Story } from '../story.js';

const lab = withLab({ hosts: 1, docker: [1] });
const host = lab.host(1);

/** Keeps a fifth of a processor busy, in a child of its own. */
const busy = `import os, time
if os.fork():
  os.wait()
while True:
  until = time.monotonic() + 0.02
  while time.monotonic() < until: pass
  time.sleep(0.08)
`;
const compose = 'services:\n  main: {image: "lab/web:1"}\n  second: {image: "lab/web:1"}\n';
const process = { command: 'python3 busy.py', source: 'busy', health: { type: 'process' } };

const registry = {
  cluster: 'usage',
  policy: { interval: 10 },
  machines: { m1: labMachine(host, { user: 'deploy' }) },
  services: {
    web: { type: 'docker', machine: 'm1', path: '/opt/web', source: 'web', compose_service: 'main' },
    unit: { type: 'native', machine: 'm1', path: '/opt/unit', ...process },
    own: { type: 'local', machine: 'm1', path: '/opt/own', scope: 'user', ...process },
    bare: { type: 'local', machine: 'm1', path: '/opt/bare', scope: 'none', ...process },
  },
};

let story: Story;
let controller: Controller;
beforeAll(async () => {
  story = await freshStory({ database: true });
  await story.push(registry, { 'web/compose.yaml': compose, 'busy/busy.py': busy });
  const { report } = await story.once();
  const amiss = [...report.outcomes.filter(one => one.result !== 'applied'), ...report.findings];
  if (amiss.length > 0) throw new Error(JSON.stringify(amiss));
  controller = story.run();
}, 200_000);
afterAll(async () => {
  await controller?.stop();
  await story?.remove();
});

const mib = 1024 * 1024;
/** The hosts of the lab keep no account of units: their systemd has no controllers. Files of such accounts are read in test/commands. */
const accounted = ['web', 'bare'];

test('what is busy is seen to be, and each is known to be up', async () => {
  const values = await eventually(
    'every service has processors',
    async () => {
      const { code, stdout } = await story.cli(['metrics', 'm1', '--json']);
      const found = code === 0 ? (JSON.parse(stdout) as Metrics).newest[0]?.values : undefined;
      return found && accounted.every(one => `service_cpu_cores:${one}` in found) && found;
    },
    90_000,
  );
  const of = (measure: string, service: string) => values[`service_${measure}:${service}`] ?? Number.NaN;
  for (const service of Object.keys(registry.services))
    expect(of('uptime_seconds', service), service).toBeGreaterThan(0);
  expect(of('cpu_cores', 'bare')).toBeGreaterThan(0.02);
  expect(of('cpu_cores', 'bare')).toBeLessThan(1.5);
  expect(of('memory_bytes', 'bare')).toBeGreaterThan(4 * mib);
  expect(of('cpu_cores', 'web')).toBeGreaterThanOrEqual(0);
  expect(of('memory_bytes', 'web')).toBeGreaterThan(mib / 4);
});
