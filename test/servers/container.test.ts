// Portoser in its own container: without rights, on a root that cannot be written; stopped, killed, and brought back from a backup.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NewToken } from '../../schema/access.js';
import type { HistoryEvent } from '../../schema/history.js';
import type { StatusReport } from '../../schema/status.js';
import { until } from '../scenarios/until.js';
import { buildImage, makePlace, user } from './container-ground.js';
import { dockerObstacle, type PrivateDocker, startDocker } from './private-docker.js';

const obstacle = dockerObstacle();
if (obstacle !== undefined) console.log(`skipped: Portoser's container: ${obstacle}`);

let dir = '';
let docker: PrivateDocker;
let ground: Awaited<ReturnType<typeof makePlace>>;
let id = '';
let token = '';

const compose = (...words: string[]) =>
  docker.compose(['-f', 'compose.yml', '-f', 'changes.yml', ...words], { cwd: ground.place });

interface Inspected {
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Health: { readonly Status: string };
  };
}

async function inspect(): Promise<Inspected> {
  const [found] = JSON.parse(await docker.docker(['inspect', id])) as [Inspected];
  return found;
}

async function untilHealthy(restarts = 0): Promise<void> {
  const healthy = async () => {
    const { State, RestartCount } = await inspect();
    return State.Status === 'running' && State.Health.Status === 'healthy' && RestartCount === restarts;
  };
  try {
    await until('its check says that it is healthy', healthy);
  } catch (cause) {
    throw new Error(`${JSON.stringify((await inspect()).State)}\n${await docker.logs(id)}`, { cause });
  }
}

async function up(): Promise<void> {
  await compose('up', '--detach');
  id = (await compose('ps', '--quiet', 'portoser')).trim();
  await untilHealthy();
}

const inside = (...words: string[]) => docker.docker(['exec', id, ...words]);

/** By the port that is published. */
async function ask(path: string, ...more: string[]): Promise<{ readonly code: string; readonly body: string }> {
  const words = ['--silent', '--write-out', '\n%{http_code}', ...more, `http://127.0.0.1:8750${path}`];
  const { stdout } = await docker.beside('curl', words);
  const end = stdout.lastIndexOf('\n');
  return { code: stdout.slice(end + 1), body: stdout.slice(0, end) };
}

async function status(): Promise<StatusReport> {
  const { code, body } = await ask('/api/status', '--header', `Authorization: Bearer ${token}`);
  if (code !== '200') throw new Error(`${code}: ${body}`);
  return JSON.parse(body) as StatusReport;
}

/** What its database has kept of starts; undefined: it does not answer yet. */
async function starts(): Promise<number | undefined> {
  const events = await inside('portoser', 'events', '--json').catch(() => undefined);
  if (events === undefined) return undefined;
  return (JSON.parse(events) as readonly HistoryEvent[]).filter(one => one.kind === 'controller.started').length;
}

const untilStarts = (count: number) =>
  until(`its history knows of ${count} starts`, async () => (await starts()) === count);

const controllerId = () => inside('cat', '/var/lib/portoser/controller-id');

describe.skipIf(obstacle !== undefined)('Portoser in a container', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'portoser-container-'));
    await buildImage(dir);
    docker = await startDocker(join(dir, 'docker'), 'own');
    ground = await makePlace(dir);
    await up();
  });

  afterAll(async () => {
    await docker?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('has no rights, and a root that cannot be written', async () => {
    expect(await inside('id', '-u')).toBe(`${user}\n`);
    expect(await inside('cat', '/proc/1/status')).toMatch(/^CapBnd:\s+0+\n(.*\n)*NoNewPrivs:\s+1$/m);
    await expect(inside('touch', '/home/portoser/new')).rejects.toThrow('Read-only file system');
  });

  it('holds what it runs by, and nothing of what built it', async () => {
    const packages = (await inside('ls', '/opt/portoser/node_modules')).split('\n');
    expect(packages).toContain('ssh2');
    expect(packages).not.toContain('typescript');
    expect((await inside('ls', '/opt/portoser/examples')).split('\n')).not.toContain('controller');
    expect(await inside('portoser', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('is published on the loopback alone, and asks for a token', async () => {
    expect((await docker.docker(['port', id])).trim()).toBe('8750/tcp -> 127.0.0.1:8750');
    expect((await ask('/healthz')).code).toBe('200');
    expect((await ask('/api/status')).code).toBe('401');
    token = /shown only now: (\S+)/.exec(await docker.logs(id))?.[1] ?? '';
    expect((await status()).cluster).toBe('container');
  });

  it('follows the repository', async () => {
    const commit = await ground.commit('second');
    const passed = async () => (await status()).controller?.lastPass?.commit;
    await until('a pass has gone by it', async () => (await passed()) === commit);
    expect((await status()).commit).toBe(commit);
  });

  it('keeps history in a database of its own, by the programs of the image', async () => {
    await untilStarts(1);
    const names = (await inside('ls', '/var/lib/portoser/postgres')).split('\n');
    expect(names).toContain('data');
    expect(names.filter(name => name.startsWith('software'))).toEqual([]);
  });

  it('stops in order within its time, and goes on with what it had', async () => {
    const before = await controllerId();
    await compose('stop');
    expect((await inspect()).State).toMatchObject({ Status: 'exited', ExitCode: 0 });
    expect(await docker.logs(id)).toMatch(/stopped\n/);
    await compose('start');
    await untilHealthy();
    expect(await controllerId()).toBe(before);
    expect((await status()).cluster).toBe('container');
    await untilStarts(2);
  });

  it('is started again when it is killed, and its database comes back', async () => {
    process.kill((await inspect()).State.Pid, 'SIGKILL');
    await untilHealthy(1);
    expect((await status()).cluster).toBe('container');
    await untilStarts(3);
  });

  it('is brought back from a backup, in a new container with an empty volume', async () => {
    const before = await controllerId();
    await inside('portoser', 'backup', '/backups/one');
    expect(statSync(join(ground.place, 'backups/one'))).toMatchObject({ uid: user, mode: 0o100600 });
    await compose('down', '--volumes');
    await compose('run', '--rm', 'portoser', 'restore', '/backups/one');
    const made = await compose('run', '--rm', 'portoser', 'token', 'create', 'me', '--role', 'admin', '--json');
    await up();
    expect(await controllerId()).toBe(before);
    expect(await docker.logs(id)).not.toContain('first token');
    token = (JSON.parse(made) as NewToken).token;
    expect((await status()).cluster).toBe('container');
    await untilStarts(4);
  });
});
