// New revisions that are ill in different ways, or only slow: the right verdict on each, and whoever served before serves on.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withLab } from '../harness.js';
import { freshStory, labMachine, type Story } from '../story.js';
import { livesOn } from './fleet-evidence.js';

const lab = withLab({ hosts: 1 });
const host = lab.host(1);

let story: Story;
beforeAll(async () => {
  story = await freshStory();
  await host.must(`for name in crash port fast slow; do systemctl disable -q --now "$name" 2>/dev/null || :; done
rm -rf /opt/crash /opt/port /opt/fast /opt/slow /var/lib/portoser /etc/systemd/system/{crash,port,fast,slow}.service`);
});
afterAll(() => story?.remove());

const ports = { crash: 18_101, port: 18_102, fast: 18_103, slow: 18_104 } as const;
type Name = keyof typeof ports;

/** Well inside the deadline, and well outside: what a gate decides, not how fast this computer is. */
const deadlineSeconds = 14;
const insideSeconds = 7;
const outsideSeconds = 30;

const serve = (port: number): string => `exec python3 -m http.server ${port} --bind 127.0.0.1`;
const good = (name: Name): string => serve(ports[name]);
const sick: Readonly<Record<Name, string>> = {
  crash: 'sleep 1; exit 3',
  port: serve(18_109),
  fast: `sleep ${insideSeconds}; ${good('fast')}`,
  slow: `sleep ${outsideSeconds}; ${good('slow')}`,
};

const push = (version: string, commandOf: (name: Name) => string) =>
  story.push({
    cluster: 'verdicts',
    machines: { m1: labMachine(host) },
    services: Object.fromEntries(
      (Object.keys(ports) as Name[]).map(name => [
        name,
        {
          type: 'native',
          machine: 'm1',
          path: `/opt/${name}`,
          port: ports[name],
          env: { VERSION: version },
          command: ['sh', '-c', commandOf(name)],
          health: { type: 'http', endpoint: '/', deadline: `${deadlineSeconds}s`, interval: '500ms' },
        },
      ]),
    ),
  });

const versions = `for name in crash port fast slow; do
  echo "$name $(tr '\\0' '\\n' </proc/$(systemctl show -P MainPID "$name")/environ | grep ^VERSION=)"
done`;
const answering = Object.values(ports)
  .map(port => `curl -fsS -o /dev/null http://127.0.0.1:${port}/`)
  .join(' && ');

let first = '';

test('all of them become healthy', async () => {
  first = await push('one', good);
  expect(await story.once()).toMatchObject({ code: 0 });
  expect(await host.must(versions)).toBe('crash VERSION=one\nport VERSION=one\nfast VERSION=one\nslow VERSION=one\n');
});

test('one ends again and again, one listens elsewhere, one is too slow: they are undone; one is slow enough', async () => {
  await push('two', name => sick[name]);
  const { code, report } = await story.once();
  expect(code).toBe(1);
  const undone = { result: 'failed', error: { code: 'gate-failed' }, undone: { result: 'back', commit: first } };
  expect(report.outcomes.toSorted((one, other) => one.key.localeCompare(other.key))).toMatchObject([
    { key: 'crash@m1', ...undone },
    { key: 'fast@m1', result: 'applied' },
    { key: 'port@m1', ...undone },
    { key: 'slow@m1', ...undone },
  ]);
  expect(await host.must(versions)).toBe('crash VERSION=one\nport VERSION=one\nfast VERSION=two\nslow VERSION=one\n');
  await host.must(answering);
});

test('nothing is tried again by itself; a new commit is', async () => {
  const lives = await livesOn(host);
  for (let pass = 0; pass < 3; pass += 1)
    expect(await story.once()).toMatchObject({ code: 2, report: { outcomes: [] } });
  expect(await livesOn(host)).toBe(lives);
  await push('three', good);
  expect(await story.once()).toMatchObject({ code: 0 });
  expect(await host.must(versions)).toBe(
    'crash VERSION=three\nport VERSION=three\nfast VERSION=three\nslow VERSION=three\n',
  );
});
