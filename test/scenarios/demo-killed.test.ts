// A demo that was killed leaves its services behind; the next one takes them away, and none that belongs to a living demo.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runningPostmaster, serves } from '../../reconciler/adapters/postgres-process.js';
import { sweepLeftovers } from '../../reconciler/demo/leftovers.js';
import { program } from '../program.js';
import { until } from './until.js';

const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'portoser-killed-')));
// As the usual folder for such things: PostgreSQL's user has to pass through it.
chmodSync(temporary, 0o711);
const started: ChildProcess[] = [];

interface Demo {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<unknown>;
}

function startDemo(...words: string[]): Demo {
  const env = { ...process.env, TMPDIR: temporary };
  const child = spawn(process.execPath, [program, 'demo', ...words], { env, stdio: 'pipe' });
  started.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += String(chunk)));
  return { child, output: () => text, ended: once(child, 'close') };
}

const isUp = (demo: Demo): Promise<void> =>
  until('everything is up', () => demo.output().includes('Ctrl-C'), demo.output);
const folderOf = (demo: Demo): string => (/cd (\S+)/.exec(demo.output())?.[1] ?? '').replace(/\/work$/, '');

/** Processes of services that run in this folder; its database is not one of them. */
function services(folder: string): readonly number[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  const isService = (place: string) => place.startsWith(`${folder}/`) && !place.startsWith(`${folder}/state/`);
  return pids.filter(pid => isService(placeOf(pid))).map(Number);
}

/** Scripts of the demo's own come and go beside them. */
const sixServicesIn = (folder: string): Promise<void> =>
  until(
    'six processes run there',
    () => services(folder).length === 6,
    () => String(services(folder)),
  );

function placeOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // it ended, or is not ours
  }
}

afterAll(async () => {
  for (const child of started) child.kill('SIGTERM');
  await Promise.all(
    started.filter(one => one.exitCode === null && one.signalCode === null).map(one => once(one, 'close')),
  );
  await sweepLeftovers(temporary); // what was killed, when the test did not come to its end
  rmSync(temporary, { recursive: true, force: true });
});

test('the next demo takes away what a killed one left, and nothing else', async () => {
  const [killed, living] = [startDemo(), startDemo()];
  await Promise.all([isUp(killed), isUp(living)]);
  const data = join(folderOf(killed), 'state/postgres/data');
  await until('its database runs', async () => (await runningPostmaster(data))?.status === 'ready', killed.output);
  killed.child.kill('SIGKILL');
  await killed.ended;
  const [left, kept] = [folderOf(killed), folderOf(living)];
  await sixServicesIn(left);
  const server = await runningPostmaster(data);
  expect(server).toBeDefined();

  const next = startDemo('--once');
  await until('the next demo is over', () => next.child.exitCode !== null, next.output);
  expect(next.child.exitCode).toBe(0);
  expect(next.output()).toContain(`what a demo that was killed had left: ${left}`);
  expect(services(left)).toEqual([]);
  expect(await serves(server?.pid ?? 0, data)).toBe(false);
  expect(existsSync(server?.socketFolder ?? left)).toBe(false);
  expect(existsSync(left)).toBe(false);
  await sixServicesIn(kept);

  living.child.kill('SIGTERM');
  await until('it is over', () => living.child.exitCode !== null, living.output);
  expect(living.child.exitCode).toBe(0);
  expect(readdirSync(temporary).filter(name => name.startsWith('portoser-demo-'))).toEqual([]);
});
