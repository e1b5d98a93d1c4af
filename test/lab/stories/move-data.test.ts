// Services with data move between two hosts: a database that is written to all the time, and a named volume; both arrive as they were left, nothing is lost, and no port is ever bound twice.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PassReport } from '../../../schema/status.js';
import { loadForeignImage } from '../foreign-image.js';
import { eventually, type Host, withLab } from '../harness.js';
import { freshStory, labMachine, type Story, type StoryRegistry } from '../story.js';

const lab = withLab({ hosts: 2, docker: [1, 2] });
const [one, two] = [lab.host(1), lab.host(2)];

let story: Story;
beforeAll(async () => {
  story = await freshStory();
});
afterAll(() => story?.remove());

const port = 18_200;

/** All of the folder it runs in: content, modes, owners, times. Equal on both hosts when the same files are there. */
const inFolder = `export LC_ALL=C; find . -type f -exec sha256sum {} + | sort; find . -exec stat -c '%n %a %u:%g %Y' {} + | sort`;

/**
 * Inserts a row after the other, each committed and then acknowledged outside of its folder; serves on its port.
 * Notes what it found in its folder when it was first started on a host, before it touches it: once the database is
 * open, it differs. Told to stop, it ends within a transaction of which a part is in the database already, as at a
 * loss of power: only with the journal beside it can that be taken back.
 */
const program = `import http.server, os, signal, sqlite3, subprocess, threading, time
ending = threading.Event()
def write():
    base = sqlite3.connect('data/ledger.db')
    base.execute('pragma cache_size = 10')
    base.execute('create table if not exists rows (id integer primary key, host text)')
    base.commit()
    acks = os.open('/var/tmp/acks', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while not ending.is_set():
        row = base.execute('insert into rows (host) values (?)', (os.uname().nodename,)).lastrowid
        base.commit()
        os.write(acks, b'%d\\n' % row)
        time.sleep(0.005)
    base.execute("insert into rows (host) select 'never committed' || hex(randomblob(2000)) from rows limit 90")
    os._exit(0)
class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
signal.signal(signal.SIGTERM, lambda *_: ending.set())
os.makedirs('data', 0o750, exist_ok=True)
if not os.path.exists('/var/tmp/found'):
    with open('/var/tmp/found', 'w') as found:
        subprocess.run(['sh', '-c', """${inFolder}"""], cwd='data', stdout=found, check=True)
server = Server(('0.0.0.0', ${port}), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=write, daemon=True).start()
server.serve_forever()
`;

const compose = `services:
  main:
    image: lab/web:1
    restart: always
    ports: ["18201:8080"]
    volumes: ["kept:/kept"]
volumes:
  kept: {}
`;

const registry = (machine: string, ofWeb = machine): StoryRegistry => ({
  cluster: 'moves',
  policy: { backoff: '1s' },
  machines: { m1: labMachine(one, { user: 'deploy' }), m2: labMachine(two, { user: 'deploy' }) },
  services: {
    ledger: {
      type: 'native',
      machine,
      path: '/opt/ledger',
      source: 'ledger',
      command: 'python3 server.py',
      user: 'nobody',
      port,
      stateful: true,
      data: 'copy',
      health: { type: 'tcp', deadline: '20s' },
    },
    web: {
      type: 'docker',
      machine: ofWeb,
      path: '/opt/web',
      source: 'web',
      port: 18_201,
      data: 'copy',
      health: { type: 'http', endpoint: '/health', deadline: '30s' },
    },
  },
});

const push = (machine: string) =>
  story.push(registry(machine), { 'ledger/server.py': program, 'web/compose.yaml': compose }, `To ${machine}`);

/** Instants (ns) at which the port was bound; sampled until the host's file says stop. */
const sample = (host: Host) =>
  host.must(`rm -f /var/tmp/bound /var/tmp/enough; systemd-run -q --collect sh -c 'while [ ! -e /var/tmp/enough ]; do
if ss -Hltn "sport = :${port}" | grep -q .; then date +%s%N >>/var/tmp/bound; fi; sleep 0.02; done'`);

async function boundOn(host: Host): Promise<readonly bigint[]> {
  const text = await host.must('touch /var/tmp/enough; cat /var/tmp/bound');
  return text.trim().split('\n').map(BigInt);
}

/** Not read-only: the service was stopped within a transaction, and SQLite has to take that back before it can read. */
async function read(host: Host, query: string): Promise<readonly string[]> {
  const script = `import sqlite3; print(*[r[0] for r in sqlite3.connect('/opt/ledger/data/ledger.db').execute('${query}')], sep='\\n')`;
  return (await host.must(`python3 -c "${script}"`)).trim().split('\n');
}
const rows = async (host: Host): Promise<ReadonlySet<string>> => new Set(await read(host, 'select id from rows'));
const acks = async (host: Host): Promise<readonly string[]> =>
  (await host.must('cat /var/tmp/acks')).trim().split('\n').filter(Boolean);

/** Everything at the path but what is ours, as the host itself says. */
const sums = (host: Host, folder: string) =>
  host.must(
    `cd ${folder} && find . -path ./.portoser -prune -o -type f -exec sha256sum {} + | sort; find . -path ./.portoser -prune -o -exec stat -c '%n %a %U %G' {} + | sort`,
  );

/** What a copy must not leave. */
const traces = `find / -xdev -name '.portoser-copy*' 2>/dev/null; ls /var/lib/portoser/clusters/moves/copies /var/lib/portoser/clusters/moves/steps 2>/dev/null | grep -v -e : -e '^$' || true`;
const volume = (host: Host) =>
  host.must("docker volume inspect --format '{{.Mountpoint}}' web_kept").then(text => text.trim());

test('both stand on the first host, and write', async () => {
  await push('m1');
  const { code, report } = await story.once();
  expect([code, report.outcomes.map(outcome => outcome.result)]).toEqual([0, ['applied', 'applied']]);
  await eventually('it has written', async () => (await acks(one)).length > 100);
  const folder = await volume(one);
  await one.must(
    `cd /opt/ledger/data && mkdir -m 705 deep && echo text >deep/file && chown 4711:4712 deep deep/file && chmod 604 deep/file && touch -d '2020-02-02 02:02:02' deep/file deep
cd ${folder} && head -c 3000000 /dev/urandom >blob && mkdir -m 700 deep && echo text >deep/file && chown 4711:4712 deep/file && ln -s file deep/link && touch -d '2020-02-02 02:02:02' blob`,
  );
});

test('a move that fails in the middle: both run where they were, as they were', async () => {
  const facts = `systemctl is-enabled ledger; systemctl is-active ledger
docker ps --filter label=com.docker.compose.project=web --format '{{.State}}' ; docker inspect --format '{{.HostConfig.RestartPolicy.Name}} {{.Id}}' $(docker ps -q)`;
  const before = await one.must(facts);
  expect(before).toMatch(/^enabled\nactive\nrunning\nalways /);
  await two.must(
    `printf '#!/bin/sh\\necho "tar: No space left on device" >&2; exit 2\\n' >/usr/local/bin/tar; chmod 755 /usr/local/bin/tar`,
  );
  await push('m2');
  const { code, report } = await story.once();
  await two.must('rm /usr/local/bin/tar');
  expect([code, report.outcomes.filter(outcome => outcome.result === 'failed')]).toMatchObject([
    1,
    ['ledger@m2', 'web@m2'].map(key => ({ key, error: { code: 'machine-disk-full' }, undone: { result: 'back' } })),
  ]);
  expect(await one.must(facts)).toBe(before);
  expect(await two.must(`ls -d /opt/ledger /opt/web 2>/dev/null; docker ps -aq; docker volume ls -q; ${traces}`)).toBe(
    'web_kept\n',
  );
  const written = (await acks(one)).length;
  await eventually('it writes on', async () => (await acks(one)).length > written);
  expect(await story.once()).toMatchObject({ code: 2, report: { outcomes: [] } });
});

test('a person tries it again: what arrives is what was left, the port is never bound on both, and nothing acknowledged is lost', async () => {
  await Promise.all([sample(one), sample(two)]);
  const { code, stdout } = await story.cli(['deploy', 'ledger', 'web', '--json']);
  const report = JSON.parse(stdout) as PassReport;
  expect([code, report.outcomes.map(outcome => `${outcome.key} ${outcome.result}`).toSorted()]).toEqual([
    0,
    ['ledger@m1 applied', 'ledger@m2 applied', 'web@m1 applied', 'web@m2 applied'],
  ]);
  const [before, after] = [await boundOn(one), await boundOn(two)];
  const [last, first] = [before.reduce((a, b) => (a > b ? a : b)), after.reduce((a, b) => (a < b ? a : b))];
  expect(before.length).toBeGreaterThan(10);
  expect(last < first).toBe(true);
  // Before anybody opens the database that was left: whoever reads it has to write to it first.
  const [stopped, copied] = [await one.must(`cd /opt/ledger/data; ${inFolder}`), await two.must('cat /var/tmp/found')];
  expect(stopped).toMatch(/^[0-9a-f]{64} {2}\.\/ledger\.db-journal$/m);
  expect(copied).toBe(stopped);
  await one.must("grep -aq 'never committed' /opt/ledger/data/ledger.db");
  const [acknowledged, left, brought] = [await acks(one), await rows(one), await rows(two)];
  expect(acknowledged.filter(row => !brought.has(row))).toEqual([]);
  expect([...left].filter(row => !brought.has(row))).toEqual([]);
  await eventually('it writes on the second host', async () => (await acks(two)).length > 100);
  for (const host of [one, two]) {
    expect(await read(host, 'pragma integrity_check')).toEqual(['ok']);
    expect(await read(host, 'select distinct substr(host, 1, 5) from rows order by host')).toEqual(
      host === one ? ['h1'] : ['h1', 'h2'],
    );
  }
  const ids = await acks(two);
  expect(ids.filter(row => left.has(row))).toEqual([]);
});

test('the volume is the same, to the last owner and second', async () => {
  const [here, there] = [await volume(one), await volume(two)];
  const blob = (host: Host, folder: string) =>
    host.must(`stat -c '%Y %a' ${folder}/blob; stat -c '%u %g' ${folder}/deep/file; readlink ${folder}/deep/link`);
  expect(await sums(two, there)).toBe(await sums(one, here));
  expect(await blob(two, there)).toBe(await blob(one, here));
});

test('what was left stays where it was, stopped over a reboot, and the second plan is empty', async () => {
  expect(
    await one.must('systemctl is-enabled ledger || true; systemctl is-active ledger || true; ls /opt/ledger/data'),
  ).toBe('disabled\ninactive\ndeep\nledger.db\n');
  expect(await story.plan()).toMatchObject({ code: 0, report: { changes: 0 } });
  expect([await one.must(traces), await two.must(traces)]).toEqual(['', '']);
});

const lives = "docker inspect --format '{{.Id}} {{.State.StartedAt}} {{.RestartCount}}' $(docker ps -q)";

/** Pushes that the volume's service moves back, with another image; what runs there and what lies here stay as they were. */
async function tryMoving(image: string, message: string): Promise<{ code: number | null; report: PassReport }> {
  const before = [await two.must(lives), await one.must('docker ps -aq')];
  const files = { 'ledger/server.py': program, 'web/compose.yaml': compose.replace('lab/web:1', image) };
  await story.push(registry('m2', 'm1'), files, message);
  const made = await story.once();
  expect([await two.must(lives), await one.must('docker ps -aq')]).toEqual(before);
  expect([await one.must(traces), await two.must(traces)]).toEqual(['', '']);
  return made;
}

test('a move to an image that cannot be had just now: what runs is not stopped for it, and it is tried again', async () => {
  const outcomes = [
    { key: 'web@m1', result: 'failed', error: { code: 'image-unreachable' } },
    { key: 'web@m2', result: 'skipped' },
  ];
  expect(await tryMoving('127.0.0.1:1/web:1', 'Away')).toMatchObject({ code: 1, report: { outcomes } });
  expect(await story.once()).toMatchObject({ code: 1, report: { outcomes } });
});

test('a move to an image that cannot run there: what runs is not stopped for it, and it is held', async () => {
  await loadForeignImage(one, 'lab/web:arm');
  const outcomes = [
    { key: 'web@m1', result: 'failed', error: { code: 'image-missing' }, undone: { result: 'back' } },
    { key: 'web@m2', result: 'skipped' },
  ];
  expect(await tryMoving('lab/web:arm', 'Foreign')).toMatchObject({ code: 1, report: { outcomes } });
  const before = await two.must(lives);
  expect(await story.once()).toMatchObject({ code: 2, report: { outcomes: [] } });
  expect(await two.must(lives)).toBe(before);
});
