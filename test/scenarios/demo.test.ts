// The demo as a person meets it: everything comes up, an edit, a killed process and a broken file are answered, nothing stays behind.
import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo } from '../../reconciler/demo/demo.js';
import { program, project } from '../program.js';
import { until } from './until.js';

const names = ['api', 'cache', 'database', 'gateway', 'web', 'worker'];
const lines: string[] = [];
const stop = new AbortController();
let folder = '';
let ended: Promise<number> = Promise.resolve(1);

/** Process ids of the services by name, from the supervisors' own records. */
function pids(): Readonly<Record<string, number>> {
  const records = ['alpha', 'beta', 'gamma'].flatMap(machine => {
    const supervise = join(folder, 'machines', machine, 'state', 'portoser/clusters/demo/supervise');
    return existsSync(supervise)
      ? readdirSync(supervise).map(
          name => [name, Number(/\d+/.exec(readFileSync(join(supervise, name), 'utf8'))?.[0])] as const,
        )
      : [];
  });
  return Object.fromEntries(records);
}

const said = (pattern: RegExp, from = 0) => lines.slice(from).some(line => pattern.test(line));

beforeAll(async () => {
  ended = runDemo({ program: [process.execPath, program], signal: stop.signal, out: line => lines.push(line) });
  await until(
    'everything is up',
    () => said(/Everything is up and healthy/),
    () => lines.join('\n'),
  );
  folder = dirname(/cd (\S+)/.exec(lines.join('\n'))?.[1] ?? '');
}, 90_000);

afterAll(async () => {
  stop.abort();
  await ended;
});

describe('the demo', () => {
  it('brings six services up in the order of their dependencies', () => {
    const healthy = lines.filter(line => /@\w+ +healthy$/.test(line)).map(line => /(\w+)@/.exec(line)?.[1] ?? '');
    expect([...healthy].toSorted()).toEqual(names);
    for (const [before, after] of [
      ['database', 'api'],
      ['cache', 'api'],
      ['database', 'worker'],
      ['api', 'web'],
      ['web', 'gateway'],
    ] as const) {
      expect(healthy.indexOf(before)).toBeLessThan(healthy.indexOf(after));
    }
    expect(Object.keys(pids()).toSorted()).toEqual(names);
  });

  it('restarts only what an edit in git changed', async () => {
    const before = pids();
    const from = lines.length;
    const work = join(folder, 'work');
    const registry = join(work, 'registry.yml');
    writeFileSync(registry, readFileSync(registry, 'utf8').replace('Hello from git', 'Hello again'));
    execFileSync('git', ['-C', work, 'commit', '-qam', 'Say it again']);
    execFileSync('git', ['-C', work, 'push', '-q'], { stdio: 'ignore' });
    await until(
      'the api is healthy again',
      () => said(/api@beta +healthy$/, from),
      () => lines.slice(from).join('\n'),
    );
    const after = pids();
    expect(names.filter(name => before[name] !== after[name])).toEqual(['api']);
    await until(
      'the reason is told',
      () => said(/env\.GREETING changed in git/, from),
      () => lines.slice(from).join('\n'),
    );
  });

  it('has a portoser of its own, which finds the controller and its history', async () => {
    const ask = async (...words: readonly string[]): Promise<unknown> => {
      const asked = await promisify(execFile)(join(folder, 'portoser'), [...words, '--json'], { cwd: project });
      return JSON.parse(asked.stdout);
    };
    let kept: readonly { readonly service: string; readonly result: string }[] = [];
    const isKept = async () => {
      kept = (await ask('history', 'list')) as typeof kept;
      return kept.length >= names.length;
    };
    // The database is made beside the first deploys, and catches up.
    await until('history has the first deploys', isKept, () => lines.join('\n'));
    expect(kept.filter(one => one.result !== 'applied')).toEqual([]);
    expect([...new Set(kept.map(one => one.service))].toSorted()).toEqual(names);
    expect(await ask('status')).toMatchObject({ controller: { pid: process.pid, history: { state: 'kept' } } });
  });

  it('starts a process again that was killed as it says', async () => {
    const before = pids();
    const from = lines.length;
    const kill = lines.find(line => line.includes('kill -9')) ?? '';
    execFileSync('sh', ['-c', kill], { cwd: join(folder, 'work') });
    await until(
      'the website is healthy again',
      () => said(/web@gamma +healthy$/, from),
      () => lines.slice(from).join('\n'),
    );
    expect(pids().web).not.toBe(before.web);
    expect(pids().database).toBe(before.database);
  });

  it('fits a terminal of 100 columns', () => {
    expect(lines.filter(line => line.length > 100)).toEqual([]);
  });

  it('names and undoes what was broken by hand', async () => {
    const from = lines.length;
    const before = pids();
    const file = join(folder, 'alpha/worker/server.mjs');
    const good = readFileSync(file, 'utf8');
    appendFileSync(file, '// broken\n');
    await until(
      'the file is as git has it',
      () => readFileSync(file, 'utf8') === good,
      () => lines.slice(from).join('\n'),
    );
    await until(
      'the reason is told',
      () => said(/worker@alpha +\w+: changed by hand on alpha: file:.*server\.mjs/, from),
      () => lines.slice(from).join('\n'),
    );
    expect(names.filter(name => before[name] !== pids()[name])).toEqual(['worker']);
  });

  it('leaves nothing behind', async () => {
    const running = Object.values(pids());
    stop.abort();
    expect(await ended).toBe(0);
    expect(existsSync(folder)).toBe(false);
    const alive = running.filter(
      pid => existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('server.mjs'),
    );
    expect(alive).toEqual([]);
  });
});
