// Driver `native` on systemd: files, steps in display form, and recorded answers of a machine.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { display } from '../../reconciler/commands/command.js';
import type { GeneratedFile, StartKind, Target } from '../../reconciler/drivers/driver.js';
import { native } from '../../reconciler/drivers/native.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { FileSeen } from '../../schema/state.js';
import { factsOf, groundOf, placementOf, shown, specOf, stampOf } from './native-placement.js';

const command = ['./serve', '8080'];
const written = (more: Partial<ServiceSpec> = {}) => placementOf({ command, ...more });

function files(more: Partial<ServiceSpec>, ground = groundOf()): readonly GeneratedFile[] {
  const made = native.generate(written(more), ground);
  if ('code' in made) throw new Error(made.message);
  return made;
}

const seenAs = (made: readonly GeneratedFile[]): Record<string, FileSeen> =>
  Object.fromEntries(made.map(file => [file.path, { sha256: createHash('sha256').update(file.text).digest('hex') }]));

describe('files', () => {
  test('a system unit and its environment', () => {
    const made = files({ port: 8080, env: { A: '1' }, envFiles: ['.env', '/etc/shared.env'] });
    expect(made.map(({ path, mode, root }) => [path, mode.toString(8), root])).toEqual([
      ['/etc/systemd/system/web.service', '644', true],
      ['/srv/web/.portoser/env', '600', false],
    ]);
    expect(made[0]?.text).toContain('User=deploy\n');
    expect(made[0]?.text.match(/^EnvironmentFile=.*$/gm)).toEqual([
      'EnvironmentFile=/srv/web/.env',
      'EnvironmentFile=/etc/shared.env',
      'EnvironmentFile=/srv/web/.portoser/env',
    ]);
    expect(made[1]?.text).toContain('PORT="8080"\nA="1"\n');
  });

  test('the registry may set PORT itself', () => {
    expect(files({ port: 8080, env: { PORT: '9' } })[1]?.text).toContain('PORT="9"\n');
  });

  test('a user unit stands in the home folder', () => {
    expect(files({ scope: 'user' })[0]?.path).toBe('/home/deploy/.config/systemd/user/web.service');
  });

  test.each([
    [['./serve'], [], '"/srv/web/serve"'],
    [['bin/serve'], [], '"/srv/web/bin/serve"'],
    [['/usr/bin/python3', 'app.py'], [], '"/usr/bin/python3" "app.py"'],
    [['python3', 'app.py'], ['app.py'], '"python3" "app.py"'],
    [['serve'], ['serve'], '"/srv/web/serve"'],
  ])('the program of %j (source: %j) is %s', (words, names, start) => {
    const source = names.map(path => ({ path, sha256: 's', mode: 0o755 as const, oid: 'o', bytes: 1 }));
    const made = native.generate(placementOf({ command: words }, { source }), groundOf());
    expect('code' in made ? made.message : made[0]?.text).toContain(`ExecStart=${start}\n`);
  });

  test('none for a unit that is there already', () => {
    expect(native.generate(placementOf(), groundOf())).toEqual([]);
  });

  test.each([
    ['service-manager-missing', {}, groundOf({ serviceManager: 'none' })],
    ['not-supported', { scope: 'user', user: 'www' } as const, groundOf()],
    ['sudo-refused', {}, groundOf({}, { sudo: 'never' })],
    ['not-supported', { unitName: 'web.timer' }, groundOf()],
  ])('%s is known before anything is touched', (code, more, ground) => {
    expect(native.generate(written(more), ground)).toMatchObject({ code });
  });

  test('root needs no sudo', () => {
    expect(files({}, groundOf({ uid: 0, user: 'root' }, { sudo: 'never' }))[0]?.text).toContain('User=root\n');
  });
});

describe('steps', () => {
  const kinds: readonly StartKind[] = ['create', 'update', 'restart', 'replace'];

  test.each(kinds)('%s of a unit of ours', kind => {
    const steps = native.start(written(), kind, groundOf());
    expect(shown(steps)).toEqual([
      'reload: p_root systemctl enable --quiet --no-reload -- web.service',
      'reload: p_root systemctl daemon-reload',
      'start: p_root systemctl restart -- web.service',
    ]);
  });

  test('two units share every step', () => {
    const merged = (service: string) =>
      native.start(written({ service }), 'create', groundOf()).map(step => step.merge?.key);
    expect(merged('a')).toEqual(merged('b'));
    expect(merged('a')).not.toContain(undefined);
  });

  test('a repair restarts only what ran from other files', () => {
    const last = (seen: Record<string, FileSeen>) =>
      shown(native.start(written(), 'repair', groundOf({}, { files: seen }))).at(-1);
    const good = seenAs(files({}));
    expect(last(good)).toBe('start: p_root systemctl start -- web.service');
    expect(last({})).toBe('start: p_root systemctl restart -- web.service');
    expect(last({ '/etc/systemd/system/web.service': { sha256: 'edited' } })).toContain('restart');
  });

  test('a user unit lingers, and is spoken to by its own manager', () => {
    const steps = shown(native.start(written({ scope: 'user' }), 'create', groundOf()));
    expect(steps[0]).toContain('enable-linger deploy');
    expect(steps.at(-1)).toBe('start: p_user_bus; systemctl --user restart -- web.service');
  });

  test('a unit that is there already is looked for, enabled and started, not started anew', () => {
    const steps = shown(native.start(placementOf({ unitName: 'nginx' }), 'create', groundOf()));
    expect(steps[0]).toContain('systemctl cat -- nginx.service');
    expect(steps[1]).toBe('reload: p_root systemctl unmask --quiet --no-reload -- nginx.service');
    expect(steps.at(-2)).toContain('reset-failed');
    expect(steps.at(-1)).toBe('start: p_root systemctl start -- nginx.service');
    expect(shown(native.start(placementOf(), 'restart', groundOf())).at(-1)).toContain('systemctl restart');
  });

  test('missing env files are told', () => {
    expect(shown(native.start(written({ envFiles: ['.env'] }), 'create', groundOf()))[0]).toMatch(
      /^setup: for p_file in \/srv\/web\/\.env;/,
    );
  });

  test('a stop disables, a removal reloads', () => {
    expect(shown(native.stop(stampOf(), groundOf()))[0]).toMatch(
      /^stop: p_root env p_user_flag= sh -c .*disable --now.* sh web\.service$/s,
    );
    expect(shown(native.remove(stampOf({ scope: 'user' }), groundOf()))[0]).toBe(
      'reload: p_user_bus; systemctl --user daemon-reload',
    );
    expect(native.stop(stampOf(), groundOf())[0]?.timeLimitMs).toBeGreaterThan(10_000);
  });

  test('its log is the journal', () => {
    expect(display(native.logs(stampOf(), { follow: false, lines: 20 }, factsOf()))).toContain(
      'journalctl --no-pager -o short-iso -n 20 -u web.service',
    );
  });
});

const target = (index: number, unit: string, scope: 'system' | 'user' = 'system'): Target => ({
  index,
  service: unit,
  path: '/srv',
  identity: { unit, scope },
});

describe('answers', () => {
  const answer = `manager systemd
scope system
Result=success
MainPID=210
NRestarts=0
ExecMainStartTimestamp=Fri 2026-11-27 10:00:00 UTC
ExecMainCode=0
ExecMainStatus=0
Id=web.service
Names=web.service
LoadState=loaded
ActiveState=active
SubState=running
DropInPaths=/etc/systemd/system/web.service.d/override.conf
UnitFileState=enabled
NeedDaemonReload=no

Result=exit-code
MainPID=0
NRestarts=7
ExecMainStartTimestamp=Fri 2026-11-27 10:00:00 UTC
ExecMainCode=1
ExecMainStatus=203
Id=loop.service
Names=loop.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart
UnitFileState=enabled

Id=gone.service
Names=gone.service
LoadState=not-found
ActiveState=inactive
SubState=dead
scope user
no-user-manager
user-file kept.service`.split('\n');

  const targets = [
    target(0, 'web.service'),
    target(1, 'loop.service'),
    target(2, 'gone.service'),
    target(3, 'other.service'),
    target(4, 'kept.service', 'user'),
    target(5, 'none.service', 'user'),
  ];
  const seen = native.read(targets, answer);

  test('a running unit', () => {
    expect(seen.get(0)).toEqual({
      state: 'present',
      run: 'running',
      pids: [210],
      images: {},
      startedAt: Date.UTC(2026, 10, 27, 10) / 1000,
      settings: {
        enabled: 'enabled',
        'unit-load': 'loaded',
        'sub-state': 'running',
        restarts: '0',
        'needs-reload': 'no',
        'drop-ins': '/etc/systemd/system/web.service.d/override.conf',
      },
    });
  });

  test('a crash loop says how it ends', () => {
    expect(seen.get(1)).toMatchObject({ run: 'crash-looping', detail: 'exit code 203 (exit-code)', pids: [] });
  });

  test('absent, unknown, and a user without a manager', () => {
    expect(seen.get(2)).toEqual({ state: 'absent' });
    expect(seen.get(3)).toMatchObject({ state: 'unknown' });
    expect(seen.get(4)).toMatchObject({ state: 'present', run: 'stopped' });
    expect(seen.get(5)).toEqual({ state: 'absent' });
  });

  test('what a unit uses is that of its control group', () => {
    const group = './system.slice/web.service';
    const counted = [`${group}/cpu.stat:usage_usec 2500000`, `${group}/memory.current:900`];
    const shown = answer.map(line => (line === 'Id=web.service' ? `${line}\nControlGroup=${group.slice(1)}` : line));
    const used = native.read(targets, [...shown.join('\n').split('\n'), ...counted]);
    const usage = { cpuSeconds: { '/system.slice/web.service': 2.5 }, memoryBytes: 900 };
    expect(used.get(0)).toEqual({ ...seen.get(0), usage });
    expect(used.get(1)).toEqual(seen.get(1));
  });

  test.each([
    ['no manager there', ['manager none']],
    ['nothing at all', []],
  ])('%s is unknown, not absent', (_, section) => {
    expect(native.read([target(0, 'web.service')], section).get(0)).toMatchObject({
      state: 'unknown',
      error: { code: 'service-manager-missing' },
    });
  });

  test('nothing is asked for no targets', () => expect(display(native.look([]))).toBe(':'));
});

describe('drift', () => {
  const drift = (settings: Record<string, string>, more: Partial<ServiceSpec> = { command }) =>
    native
      .drift(placementOf(more), { state: 'present', run: 'running', settings, pids: [], images: {} }, stampOf())
      .map(change => change.field);

  test.each([
    [{ enabled: 'enabled', 'unit-load': 'loaded' }, []],
    [{ enabled: 'disabled', 'unit-load': 'loaded' }, ['enabled']],
    [{ enabled: 'enabled-runtime' }, ['enabled']],
    [{ enabled: 'static' }, []],
    [{ enabled: 'masked', 'unit-load': 'masked' }, ['masked']],
    [{ enabled: 'enabled', 'needs-reload': 'yes' }, ['needs-reload']],
    [{ enabled: 'enabled', 'drop-ins': '/etc/systemd/system/web.service.d/x.conf' }, []],
  ])('%j drifts by %j', (settings, fields) => expect(drift(settings)).toEqual(fields));

  test('what a person changes in a unit of theirs is theirs', () => {
    expect(drift({ enabled: 'enabled', 'needs-reload': 'yes' }, {})).toEqual([]);
    expect(drift({ enabled: 'disabled' }, {})).toEqual(['enabled']);
  });
});

test.each([
  ['portoser: sudo asks for a password', 'sudo-refused'],
  ['Failed to restart web.service: Interactive authentication required.', 'sudo-refused'],
  ['portoser: unit-missing web.service', 'unit-missing'],
  ['Failed to start web.service: Unit web.service not found.', 'unit-missing'],
  ['Failed to connect to bus: No medium found', 'service-manager-missing'],
  ['Job for web.service failed', undefined],
  ['Job for web.service failed because a timeout was exceeded.\nSee "systemctl status" for details.', 'command-failed'],
])('%s means %s', (output, code) => {
  const step = native.start(written(), 'create', groundOf())[0];
  expect(step && native.explain(step, output)?.code).toBe(code);
});

test('what running needs is in the fields, and a description is not', () => {
  const spec = specOf({ command, resources: { memoryBytes: 1024, cpus: 0.5 } });
  expect(native.fields(spec)).toEqual({ unit: 'web', stop_timeout: '10000', memory: '1024', cpus: '0.5' });
  expect(native.fields({ ...spec, description: 'new' })).toEqual(native.fields(spec));
});

test('the user owns env files that the repository does not bring', () => {
  expect(native.ownFiles(specOf({ envFiles: ['.env'] }))).toEqual([{ path: '/srv/web/.env', text: false }]);
  expect(native.ownFiles(specOf({ envFiles: ['.env'], source: 'web' }))).toEqual([]);
});
