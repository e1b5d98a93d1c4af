// The questions to a machine's past, by a real shell: with programs in the place of its journal, Docker and sudo, and where there are none.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { render } from '../../reconciler/commands/command.js';
import { culpritCommand, type CulpritAsk } from '../../reconciler/commands/culprit.js';
import { readProbe } from '../../reconciler/commands/probe.js';
import { eventLines, loginLines, sudoLines, unitLines } from '../core/culprit-recorded.js';
import { shells } from './supervise-shells.js';

const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
const since = 1_795_857_080;
const now = 1_795_900_000;

let top = '';
const at = (...parts: readonly string[]): string => join(top, ...parts);

const tools = 'sh date grep sed sort head tail stat cut cat'.split(' ');

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'portoser-culprit-'));
  chmodSync(top, 0o755);
  for (const folder of ['programs', 'home', 'files', 'said']) mkdirSync(at(folder), { mode: 0o755 });
  chmodSync(at('said'), 0o777);
  for (const name of tools) {
    const real = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    program(name, `exec ${real} "$@"`);
    if (name === 'date') program(name, `case $1 in +%s*) echo ${now};; +%z) echo +0000;; *) exec ${real} "$@";; esac`);
  }
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

function program(name: string, body: string): void {
  writeFileSync(at('programs', name), `#!/bin/sh\n${body}\n`);
  chmodSync(at('programs', name), 0o755);
}

function said(name: string, rows: readonly string[]): string {
  writeFileSync(at(name), rows.map(row => `${row}\n`).join(''));
  return at(name);
}

/** A journal that holds what was recorded, and notes what it was asked. */
function journal(sudo: readonly string[] = sudoLines): void {
  const [units, commands, logins] = [
    said('units', unitLines.toReversed()),
    said('commands', sudo.toReversed()),
    said('logins', loginLines),
  ];
  program(
    'journalctl',
    `echo "$*" >>${at('said/asked')}
case $* in *UNIT=site.service*) exec cat ${units};; *_COMM=sudo*) exec cat ${commands};; *_COMM=sshd*) exec cat ${logins};; esac`,
  );
}

function docker(): void {
  program(
    'docker',
    `case $* in ps*web*) echo abc;; inspect*) echo 'abc 2026-11-28T09:11:35.877815081Z 0 false exited /web-main-1';; events*) cat ${said('events', eventLines)};; esac`,
  );
}

function ask(more: Partial<CulpritAsk>, shell = shells[0]) {
  const command = culpritCommand({
    nonce: 'n0',
    sudo: 'auto',
    cluster: 'c',
    uid: 1000,
    targets: [],
    files: [],
    ...more,
  });
  const input = render(command).replace(/^PATH=.*; LC_ALL=C/m, 'LC_ALL=C');
  const env = {
    PATH: at('programs'),
    HOME: at('home'),
    DOCKER_HOST: 'unix:///nowhere',
    SSH_CONNECTION: '10.0.0.9 1 10.0.0.1 22',
  };
  const found = spawnSync('/bin/sh', ['-c', `command -v ${shell?.program ?? 'sh'}`], {
    encoding: 'utf8',
  }).stdout.trim();
  const options = { input, env, encoding: 'utf8', ...(isRoot ? { uid: nobody } : {}) } as const;
  const { stdout, stderr } = spawnSync(found, [...(shell?.words ?? []), '-s'], options);
  const sections = readProbe(stdout, 'n0');
  const linesOf = (name: string) =>
    sections?.filter(one => one.name === name).flatMap(one => one.lines.filter(line => line !== ''));
  const restsOf = (name: string) => sections?.filter(one => one.name === name).map(one => one.rest);
  return { sections, stderr, linesOf, restsOf };
}

const unit = { kind: 'unit', scope: 'system', unit: 'site.service', since } as const;
const asked = (): readonly string[] => readFileSync(at('said/asked'), 'utf8').trimEnd().split('\n');

describe.each(shells)('$name', shell => {
  test('a unit: what its manager wrote, and what sudo and sshd wrote around the newest of it', () => {
    journal();
    program('systemctl', 'echo ExecMainPID=325');
    const { linesOf, stderr } = ask({ targets: [unit] }, shell);
    expect(linesOf('unit')).toEqual(['ExecMainPID=325', ...unitLines.toReversed()]);
    expect(linesOf('sudo')).toEqual(expect.arrayContaining([...sudoLines]));
    expect(linesOf('logins')).toEqual(expect.arrayContaining([...loginLines]));
    expect(stderr).toBe('');
    const [first = '', ...others] = asked();
    expect(first).toMatch(/^-q -r --no-pager -o json -n 20 --since=@1795857080 _PID=1 UNIT=site.service MESSAGE_ID=/);
    const around = others
      .filter(one => one.includes('_COMM=sudo'))
      .map(one => /--since=@(\d+) --until=@(\d+)/.exec(one)?.slice(1));
    expect(around[0]).toEqual([`${1_795_857_092 - 1800}`, `${1_795_857_092 + 2}`]);
  });

  test('our own looks, by sudo, fill no answer', () => {
    const look = (command: string) => JSON.stringify({ MESSAGE: `  deploy : PWD=/ ; USER=root ; COMMAND=${command}` });
    const person = look('/usr/bin/docker stop web');
    const ours = [
      '/usr/bin/true',
      '/usr/bin/sha256sum -- /a',
      '/usr/bin/timeout 10 docker ps -aq',
      '/usr/bin/timeout 4 journalctl -q',
    ];
    journal([...ours.map(look), person]);
    expect(new Set(ask({ targets: [unit] }, shell).linesOf('sudo'))).toEqual(new Set([person]));
  });

  test('containers, and the events of the engine', () => {
    journal();
    docker();
    const { linesOf, stderr } = ask({ targets: [{ kind: 'project', project: 'web', since }] }, shell);
    expect(linesOf('containers')).toEqual(['abc 2026-11-28T09:11:35.877815081Z 0 false exited /web-main-1']);
    expect(linesOf('events')).toEqual(eventLines);
    expect(stderr).toBe('');
    expect(asked().some(one => one.includes(`--until=@${1_795_857_097 + 2}`))).toBe(true);
  });

  test('files by their times, and the folder of one that is gone', () => {
    const names = ['is here', 'gone', 'far/away'].map(name => at('files', name));
    writeFileSync(names[0] ?? '', '');
    utimesSync(names[0] ?? '', since, since);
    if (isRoot) chownSync(names[0] ?? '', nobody, nobody);
    const { restsOf, stderr } = ask({ targets: [unit], files: names }, shell);
    expect(restsOf('file')?.[0]).toMatch(isRoot ? /^0 1795857080 \d+ nobody$/ : /^0 1795857080 \d+ \S+$/);
    expect(restsOf('folder')?.[0]).toMatch(/^1 \d+ \d+ \S+$/);
    expect([restsOf('file')?.length, restsOf('folder')?.length]).toEqual([1, 1]);
    expect(stderr).toBe('');
  });

  test('the process that a record names', () => {
    const folder = at('home/.local/state/portoser/clusters/c/supervise');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'tool'), '4711 1 boot 2 root\n');
    const process = (service: string) => ({ kind: 'process', service, since }) as const;
    expect(ask({ targets: [process('tool'), process('none')] }, shell).restsOf('process')).toEqual(['0 4711', '1 -']);
  });

  test('a machine that keeps nothing says so to its end', () => {
    const { sections, stderr, linesOf, restsOf } = ask(
      { targets: [unit, { kind: 'project', project: 'web', since }] },
      shell,
    );
    expect(
      sections?.map(one => one.name).filter(name => name !== 'sudo' && name !== 'logins' && name !== 'authlog'),
    ).toEqual(['portoser', 'clock', 'ours', 'unit', 'containers', 'events', 'end']);
    expect([linesOf('unit'), linesOf('events'), linesOf('sudo')]).toEqual([[], [], []]);
    expect(restsOf('ours')).toEqual(['10.0.0.9 1 10.0.0.1 22']);
    expect(stderr).toBe('');
  });
});
