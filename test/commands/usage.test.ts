// What placements use: asked in real shells of real processes and of trees like the kernel's, and read as other systems print it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Command, lines, sh } from '../../reconciler/commands/command.js';
import { lookAtJobs } from '../../reconciler/commands/launchd.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import { groupUsage, sayUsage, takeUsage, usageOf, usageWords } from '../../reconciler/commands/usage.js';
import { createScriptMachine, nonce, type ScriptMachine, until } from './batch-machine.js';
import { shells } from './supervise-shells.js';

let machine: ScriptMachine;
const busy: ChildProcess[] = [];
beforeEach(() => {
  machine = createScriptMachine();
});
afterEach(async () => {
  for (const child of busy.splice(0)) {
    const ended = once(child, 'close');
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await ended;
  }
  await machine.remove();
});

/** A folder as `/sys/fs/cgroup` or `/proc` are. */
function tree(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(machine.place, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return join(machine.place, name);
}

async function ask(words: Command, shell?: (typeof shells)[number]): Promise<readonly string[]> {
  const { stdout, stderr } = await machine.run(
    lines([prelude({ nonce, sudo: 'never' }), usageWords, words, sayUsage]),
    shell,
  );
  expect(stderr).toBe('');
  return stdout.split('\n').filter(line => line !== '');
}

const id = 'ab'.repeat(32);
const second = 'cd'.repeat(32);
const memoryStat = 'anon 7000\nfile 900\ninactive_anon 1\nactive_anon 2\ninactive_file 600\nactive_file 300\n';

/** Control groups of version 2: a container with a group of its own inside, a unit, and one without the memory controller. */
const version2 = {
  'cgroup.controllers': 'cpu memory\n',
  [`system.slice/docker-${id}.scope/cpu.stat`]: 'usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n',
  [`system.slice/docker-${id}.scope/memory.current`]: '10000\n',
  [`system.slice/docker-${id}.scope/memory.stat`]: memoryStat,
  [`system.slice/docker-${id}.scope/init.scope/memory.current`]: '1\n',
  'system.slice/a:b\\x2dc.service/cpu.stat': 'usage_usec 10\n',
  'system.slice/a:b\\x2dc.service/memory.current': '400\n',
  'system.slice/bare.service/cpu.stat': 'usage_usec 1000000\n',
};

describe.each(shells)('$name', shell => {
  test('a container is counted by its own group, whatever it made below it', async () => {
    const groups = tree('cgroup', version2);
    const proc = tree('proc', { '77/cgroup': `0::/system.slice/docker-${id}.scope/init.scope\n` });
    const words = sh`p_cgroups=${groups}; p_proc=${proc}; p_use_container ${id} 77; p_use_container ${second} 78; p_use_container ${id} 0`;
    const { used, own } = takeUsage(await ask(words, shell));
    expect([...used]).toEqual([[`/system.slice/docker-${id}.scope`, { cpuSeconds: 2.5, memoryBytes: 10_000 - 600 }]]);
    expect(own).toEqual([]);
  });

  test('units are counted by the groups that systemd names', async () => {
    const groups = tree('cgroup', version2);
    const shown =
      'Id=x\nControlGroup=\n\nId=y\nControlGroup=/system.slice/a:b\\x2dc.service\nX=*\n\nControlGroup=/system.slice/bare.service\n\nControlGroup=/system.slice/gone.service';
    const { used } = takeUsage(await ask(sh`p_cgroups=${groups}; p_use_units ${shown}`, shell));
    expect(Object.fromEntries(used)).toEqual({
      '/system.slice/a:b\\x2dc.service': { cpuSeconds: 0.00001, memoryBytes: 400 },
      '/system.slice/bare.service': { cpuSeconds: 1 },
    });
  });

  test('version 1 of control groups has other files', async () => {
    const groups = tree('cgroup', {
      [`cpuacct/docker/${id}/cpuacct.usage`]: '1500000000\n',
      [`memory/docker/${id}/memory.usage_in_bytes`]: '9000\n',
      [`memory/docker/${id}/memory.stat`]: 'cache 5\ninactive_file 100\ntotal_cache 5\ntotal_inactive_file 2000\n',
    });
    const proc = tree('proc', {
      '77/cgroup': `9:name=systemd:/docker/${id}\n4:cpu,cpuacct:/docker/${id}\n2:memory:/docker/${id}\n0::/\n`,
    });
    const { used } = takeUsage(await ask(sh`p_cgroups=${groups}; p_proc=${proc}; p_use_container ${id} 77`, shell));
    expect([...used]).toEqual([[`/docker/${id}`, { cpuSeconds: 1.5, memoryBytes: 7000 }]]);
  });

  test('a process group is counted with all that belongs to it, and with what has ended there', async () => {
    // Its worker ends, and is waited for: what it used must not be lost with it.
    const script = `(n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done) & wait; sleep 600 & echo ready; wait`;
    const child = spawn('sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    busy.push(child);
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until(() => said.includes('ready'));
    const { pid } = child;
    const { used } = takeUsage(await ask(sh`p_use_group ${String(pid)}; p_use_group 1; p_use_group x`, shell));
    const { cpuSeconds = 0, memoryBytes = 0 } = used.get(`group ${pid}`) ?? {};
    const ps = execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
    expect([...used.keys()]).toEqual([`group ${pid}`]);
    expect(cpuSeconds).toBeGreaterThan(0);
    expect(memoryBytes).toBeGreaterThanOrEqual(Number(ps) * 1024);
  });

  test('a job of launchd is counted by ps, with the columns of macOS', async () => {
    const told = sh`p_proc=${machine.place}
launchctl() { case $1 in print) printf '\tstate = running\n\truns = 3\n\tpid = 77\n\tlast exit code = 0\n' ;; esac; }
ps() { [ "$*" = '-A -o pgid= -o rss= -o time=' ] && printf '%s\n' '    1  9000   3:02.11' '   77  3456   0:01.25' '  177    16   0:00.01' '   77   100  12:00.00'; }
`;
    const lines = await ask(sh`${told}${lookAtJobs}p_kept 0 system web`, shell);
    const { own, used } = takeUsage(lines);
    expect(own).toEqual(['target 0', '\tstate = running', '\truns = 3', '\tpid = 77', '\tlast exit code = 0']);
    expect([...used]).toEqual([['group 77', { cpuSeconds: 721.25, memoryBytes: 3556 * 1024 }]]);
  });

  test('nothing is said where nothing was noted, and nothing is asked where no probe asks', async () => {
    expect(await ask(sh`:`, shell)).toEqual([]);
    expect((await machine.run(sayUsage, shell)).stdout).toBe('');
  });
});

describe('as others print it', () => {
  test('macOS and BSD: minutes have no end, and each process has a line', () => {
    const { used } = takeUsage(['used ps 501 3456 0:01.23', 'used ps   501 100 123:45.50', 'used ps 600 16 1:00.00']);
    expect(used.get('group 501')?.cpuSeconds).toBeCloseTo(1.23 + 123 * 60 + 45.5);
    expect(groupUsage(used, 501)?.memoryBytes).toBe(3556 * 1024);
    expect(groupUsage(used, 600)).toEqual({ cpuSeconds: { 'group 600': 60 }, memoryBytes: 16_384 });
    expect(groupUsage(used, 7)).toBeUndefined();
    expect(groupUsage(used, undefined)).toBeUndefined();
  });

  test.each([
    ['00:00:07', 7],
    ['01:02:03', 3723],
    ['2-01:00:00', 176_400],
    ['12h34', undefined],
    ['-', undefined],
  ])('a time of %s', (time, seconds) => {
    const { used } = takeUsage([`used ps 9 1 ${time}`]);
    expect(used.get('group 9')).toEqual({
      memoryBytes: 1024,
      ...(seconds === undefined ? {} : { cpuSeconds: seconds }),
    });
  });

  test('pages of another size, and of one that nobody tells', () => {
    const groups = ['used group 9 250 10'];
    expect(takeUsage(['used page 16384', ...groups]).used.get('group 9')).toEqual({
      cpuSeconds: 2.5,
      memoryBytes: 163_840,
    });
    expect(takeUsage(['used page ', ...groups]).used.get('group 9')).toEqual({ cpuSeconds: 2.5 });
  });

  test('lines of a driver stay as they are', () => {
    const own = ['{"engine":"ok","clock":1}', 'supervised 0 running 5 6', '', 'user 5'];
    expect(takeUsage(['./a/cpu.stat:usage_usec 5', ...own, './a/b.txt:7', './a/cpu.stat:usage_usec x']).own).toEqual(
      own,
    );
  });
});

test('memory of a part is not taken for that of the whole', () => {
  const used = new Map([
    ['/a', { cpuSeconds: 1, memoryBytes: 10 }],
    ['/b', { cpuSeconds: 2 }],
  ]);
  const is = (name: string) => (key: string) => key === name;
  expect(usageOf(used, [is('/a')])).toEqual({ cpuSeconds: { '/a': 1 }, memoryBytes: 10 });
  expect(usageOf(used, [is('/a'), is('/b')])).toEqual({ cpuSeconds: { '/a': 1, '/b': 2 } });
  expect(usageOf(used, [is('/a'), is('/c')])).toEqual({ cpuSeconds: { '/a': 1 } });
  expect(usageOf(used, [is('/c')])).toBeUndefined();
  expect(usageOf(used, [])).toBeUndefined();
});
