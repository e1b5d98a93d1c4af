// Which command in sudo's log can have done it, and what of it is fit to be shown.
import { expect, test } from 'vitest';
import {
  changesFile,
  endsContainer,
  killsProcess,
  killsUnit,
  opensShell,
  setsUnit,
  stopsUnit,
} from '../../reconciler/core/culprit-commands.js';
import { maskCommand } from '../../reconciler/core/culprit-mask.js';
import type { SudoLine } from '../../reconciler/core/culprit-read.js';

const line = (command: string, folder = '/home/eve'): SudoLine => ({
  user: 'eve',
  at: 1,
  command,
  folder,
  log: 'journal',
});

test.each([
  ['/usr/bin/systemctl stop site', true],
  ['/usr/bin/systemctl stop db.service site.service', true],
  ['/usr/bin/systemctl disable --now site', true],
  ["/bin/sh -c 'systemctl stop site; true'", true],
  ['/usr/sbin/service site restart', true],
  ['/usr/bin/systemctl status site', false],
  ['/usr/bin/systemctl stop website', false],
  ['/usr/bin/systemctl kill site', false],
  ['/usr/bin/echo stop site', false],
])('stops the unit: %s %s', (command, expected) => {
  expect(stopsUnit(line(command), 'site.service')).toBe(expected);
});

test('other ways with a unit', () => {
  expect(killsUnit(line('/usr/bin/systemctl kill -s KILL site'), 'site.service')).toBe(true);
  expect(killsUnit(line('/usr/bin/systemctl stop site'), 'site.service')).toBe(false);
  expect(setsUnit(line('/usr/bin/systemctl mask site'), 'site.service')).toBe(true);
  expect(setsUnit(line('/usr/bin/systemctl enable site'), 'site.service')).toBe(false);
});

test.each([
  ['/usr/bin/kill -9 325', true],
  ["/usr/bin/sh -c 'kill -9 325'", true],
  ['/usr/bin/kill -- -325', true],
  ['/usr/bin/kill 3250', false],
  ['/usr/bin/pkill sleep', false],
])('kills the process: %s %s', (command, expected) => {
  expect(killsProcess(line(command), 325)).toBe(expected);
});

test.each([
  ['/usr/bin/docker stop web-main-1', '/', true],
  ['/usr/bin/docker rm -f 0123456789ab', '/', true],
  ['/usr/bin/docker compose down', '/opt/web', true],
  ['/usr/bin/docker compose -f /opt/web/compose.yaml stop', '/', true],
  ['/usr/bin/docker compose -p web kill', '/', true],
  ['/usr/bin/docker compose down', '/opt/website', false],
  ['/usr/bin/docker logs web-main-1', '/', false],
  ['/usr/bin/docker stop web-main-10', '/', false],
])('ends the container: %s in %s %s', (command, folder, expected) => {
  const container = { id: '0123456789abcdef', name: 'web-main-1' };
  expect(endsContainer(line(command, folder), container, 'web', '/opt/web')).toBe(expected);
});

test.each([
  ['/usr/bin/sed -i s/a/b/ /opt/site/page', '/', 'edited'],
  ['/usr/bin/vi page', '/opt/site', 'edited'],
  ['/usr/bin/tee ./page', '/opt/site', 'edited'],
  ["/bin/sh -c 'echo x >>/opt/site/page'", '/', 'edited'],
  ['/usr/bin/dd of=/opt/site/page', '/', 'edited'],
  ['/bin/cp /tmp/page /opt/site', '/', 'edited'],
  ['/bin/cp /tmp/other /opt/site/page', '/', 'edited'],
  ['/bin/rm -r /opt/site/', '/', 'removed'],
  ['/bin/mv page elsewhere', '/opt/site', 'removed'],
  ['/bin/chmod -R a+w /opt', '/', 'mode'],
  ['/bin/cat /opt/site/page', '/', undefined],
  ['/bin/cp /opt/site/page /tmp', '/', undefined],
  ['/bin/tar cf /tmp/backup.tar /opt/site', '/', undefined],
  ['/bin/sed s/a/b/ /opt/site/page', '/', undefined],
  ['/usr/bin/vi page', '/opt', undefined],
  ['/bin/rm -r /opt/sit', '/', undefined],
  ['/usr/bin/vi /opt/site', '/', undefined],
])('changes the file: %s in %s: %s', (command, folder, expected) => {
  const ways = ['edited', 'removed', 'mode'] as const;
  const how = ways.filter(one => changesFile(line(command, folder), '/opt/site/page', one));
  expect(how).toEqual(expected === undefined ? [] : [expected]);
});

test.each([
  ['/bin/bash', true],
  ['/usr/bin/zsh -l', true],
  ['/bin/su -', true],
  ["/bin/sh -c 'true'", false],
  ['/usr/bin/systemctl stop sh', false],
])('opens a shell: %s %s', (command, expected) => {
  expect(opensShell(line(command))).toBe(expected);
});

test.each([
  ['/usr/bin/systemctl stop site', '/usr/bin/systemctl stop site'],
  ['/usr/bin/env PGPASSWORD=hunter2 A=b psql', '/usr/bin/env PGPASSWORD=*** A=b psql'],
  ["/usr/bin/env 'DB_PASS=a b' x", "/usr/bin/env 'DB_PASS=***' x"],
  ['/bin/x --password hunter2 --api-key=abc --user-name me', '/bin/x --password *** --api-key=*** --user-name me'],
  ["/bin/x --token='a b' y", '/bin/x --token=*** y'],
  ['/usr/bin/curl -u me:hunter2 http://a/', '/usr/bin/curl -u me:*** http://a/'],
  ['/usr/bin/git clone https://me:hunter2@git.test/a.git', '/usr/bin/git clone https://***@git.test/a.git'],
  ["/usr/bin/curl -H 'Authorization: Bearer abc.def' http://a/", "/usr/bin/curl -H 'Authorization: ***' http://a/"],
  ['/usr/bin/mysql -uroot -phunter2 db', '/usr/bin/mysql -uroot -p*** db'],
  ['/usr/bin/x ghp_0123456789abcdefABCDEF0123', '/usr/bin/x ***'],
  [
    '/usr/bin/systemctl stop portoser-my-long-service-2.service',
    '/usr/bin/systemctl stop portoser-my-long-service-2.service',
  ],
  ['/bin/echo \u001b[31m\u202e', '/bin/echo \uFFFD[31m\uFFFD'],
])('%s is shown as %s', (command, expected) => {
  expect(maskCommand(command)).toBe(expected);
});

test('what is long is cut after it was masked', () => {
  const shown = maskCommand(`/bin/x ${'a '.repeat(95)}--password hunter2`);
  expect(shown).toHaveLength(200);
  expect(shown).not.toContain('hunter');
});
