// Driver `local`: who keeps it on which machine, its files, its steps in display form, and what machines answer.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { display } from '../../reconciler/commands/command.js';
import type { GeneratedFile, StartKind, Target } from '../../reconciler/drivers/driver.js';
import { local } from '../../reconciler/drivers/local.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { SourceFile } from '../../schema/state.js';
import { factsOf, groundOf, placementOf, shown, specOf, stampOf } from './native-placement.js';

const base = { service: 'web', type: 'local', command: ['./serve', '8080'] } as const;
const placed = (more: Partial<ServiceSpec> = {}, source: readonly SourceFile[] = []) =>
  placementOf({ ...base, ...more }, { source });
const file = (path: string): SourceFile => ({ path, sha256: 's', mode: 0o644, oid: 'o', bytes: 1 });
const noManager = groundOf({ serviceManager: 'none' });

function files(made: ReturnType<typeof local.generate>): readonly GeneratedFile[] {
  if ('code' in made) throw new Error(made.message);
  return made;
}

test.each([
  ['a system unit', {}, factsOf(), { unit: 'portoser-web.service', scope: 'system' }],
  ['a user unit', { scope: 'user' }, factsOf(), { unit: 'portoser-web.service', scope: 'user' }],
  ['the bare supervisor when asked for', { scope: 'none' }, factsOf(), { scope: 'none' }],
  ['the bare supervisor without a manager', {}, factsOf({ serviceManager: 'none' }), { scope: 'none' }],
  ['a machine not seen yet', {}, undefined, { unit: 'portoser-web.service', scope: 'system' }],
] as const)('%s', (_, more, facts, identity) =>
  expect(local.identity(specOf({ ...base, ...more }), facts)).toEqual(identity),
);

describe('files', () => {
  test('a unit that runs the launcher as its user', () => {
    const [unit, run] = files(local.generate(placed({ user: 'www', port: 8080 }), groundOf()));
    expect([unit?.path, unit?.root]).toEqual(['/etc/systemd/system/portoser-web.service', true]);
    expect(unit?.text).toContain('User=www\n');
    expect(unit?.text).toContain('ExecStart="/bin/sh" "/srv/web/.portoser/run"\n');
    expect(unit?.text).toContain('SyslogIdentifier=web\n');
    expect(unit?.text).not.toContain('Environment');
    expect([run?.path, run?.mode.toString(8), run?.root]).toEqual(['/srv/web/.portoser/run', '700', false]);
    expect(run?.text).toContain('export PORT=8080\n');
    expect(run?.text).toContain('set -- /srv/web/serve 8080\n');
  });

  test('without a manager there is only the launcher', () => {
    expect(files(local.generate(placed(), noManager)).map(one => one.path)).toEqual(['/srv/web/.portoser/run']);
  });

  test.each([
    ['a lock in the repository', [file('pyproject.toml'), file('uv.lock')], 'uv sync --frozen'],
    ['no lock in the repository', [file('pyproject.toml')], '{ uv sync; }'],
  ])('%s', (_, source, words) => {
    expect(files(local.generate(placed({ source: 'web' }, source), groundOf({ hasUv: true })))[1]?.text).toContain(
      words,
    );
  });

  test.each([
    ['uv-missing', placed({ source: 'web' }, [file('pyproject.toml')]), groundOf()],
    ['uv-missing', placed({ command: ['uv', 'run', 'x'] }), noManager],
    ['sudo-refused', placed(), groundOf({}, { sudo: 'never' })],
    ['not-supported', placed({ scope: 'user', user: 'www' }), groundOf()],
  ])('%s is known before anything is touched', (code, placement, ground) => {
    expect(local.generate(placement, ground)).toMatchObject({ code });
  });

  test('the bare supervisor needs no root of its own', () => {
    expect(local.generate(placed({ scope: 'none' }), groundOf({}, { sudo: 'never' }))).toHaveLength(1);
  });
});

describe('steps', () => {
  test.each<[StartKind, string]>([
    ['create', 'setup'],
    ['update', 'setup'],
    ['replace', 'setup'],
    ['restart', 'mend'],
    ['repair', 'setup'],
  ])('%s under systemd', (kind, mode) => {
    const steps = shown(local.start(placed(), kind, groundOf()));
    expect(steps[0]).toBe(`setup: p_as deploy /bin/sh /srv/web/.portoser/run ${mode}`);
    expect(steps.slice(1)).toEqual([
      'reload: p_root systemctl enable --quiet --no-reload -- portoser-web.service',
      'reload: p_root systemctl daemon-reload',
      'start: p_root systemctl restart -- portoser-web.service',
    ]);
  });

  const untouched = (ground: ReturnType<typeof groundOf>) => {
    const made = files(local.generate(placed(), ground));
    const seen = made.map(one => [one.path, { sha256: createHash('sha256').update(one.text).digest('hex') }] as const);
    return shown(local.start(placed(), 'repair', { ...ground, files: Object.fromEntries(seen) }));
  };

  test('a repair of what only stopped mends and starts', () => {
    const steps = untouched(groundOf());
    expect(steps[0]).toContain(' mend');
    expect(steps.at(-1)).toBe('start: p_root systemctl start -- portoser-web.service');
  });

  test('the bare supervisor starts it as its user', () => {
    const steps = shown(local.start(placed({ user: 'www' }), 'create', noManager));
    expect(steps).toHaveLength(2);
    expect(steps[1]).toMatch(/p_supervise_start web 100 www \/srv\/web\/\.portoser\/run \/srv\/web\/\.portoser\/log$/);
    expect(steps[1]).not.toContain('= running ]; then return');
    expect(untouched(noManager)[1]).toContain('p_recorded web; if [ "$p_is" = running ]; then return 0; fi');
  });

  test('stops and removes by the stamp alone', () => {
    const bare = stampOf({ driver: 'local', scope: 'none' });
    const { unit: _, ...stamp } = bare;
    expect(shown(local.stop(stamp, noManager))[0]).toMatch(/p_supervise_stop web 100$/);
    expect(local.remove(stamp, noManager)).toEqual([]);
    const kept = stampOf({ driver: 'local', unit: 'portoser-web.service' });
    expect(shown(local.stop(kept, groundOf()))[0]).toMatch(/disable --now.* sh portoser-web\.service$/s);
    expect(shown(local.remove(kept, groundOf()))[0]).toBe('reload: p_root systemctl daemon-reload');
  });

  test('its log is the journal, or its file', () => {
    const ask = { follow: true, lines: 20 };
    expect(display(local.logs(stampOf({ unit: 'portoser-web.service' }), ask, factsOf()))).toContain(
      '-f -u portoser-web.service',
    );
    const { unit: _, ...bare } = stampOf({ scope: 'none', fields: { log_file: '/var/log/web' } });
    expect(display(local.logs(bare, ask, factsOf()))).toContain('tail -n 20 -F /var/log/web');
    expect(display(local.logs({ ...bare, fields: {} }, ask, factsOf()))).toContain(
      'tail -n 20 -F /srv/web/.portoser/log',
    );
  });
});

describe('answers', () => {
  const target = (index: number, scope: 'system' | 'none'): Target => ({
    index,
    service: `s${index}`,
    path: '/srv',
    identity: scope === 'none' ? { scope } : { scope, unit: `portoser-s${index}.service` },
  });
  const targets = [target(0, 'system'), ...[1, 2, 3, 4, 5, 6].map(index => target(index, 'none'))];
  const seen = local.read(targets, [
    'manager systemd',
    'scope system',
    'Id=portoser-s0.service',
    'Names=portoser-s0.service',
    'LoadState=loaded',
    'ActiveState=active',
    'SubState=running',
    'MainPID=5',
    'supervised 1 none - -',
    'supervised 2 running 99 1700000000',
    'supervised 3 gone 99 1700000000',
    'supervised 4 reused 99 1700000000',
    'supervised 5 rest 99 1700000000',
  ]);

  test('what a process uses is that of its group', () => {
    const [, , bare] = targets;
    const lines = ['supervised 2 running 99 1700000000', 'used page 4096', 'used group 99 250 2', 'used group 98 1 1'];
    expect(local.read([bare ?? target(2, 'none')], lines).get(2)).toMatchObject({
      run: 'running',
      usage: { cpuSeconds: { 'group 99': 2.5 }, memoryBytes: 8192 },
    });
  });

  test.each([
    [0, { state: 'present', run: 'running', pids: [5] }],
    [1, { state: 'absent' }],
    [
      2,
      { state: 'present', run: 'running', pids: [99], startedAt: 1_700_000_000, settings: { 'survives-reboot': 'no' } },
    ],
    [3, { state: 'present', run: 'stopped', pids: [] }],
    [4, { state: 'present', run: 'stopped', settings: { pid: 'reused' } }],
    [5, { state: 'present', run: 'failed' }],
    [6, { state: 'unknown', error: { code: 'machine-shell' } }],
  ])('target %i', (index, expected) => expect(seen.get(index)).toMatchObject(expected));

  test('a kept unit does not claim to be lost by a reboot', () => {
    expect(JSON.stringify(seen.get(0))).not.toContain('survives');
  });

  test('both kinds are looked at, each by its own words', () => {
    const words = display(local.look(targets));
    expect(words).toContain('-- portoser-s0.service');
    expect(words).toContain('p_recorded s1; echo supervised 1');
    expect(display(local.look([target(0, 'system')]))).not.toContain('p_recorded');
    expect(display(local.look([target(1, 'none')]))).not.toContain('systemctl');
  });

  test('a reused pid is drift, a disabled unit too', () => {
    const fields = (settings: Record<string, string>) =>
      local
        .drift(placed(), { state: 'present', run: 'stopped', settings, pids: [], images: {} }, stampOf())
        .map(one => one.field);
    expect(fields({ pid: 'reused' })).toEqual(['pid']);
    expect(fields({ enabled: 'disabled' })).toEqual(['enabled']);
    expect(fields({ 'survives-reboot': 'no' })).toEqual([]);
  });
});

test.each([
  ['portoser: uv-missing', 'uv-missing'],
  ['error: no such package\nportoser: uv-failed', 'uv-failed'],
  ['portoser: program-missing serve', 'file-missing'],
  ['portoser: file-missing /srv/web/.env', 'file-missing'],
  ['portoser: sudo asks for a password', 'sudo-refused'],
  ['something else', undefined],
])('%s means %s', (output, code) => {
  const step = local.start(placed(), 'create', groundOf())[0];
  expect(step && local.explain(step, output)?.code).toBe(code);
});

test("without a source the user's own Python files count, with one they come from git", () => {
  expect(local.ownFiles(specOf(base)).map(one => one.path)).toEqual([
    '/srv/web/pyproject.toml',
    '/srv/web/uv.lock',
    '/srv/web/requirements.txt',
  ]);
  expect(local.ownFiles(specOf({ ...base, source: 'web' }))).toEqual([]);
});
