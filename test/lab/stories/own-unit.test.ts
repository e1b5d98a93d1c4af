// Portoser itself as a systemd service: installed as examples/controller says, healthy, started again when killed, stopped in order.
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { project } from '../../program.js';
import { eventually, mustRun, withLab } from '../harness.js';

const lab = withLab({ hosts: 1 });
const host = lab.host(1);
const local = mkdtempSync(join(tmpdir(), 'portoser-own-unit-'));

/** What `npm ci`, `npm run build`, `npm link` and `npm prune` leave in /opt/portoser, made here: a lab host reaches no registry. */
async function makeProgram(): Promise<void> {
  for (const name of ['package.json', 'package-lock.json', '.npmrc', 'dist', 'playbooks', 'examples', 'schema'])
    cpSync(join(project, name), join(local, 'opt/portoser', name), { recursive: true });
  const migrations = 'reconciler/adapters/migrations';
  cpSync(join(project, migrations), join(local, 'opt/portoser', migrations), { recursive: true });
  const words = ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--silent'];
  await mustRun('npm', words, { cwd: join(local, 'opt/portoser'), timeoutMs: 200_000 });
  chmodSync(join(local, 'opt/portoser/dist/api/cli/main.js'), 0o755);
  mkdirSync(join(local, 'usr/local/bin'), { recursive: true });
  cpSync(process.execPath, join(local, 'usr/local/bin/node'), { dereference: true });
}

const registry = `cluster: own
machines:
  away: {host: 10.77.0.250, user: nobody, platform: linux}
services: {}
`;

/** The steps of the README, without the keys that nothing here asks for. */
const install = `set -e
ln -s /opt/portoser/dist/api/cli/main.js /usr/local/bin/portoser
useradd --system --home-dir /var/lib/portoser --shell /usr/sbin/nologin portoser
install -d -o portoser -g portoser -m 700 /etc/portoser/secrets
install -m 644 /opt/portoser/examples/controller/portoser.service /etc/systemd/system/
install -m 755 /opt/portoser/examples/controller/as-portoser /usr/local/bin/
sed 's,^PORTOSER_REPO=.*,PORTOSER_REPO=/srv/fleet,' /opt/portoser/examples/controller/portoser.env >/etc/portoser/portoser.env
install -d -o portoser -g portoser -m 711 /var/lib/portoser
git init -q -b main /srv/fleet && cd /srv/fleet && cat >registry.yml <<'REGISTRY'
${registry}REGISTRY
git add -A && git -c user.name=Ada -c user.email=ada@example.org commit -qm first
`;

const asItsUser = (line: string) => host.must(`as-portoser ${line}`);

async function show(property: string): Promise<string> {
  return (await host.must(`systemctl show --value -p ${property} portoser`)).trim();
}

/** What is said when it does not come up. */
const tell = () => host.inside('systemctl status --no-pager portoser; journalctl --no-pager -n 80 -u portoser');

async function untilHealthy(): Promise<void> {
  const answers = async () => (await host.inside('curl -fsS http://127.0.0.1:8750/healthz')).code === 0;
  try {
    await eventually('the API answers', answers, 60_000);
  } catch (cause) {
    const { stdout, stderr } = await tell();
    throw new Error(stdout + stderr, { cause });
  }
}

/** Starts that its database knows of. */
async function starts(): Promise<number> {
  const { code, stdout } = await host.inside('as-portoser events --json');
  if (code !== 0) return 0;
  return (JSON.parse(stdout) as readonly { readonly kind: string }[]).filter(one => one.kind === 'controller.started')
    .length;
}

const untilStarts = (count: number) =>
  eventually(`its history knows of ${count} starts`, async () => (await starts()) === count, 60_000);

let token = '';

async function status(): Promise<{ readonly cluster: string }> {
  const words = `-fsS -H 'Authorization: Bearer ${token}' http://127.0.0.1:8750/api/status`;
  return JSON.parse(await host.must(`curl ${words}`)) as { readonly cluster: string };
}

beforeAll(async () => {
  await makeProgram();
  await host.put(join(local, 'opt'), '/opt');
  await host.put(join(local, 'usr/local'), '/usr/local');
  await host.must(install);
}, 300_000);
afterAll(() => rmSync(local, { recursive: true, force: true }));

test('it comes up as its own user, healthy, and without rights', async () => {
  token = (await asItsUser('token create me --role admin --json').then(text => JSON.parse(text) as { token: string }))
    .token;
  await host.must('systemctl daemon-reload && systemctl enable --now portoser');
  await untilHealthy();
  expect(await show('ActiveState')).toBe('active');
  expect((await status()).cluster).toBe('own');
  const main = await host.must(`cat /proc/${await show('MainPID')}/status`);
  expect(main).toMatch(/^CapBnd:\s+0+$/m);
  expect(main).toMatch(/^NoNewPrivs:\s+1$/m);
  expect(main).toMatch(/^Seccomp:\s+2$/m);
  const own = (await host.must('id -u portoser')).trim();
  expect(/^Uid:\s+(\d+)/m.exec(main)?.[1]).toBe(own);
});

test('its database is asked by commands of its user, and nothing lies where others get at it', async () => {
  await untilStarts(1);
  expect(await host.must('stat -c %a /run/portoser')).toBe('700\n');
  expect(await host.must('find /var/lib/portoser -mindepth 1 -maxdepth 1 -perm /077')).toBe('');
  expect(await host.must('find /tmp /run -maxdepth 1 -name "portoser-*"')).toBe('');
});

test('it is started again when it is killed, and goes on with what it had', async () => {
  const before = await show('MainPID');
  await host.must(`kill -9 ${before}`);
  await eventually('another process is the controller', async () => {
    const now = await show('MainPID');
    return now !== before && now !== '0' && (await show('ActiveState')) === 'active';
  });
  await untilHealthy();
  expect(await show('NRestarts')).toBe('1');
  expect((await status()).cluster).toBe('own');
  await untilStarts(2);
});

test('it stops in order, and leaves no process', async () => {
  await host.must('systemctl stop portoser');
  expect(await show('Result')).toBe('success');
  expect(await show('ExecMainStatus')).toBe('0');
  expect((await host.inside('pgrep -u portoser')).code).toBe(1);
  expect(await host.must('journalctl --no-pager -u portoser -o cat')).toMatch(/ stopped\n/);
  await host.must('systemctl start portoser');
  await untilHealthy();
  await untilStarts(3);
});

test('a backup of it, taken meanwhile, brings it back', async () => {
  await host.must('install -d -o portoser -m 700 /srv/backups');
  await asItsUser('backup /srv/backups/one');
  await host.must('systemctl stop portoser');
  const id = await host.must('cat /var/lib/portoser/controller-id');
  await host.must('find /var/lib/portoser -mindepth 1 -delete');
  await asItsUser('restore /srv/backups/one');
  await host.must('systemctl start portoser');
  await untilHealthy();
  expect(await host.must('cat /var/lib/portoser/controller-id')).toBe(id);
  await untilStarts(4);
});
