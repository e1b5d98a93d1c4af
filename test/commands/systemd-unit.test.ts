// Unit texts, read by systemd itself where it is there, and the words of its environment files.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  environmentFileText,
  execWords,
  unitFileName,
  unitText,
  type UnitWish,
} from '../../reconciler/commands/systemd-unit.js';

const wish: UnitWish = {
  service: 'web',
  scope: 'system',
  user: 'deploy',
  folder: '/srv/web',
  command: ['/srv/web/serve', '--port', '8080'],
  envFiles: ['/srv/web/.env', '/srv/web/.portoser/env'],
  stopTimeoutMs: 10_000,
};

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
if (!hasAnalyze) console.log('left out: systemd reads our units (systemd-analyze is missing)');

function verify(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'portoser-unit-'));
  try {
    const file = join(folder, 'web.service');
    writeFileSync(file, text);
    const ended = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    return `${ended.status} ${ended.stderr}`.trim();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a system unit says all that running needs', () => {
  expect(unitText({ ...wish, memoryBytes: 512 * 2 ** 20, cpus: 1.5, identifier: 'web' }).split('\n')).toEqual([
    '# Written by Portoser from registry.yml; what is edited here is undone.',
    '[Unit]',
    'Description=web (Portoser)',
    'X-Portoser-Service=web',
    'After=network.target',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    'User=deploy',
    'WorkingDirectory=/srv/web',
    'EnvironmentFile=/srv/web/.env',
    'EnvironmentFile=/srv/web/.portoser/env',
    'ExecStart="/srv/web/serve" "--port" "8080"',
    'Restart=always',
    'RestartSec=1s',
    'SuccessExitStatus=143',
    'TimeoutStopSec=10s',
    'MemoryMax=536870912',
    'CPUQuota=150%',
    'SyslogIdentifier=web',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ]);
});

test('a user unit names no user and no target of the system', () => {
  const text = unitText({ ...wish, scope: 'user' });
  expect(text).toContain('WantedBy=default.target');
  expect(text).not.toMatch(/User=|network\.target|multi-user/);
});

test.each([
  ['web', 'web.service'],
  ['web.service', 'web.service'],
  ['backup.timer', 'backup.timer'],
  ['app-1.2', 'app-1.2.service'],
  ['getty@tty1', 'getty@tty1.service'],
])('the unit of %s is %s', (name, unit) => expect(unitFileName(name)).toBe(unit));

test.each([
  [['/bin/x', 'a b'], '"/bin/x" "a b"'],
  [['/bin/x', '$HOME', '100%'], '"/bin/x" "$$HOME" "100%%"'],
  [['/bin/$x', '"', '\\'], String.raw`"/bin/$x" "\"" "\\"`],
  [['/bin/x', '', ';', 'a\nb\tc'], String.raw`"/bin/x" "" ";" "a\x0ab\x09c"`],
])('the words %j are written %s', (words, written) => expect(execWords(words)).toBe(written));

test('an environment file keeps every character of a value', () => {
  expect(environmentFileText({ A: 'x y', B: '$HOME`"\\', C: 'one\ntwo' })).toBe(
    '# Written by Portoser from registry.yml; what is edited here is undone.\n' +
      'A="x y"\nB="\\$HOME\\`\\"\\\\"\nC="one\ntwo"\n',
  );
});

describe.skipIf(!hasAnalyze)('systemd itself', () => {
  const hard = ['/bin/sh', '-c', '$HOME ${X} %h " \\ \' ; \n\t ü *', '', ';', '-x'];

  test('takes a unit with hard words without a complaint', () => {
    const found = verify(
      unitText({ ...wish, user: 'root', folder: '/tmp/', command: hard, memoryBytes: 1e6, cpus: 0.001 }),
    );
    expect(found).toBe('0');
  });

  test('would complain', () => {
    expect(verify(unitText({ ...wish, user: 'root', folder: '/tmp/', command: ['/nonexistent/program'] }))).toMatch(
      /nonexistent.*not executable/,
    );
  });
});
