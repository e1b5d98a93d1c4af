// rc.d scripts and the words around them, as text: their shell is checked, a BSD is not here.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { display, renderBody, sh, type Command } from '../../reconciler/commands/command.js';
import { lookAtRc, rcScript, startRc, stopRc } from '../../reconciler/commands/rc.js';

const isShell = (script: string) => spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' });
const words = (command: Command): string => renderBody(sh`p_do() {\n${command}\n}\n`);

test('a script hands its words through two evaluations', () => {
  const command = ['/bin/sh', "/srv/it's here/run", '$HOME', 'a b'];
  const script = rcScript({ name: 'my-app', service: 'my-app', user: 'www', command, logFile: '/var/log/my app' });
  expect(isShell(script)).toMatchObject({ status: 0, stderr: '' });
  expect(script).toContain('rcvar=my_app_enable\n');
  const assignment = /^command_args=.*$/m.exec(script)?.[0] ?? '';
  const told = spawnSync('sh', ['-c', `${assignment}\neval "printf '%s\\n' $command_args"`], { encoding: 'utf8' });
  expect(told.stdout.trim().split('\n')).toEqual([
    '-r',
    '-f',
    '-P',
    '/var/run/my-app.pid',
    '-u',
    'www',
    '-o',
    '/var/log/my app',
    ...command,
  ]);
});

test('it is enabled and started, and the other way round', () => {
  expect(display(startRc('my-app', true))).toMatch(
    /p_root sysrc my_app_enable=YES .*p_root service my-app onerestart/s,
  );
  expect(display(startRc('my-app', false))).toContain('onestatus >/dev/null 2>&1 || p_root service my-app onestart');
  expect(display(stopRc('my-app'))).toMatch(/my_app_enable=NO.*p_root service my-app onestop/s);
});

test.each([
  ['start', startRc('x', true)],
  ['start when needed', startRc('x', false)],
  ['stop', stopRc('x')],
  ['look', lookAtRc],
])('the words to %s are shell', (_, command) =>
  expect(isShell(words(command))).toMatchObject({ status: 0, stderr: '' }),
);
