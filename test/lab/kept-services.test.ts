// Native and local services on a real host: words, environment, users, drift, stops, uv, and the bare supervisor.
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Command, lines, render, sh } from '../../reconciler/commands/command.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import type { Driver, GeneratedFile, Ground, RunnerSeen, StartKind, Step } from '../../reconciler/drivers/driver.js';
import { local } from '../../reconciler/drivers/local.js';
import { native } from '../../reconciler/drivers/native.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { Placement } from '../../schema/state.js';
import { groundOf, placementOf, stampOf } from '../drivers/native-placement.js';
import { eventually, startTimes, withLab, type Ended, type LabUser } from './harness.js';

const lab = withLab({ hosts: 1, uv: [1] });
const host = lab.host(1);
const drivers: Readonly<Record<string, Driver>> = { native, local };

/** One placement at the hands of one SSH user. */
interface Trial {
  readonly placement: Placement;
  readonly driver: Driver;
  readonly user: LabUser;
  readonly ground: Ground;
}

async function trial(
  more: Partial<ServiceSpec>,
  user: LabUser = 'deploy',
  rest: Partial<Placement> = {},
): Promise<Trial> {
  const placement = placementOf(
    { path: '/opt/web', stopTimeoutMs: 3000, logFile: '/opt/web/.portoser/log', ...more },
    rest,
  );
  const uid = Number((await host.must(`id -u ${user}`)).trim());
  const home = user === 'root' ? '/root' : `/home/${user}`;
  const ground = groundOf({ uid, user, home, hasUv: true });
  const driver = drivers[placement.spec.type];
  if (driver === undefined) throw new Error(`no driver for ${placement.spec.type}`);
  await host.must(
    `mkdir -p '${placement.spec.path}/.portoser'; chown -R ${placement.spec.user ?? user}: '${placement.spec.path}'`,
  );
  return { placement, driver, user, ground };
}

/** As a batch does: each step a function of its own script, with a state folder. */
function run(command: Command, user: LabUser): Promise<Ended> {
  const words = sh`p_state=$HOME/portoser-trial; mkdir -p "$p_state"\np_do() {\n${command}\n}\np_do`;
  return host.ssh(render(lines([prelude({ nonce: 'n', sudo: 'auto' }), words])), { user, timeoutMs: 120_000 });
}

function filesOf({ driver, placement, ground }: Trial): readonly GeneratedFile[] {
  const files = driver.generate(placement, ground);
  if ('code' in files) throw new Error(files.message);
  return files;
}

async function write(one: Trial): Promise<void> {
  const owner = one.placement.spec.user ?? one.user;
  const words = filesOf(one).map(({ path, mode, root, text }) => {
    const bytes = Buffer.from(text).toString('base64');
    return `f='${path}'; d=$(dirname "$f"); [ -d "$d" ] || { mkdir -p "$d"; chown -R ${owner}: "$d"; }
      echo ${bytes} | base64 -d >"$f"; chmod ${mode.toString(8)} "$f"; chown ${root ? 'root' : owner}: "$f"`;
  });
  await host.must(`set -e\n${words.join('\n')}`);
}

/** All in one script, in order, until one fails. */
async function steps(one: Trial, all: readonly Step[]): Promise<void> {
  const words = all.map(
    ({ command }, index) => sh`p_one() {\n${command}\n}\np_one || { echo ${`step ${index}`} >&2; return 1; }`,
  );
  const { code, stdout, stderr } = await run(lines([...words, sh`:`]), one.user);
  const failed = all[Number(/^step (\d+)$/m.exec(stderr)?.[1])]?.what;
  expect({ code, failed, output: code === 0 ? '' : stdout + stderr }).toEqual({
    code: 0,
    failed: undefined,
    output: '',
  });
}

async function apply(one: Trial, kind: StartKind = 'create', ground = one.ground): Promise<void> {
  await write(one);
  await steps(one, one.driver.start(one.placement, kind, ground));
}

async function look(one: Trial): Promise<RunnerSeen> {
  const { spec } = one.placement;
  const target = {
    index: 3,
    service: spec.service,
    path: spec.path,
    identity: one.driver.identity(spec, one.ground.facts),
  };
  const ended = await run(one.driver.look([target]), one.user);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return one.driver.read([target], ended.stdout.split('\n')).get(3) ?? { state: 'absent' };
}

async function present(one: Trial): Promise<RunnerSeen & { state: 'present' }> {
  const seen = await look(one);
  if (seen.state !== 'present') throw new Error(`not present: ${JSON.stringify(seen)}`);
  return seen;
}

function stamp(one: Trial) {
  const { unit, ...rest } = one.driver.identity(one.placement.spec, one.ground.facts);
  const { unit: _, ...base } = stampOf({
    ...rest,
    path: one.placement.spec.path,
    driver: one.placement.spec.type,
    stopTimeoutMs: 3000,
  });
  return unit === undefined ? base : { ...base, unit };
}

const drift = async (one: Trial): Promise<readonly string[]> =>
  one.driver.drift(one.placement, await present(one), stamp(one)).map(change => change.field);

/** What the probe would have seen of its files, all in order. */
function groundInOrder(one: Trial): Ground {
  const seen = filesOf(one).map(
    file => [file.path, { sha256: createHash('sha256').update(file.text).digest('hex') }] as const,
  );
  return { ...one.ground, files: Object.fromEntries(seen) };
}

const tell = `import json, os, sys, time
open("told", "w").write(json.dumps({"words": sys.argv[1:], "env": dict(os.environ), "folder": os.getcwd(), "uid": os.getuid()}))
print("told", flush=True)
time.sleep(1000)`;
const hardWords = ['a b', '$HOME', '${X}', '%h %%', '"', '\\', "'", ';', '', 'new\nline', 'tab\t', 'ü€', '*', '--x=1'];
const hardEnv = { A: `it's "$x" %h \\n \`z\` ü`, B: 'one\ntwo', PORT: '8080' };

interface Told {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly uid: number;
}

const told = (folder: string): Promise<Told> =>
  eventually('the program has told', async () => {
    const text = (await host.inside(`cat '${folder}/told'`)).stdout;
    return text.endsWith('}') && (JSON.parse(text) as Told);
  });

beforeAll(() => host.must('loginctl enable-linger plain'), 60_000);

beforeEach(async () => {
  await host.must(`for u in web portoser-web theirs; do systemctl disable --now -q $u 2>/dev/null; rm -f /etc/systemd/system/$u.service; done
    for u in deploy plain; do XDG_RUNTIME_DIR=/run/user/$(id -u $u) runuser -u $u -- systemctl --user disable --now -q web portoser-web 2>/dev/null; done
    for f in /home/*/portoser-trial/supervise/web; do [ ! -e $f ] || kill -9 -- -$(cut -d' ' -f1 $f); done 2>/dev/null
    rm -rf /opt/web '/opt/we b%c' /home/*/.config/systemd /home/*/portoser-trial /root/portoser-trial 2>/dev/null
    systemctl daemon-reload; systemctl reset-failed`);
});

const command = ['/usr/bin/python3', '-c', tell, ...hardWords];
const ways: readonly (readonly [string, Partial<ServiceSpec>, LabUser, string])[] = [
  ['native, system, root', { type: 'native' }, 'root', 'root'],
  ['native, system, sudo', { type: 'native', user: 'plain' }, 'deploy', 'plain'],
  ['native, user, sudo', { type: 'native', scope: 'user' }, 'deploy', 'deploy'],
  ['native, user', { type: 'native', scope: 'user' }, 'plain', 'plain'],
  ['local, system', { type: 'local' }, 'deploy', 'deploy'],
  ['local, user', { type: 'local', scope: 'user' }, 'plain', 'plain'],
  ['local, bare', { type: 'local', scope: 'none' }, 'plain', 'plain'],
  ['local, bare, another user', { type: 'local', scope: 'none', user: 'plain' }, 'deploy', 'plain'],
  ['local, bare, tcsh', { type: 'local', scope: 'none' }, 'tc', 'tc'],
  ['local, bare, busybox', { type: 'local', scope: 'none' }, 'bb', 'bb'],
];

test.each(ways)('%s: every word arrives, it is seen, stops, and stays stopped', async (_, more, user, runsAs) => {
  const path = '/opt/we b%c';
  const one = await trial(
    { ...more, path, logFile: `${path}/.portoser/log`, command, env: hardEnv, envFiles: ['.env'] },
    user,
  );
  await host.must(`printf 'FROM_FILE="f g"\\nA=file\\n' >'${path}/.env'; chmod 644 '${path}/.env'`);
  expect(await look(one)).toEqual({ state: 'absent' });
  await apply(one);
  const found = await told(path);
  expect(found.words).toEqual(hardWords);
  expect(found.env).toMatchObject({
    ...hardEnv,
    FROM_FILE: 'f g',
    HOME: runsAs === 'root' ? '/root' : `/home/${runsAs}`,
  });
  expect([found.folder, found.uid]).toEqual([path, Number((await host.must(`id -u ${runsAs}`)).trim())]);
  const seen = await present(one);
  expect(seen).toMatchObject({ run: 'running' });
  expect(Math.abs((seen.startedAt ?? 0) - Date.now() / 1000)).toBeLessThan(600);
  expect(await drift(one)).toEqual([]);
  const log = () => run(one.driver.logs(stamp(one), { follow: false, lines: 5 }, one.ground.facts), user);
  await eventually('its log is told', async () => (await log()).stdout.includes('told'));
  await steps(one, one.driver.stop(stamp(one), one.ground));
  expect(await look(one)).not.toMatchObject({ run: 'running' });
  expect((await host.inside(`kill -0 ${seen.pids[0]}`)).code).not.toBe(0);
  await steps(one, one.driver.stop(stamp(one), one.ground));
  await host.must(
    filesOf(one)
      .map(file => `rm -f '${file.path}'`)
      .join('; '),
  );
  await steps(one, one.driver.remove(stamp(one), one.ground));
  expect(await look(one)).toEqual({ state: 'absent' });
  await steps(one, one.driver.stop(stamp(one), one.ground));
});

describe('a unit of ours', () => {
  const serving = { type: 'native', command: ['/bin/sleep', '1000'] } as const;

  test('a program that is not there fails the start', async () => {
    const one = await trial({ ...serving, command: ['./none'] });
    await write(one);
    const all = one.driver.start(one.placement, 'create', one.ground);
    await steps(one, all.slice(0, -1));
    expect((await run((all.at(-1) as Step).command, one.user)).code).not.toBe(0);
    expect(await present(one)).toMatchObject({ run: 'crash-looping', detail: 'exit code 203 (exit-code)' });
  });

  test('a crash loop is seen, and goes on until the program is better', async () => {
    const one = await trial({ ...serving, command: ['/bin/sh', '-c', '[ -e good ] || exit 7; exec sleep 1000'] });
    await write(one);
    const all = one.driver.start(one.placement, 'create', one.ground);
    await steps(one, all.slice(0, -1));
    await run((all.at(-1) as Step).command, one.user);
    const seen = await eventually('it has crashed often', async () => {
      const now = await present(one);
      return Number(now.settings['restarts']) >= 6 && now.run === 'crash-looping' && now;
    });
    expect(seen.detail).toBe('exit code 7 (exit-code)');
    await host.must('touch /opt/web/good');
    await eventually('it runs', async () => (await present(one)).run === 'running');
  });

  test('disabled: drift, put right without a restart', async () => {
    const one = await trial(serving);
    await apply(one);
    const before = await startTimes(host, ['web.service']);
    await host.must('systemctl disable -q web.service');
    expect(await drift(one)).toEqual(['enabled']);
    await apply(one, 'repair', groundInOrder(one));
    expect(await drift(one)).toEqual([]);
    expect(await startTimes(host, ['web.service'])).toEqual(before);
  });

  test('masked: drift, put right', async () => {
    const one = await trial(serving);
    await apply(one);
    await host.must('systemctl stop web; rm /etc/systemd/system/web.service; systemctl mask -q web.service');
    expect(await drift(one)).toEqual(['masked']);
    await host.must('rm /etc/systemd/system/web.service');
    await apply(one, 'repair');
    expect([await drift(one), (await present(one)).run]).toEqual([[], 'running']);
  });

  test('edited and not loaded: drift; a repair of its file restarts it', async () => {
    const one = await trial(serving);
    await apply(one);
    const before = await startTimes(host, ['web.service']);
    await host.must('echo "# by hand" >>/etc/systemd/system/web.service');
    expect(await drift(one)).toEqual(['needs-reload']);
    await apply(one, 'repair');
    expect(await drift(one)).toEqual([]);
    expect(await startTimes(host, ['web.service'])).not.toEqual(before);
  });

  test('its file deleted while it runs: still seen, and still stopped', async () => {
    const one = await trial(serving);
    await apply(one);
    await host.must('rm /etc/systemd/system/web.service; systemctl daemon-reload');
    expect(await present(one)).toMatchObject({ run: 'running' });
    await steps(one, one.driver.stop(stamp(one), one.ground));
    expect(await look(one)).toEqual({ state: 'absent' });
  });

  test('limits reach the kernel', async () => {
    const one = await trial({ ...serving, resources: { memoryBytes: 64 * 2 ** 20, cpus: 0.5 } });
    await apply(one);
    const shown = await host.must('systemctl show -p MemoryMax -p CPUQuotaPerSecUSec web');
    expect(shown).toContain('MemoryMax=67108864');
    expect(shown).toContain('CPUQuotaPerSecUSec=500ms');
  });

  test('an env file that is missing is told by name', async () => {
    const one = await trial({ ...serving, envFiles: ['none.env'] });
    const first = one.driver.start(one.placement, 'create', one.ground)[0] as Step;
    const ended = await run(first.command, one.user);
    expect(one.driver.explain(first, ended.stderr)).toMatchObject({
      code: 'file-missing',
      message: expect.stringContaining('/opt/web/none.env'),
    });
  });
});

describe('a unit that is there already', () => {
  const unit = '[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n';

  test('is adopted as it runs, and enabled', async () => {
    await host.must(
      `printf '${unit}' >/etc/systemd/system/theirs.service; systemctl daemon-reload; systemctl start theirs`,
    );
    const before = await startTimes(host, ['theirs.service']);
    const one = await trial({ type: 'native', unitName: 'theirs' });
    expect(await drift(one)).toEqual(['enabled']);
    await apply(one);
    expect(await drift(one)).toEqual([]);
    expect(await startTimes(host, ['theirs.service'])).toEqual(before);
  });

  test('and is told when it is not', async () => {
    const one = await trial({ type: 'native', unitName: 'theirs' });
    const first = one.driver.start(one.placement, 'create', one.ground)[0] as Step;
    const ended = await run(first.command, one.user);
    expect(ended.code).not.toBe(0);
    expect(one.driver.explain(first, ended.stderr)).toMatchObject({ code: 'unit-missing' });
  });
});

test('a user without sudo cannot write system units, and is told so', async () => {
  const one = await trial({ type: 'native', command: ['/bin/sleep', '1000'] }, 'plain');
  const last = one.driver.start(one.placement, 'create', one.ground).at(-1) as Step;
  const ended = await run(last.command, one.user);
  expect(one.driver.explain(last, ended.stderr)).toMatchObject({ code: 'sudo-refused' });
});

test('a user who may not linger is told so before anything starts', async () => {
  const one = await trial({ type: 'native', scope: 'user', command: ['/bin/sleep', '1000'] }, 'plain');
  await host.must('loginctl disable-linger plain');
  const first = one.driver.start(one.placement, 'create', one.ground)[0] as Step;
  const ended = await run(first.command, one.user);
  await host.must('loginctl enable-linger plain');
  expect(one.driver.explain(first, ended.stderr)).toMatchObject({
    code: 'sudo-refused',
    hint: expect.stringContaining('enable-linger'),
  });
});

describe('Python by uv', () => {
  const app = (name: string, file: string): string =>
    readFileSync(new URL(`apps/${name}/${file}`, import.meta.url), 'utf8');

  async function place(name: string, files: readonly string[], owner: string): Promise<void> {
    const words = files.map(
      file => `echo ${Buffer.from(app(name, file)).toString('base64')} | base64 -d >/opt/web/${file}`,
    );
    await host.must(`mkdir -p /opt/web; ${words.join('; ')}; chown -R ${owner}: /opt/web`);
  }

  const uvFiles = ['pyproject.toml', 'uv.lock', 'server.py'];
  test.each<[string, string, readonly string[], Partial<ServiceSpec>]>([
    ['a project with a lock', 'uv-app', uvFiles, {}],
    ['a project without one', 'uv-app', ['pyproject.toml', 'server.py'], {}],
    ['requirements alone', 'pip-app', ['requirements.txt', 'server.py'], {}],
    ['a project of another user', 'uv-app', uvFiles, { user: 'plain' }],
    ['a project without a manager', 'uv-app', uvFiles, { scope: 'none' }],
    ['a project of another user without a manager', 'uv-app', uvFiles, { scope: 'none', user: 'plain' }],
  ])('%s', async (_, name, files, more) => {
    const env = { GREETING: 'hi', PORT: '8123', UV_OFFLINE: '1', UV_PYTHON_DOWNLOADS: 'never' };
    const one = await trial({ type: 'local', command: ['python', 'server.py'], env, ...more });
    await place(name, files, one.placement.spec.user ?? 'deploy');
    await apply(one);
    const page = await eventually(
      'the app answers',
      async () => (await host.inside('curl -sf localhost:8123/')).stdout || undefined,
    );
    expect(page).toMatch(/^hi from six 1\.17/);
    expect((await host.must('ls /opt/web')).split('\n').includes('uv.lock')).toBe(files.includes('uv.lock'));
    await steps(one, one.driver.stop(stamp(one), one.ground));
    expect((await host.inside('curl -sf localhost:8123/')).code).not.toBe(0);
  });

  test('a set-up that fails is told as such', async () => {
    const one = await trial({ type: 'local', command: ['python', 'server.py'], env: { UV_OFFLINE: '1' } });
    await host.must('echo rubbish >/opt/web/pyproject.toml');
    await write(one);
    const setup = one.driver.start(one.placement, 'create', one.ground)[0] as Step;
    const ended = await run(setup.command, one.user);
    expect(one.driver.explain(setup, ended.stderr)).toMatchObject({ code: 'uv-failed' });
  });
});

test('what the bare supervisor started outlives the connection, and is known to be gone after a crash', async () => {
  const one = await trial({ type: 'local', scope: 'none', command: ['/bin/sleep', '1000'] });
  await apply(one);
  const { pids, settings } = await present(one);
  expect(settings['survives-reboot']).toBe('no');
  await host.must('systemctl restart ssh; pkill -HUP -u deploy sshd || true');
  expect((await present(one)).pids).toEqual(pids);
  await host.crash();
  await host.boot();
  expect(await present(one)).toMatchObject({ run: 'stopped', pids: [] });
  await apply(one, 'repair', groundInOrder(one));
  expect(await present(one)).toMatchObject({ run: 'running' });
});
