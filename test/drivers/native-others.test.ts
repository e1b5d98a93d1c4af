// Native and local services on launchd and rc.d: files, steps and answers, as text.
import { describe, expect, test } from 'vitest';
import { display } from '../../reconciler/commands/command.js';
import type { Target } from '../../reconciler/drivers/driver.js';
import { local } from '../../reconciler/drivers/local.js';
import { native } from '../../reconciler/drivers/native.js';
import { factsOf, groundOf, placementOf, shown, specOf, stampOf } from './native-placement.js';

const mac = { platform: 'darwin', serviceManager: 'launchd', home: '/Users/deploy' } as const;
const bsd = { platform: 'bsd', serviceManager: 'rc' } as const;
const command = ['./serve'];
const paths = (made: ReturnType<typeof native.generate>) =>
  'code' in made ? made.code : made.map(file => [file.path, file.root]);

describe('launchd', () => {
  test.each([
    ['system', '/Library/LaunchDaemons/web.plist', true],
    ['user', '/Users/deploy/Library/LaunchAgents/web.plist', false],
  ] as const)('a %s job runs the launcher', (scope, path, root) => {
    const made = native.generate(placementOf({ command, scope, env: { A: '1' }, envFiles: ['.env'] }), groundOf(mac));
    expect(paths(made)).toEqual([
      [path, root],
      ['/srv/web/.portoser/run', false],
    ]);
    expect(JSON.stringify(made)).toContain('p_env_file /srv/web/.env');
  });

  test('a local one has a label of its own', () => {
    expect(local.identity(specOf({ type: 'local', command }), factsOf(mac))).toEqual({
      unit: 'portoser-web',
      scope: 'system',
    });
    expect(paths(local.generate(placementOf({ type: 'local', command }), groundOf(mac)))).toContainEqual([
      '/Library/LaunchDaemons/portoser-web.plist',
      true,
    ]);
  });

  test('steps', () => {
    const made = shown(native.start(placementOf({ command }), 'create', groundOf(mac)));
    expect(made).toHaveLength(1);
    expect(made[0]).toContain('bootout');
    expect(shown(native.start(placementOf({ unitName: 'com.x' }), 'create', groundOf(mac)))[0]).not.toContain(
      'bootout',
    );
    expect(shown(native.stop(stampOf({ unit: 'web' }), groundOf(mac)))[0]).toContain(
      'p_launchctl disable "$p_domain/"web',
    );
    expect(display(native.logs(stampOf({ unit: 'web' }), { follow: false, lines: 3 }, factsOf(mac)))).toContain(
      'tail -n 3 /srv/web/.portoser/log',
    );
  });
});

describe('rc.d', () => {
  test('a script runs the launcher; user units are refused', () => {
    expect(paths(native.generate(placementOf({ command }), groundOf(bsd)))).toEqual([
      ['/usr/local/etc/rc.d/web', true],
      ['/srv/web/.portoser/run', false],
    ]);
    expect(paths(native.generate(placementOf({ command, scope: 'user' }), groundOf(bsd)))).toBe('not-supported');
  });

  test('local services take the bare supervisor there', () => {
    expect(local.identity(specOf({ type: 'local', command }), factsOf(bsd))).toEqual({ scope: 'none' });
  });

  test('steps', () => {
    expect(shown(native.start(placementOf({ command }), 'create', groundOf(bsd)))[0]).toContain(
      'service web onerestart',
    );
    expect(shown(native.stop(stampOf({ unit: 'web' }), groundOf(bsd)))[0]).toContain('service web onestop');
  });
});

describe('answers', () => {
  const target = (index: number, unit: string): Target => ({
    index,
    service: unit,
    path: '/srv',
    identity: { unit, scope: 'system' },
  });
  const targets = [target(0, 'web'), target(1, 'other'), target(2, 'gone')];

  test('launchd', () => {
    const seen = native.read(targets, [
      'manager launchd',
      'target 0',
      'plist',
      '\tstate = running',
      '\truns = 3',
      '\tpid = 77',
      'target 1',
      '\t"other" => disabled',
      'plist',
    ]);
    const counted = ['manager launchd', 'target 0', '\tstate = running', '\tpid = 77', 'used ps 77 3 0:01.50'];
    expect(native.read(targets, counted).get(0)).toMatchObject({
      usage: { cpuSeconds: { 'group 77': 1.5 }, memoryBytes: 3072 },
    });
    expect(seen.get(0)).not.toHaveProperty('usage');
    expect(seen.get(0)).toMatchObject({ run: 'running', pids: [77], settings: { enabled: 'enabled', restarts: '2' } });
    expect(seen.get(1)).toMatchObject({ run: 'stopped', settings: { enabled: 'disabled' } });
    expect(seen.get(2)).toMatchObject({ state: 'unknown' });
  });

  test('rc.d', () => {
    const seen = native.read(targets, [
      'manager rc',
      'target 0',
      'script',
      'enabled YES',
      'up',
      'pid 9',
      'target 1',
      'script',
      'enabled NO',
      'target 2',
    ]);
    const counted = ['manager rc', 'target 0', 'script', 'up', 'pid 9', 'used ps 9 3 0:01.50'];
    expect(native.read(targets, counted).get(0)).toMatchObject({ usage: { memoryBytes: 3072 } });
    expect(seen.get(0)).toMatchObject({ run: 'running', pids: [9], settings: { enabled: 'enabled' } });
    expect(seen.get(1)).toMatchObject({ run: 'stopped', settings: { enabled: 'disabled' } });
    expect(seen.get(2)).toEqual({ state: 'absent' });
  });

  test('a suffix that only systemd has is not asked for elsewhere', () => {
    expect(display(native.look([target(4, 'web.service')]))).toContain('p_kept 4 system web\n');
  });
});
