// Words for systemctl in display form, and what a recorded answer of `systemctl show` means.
import { expect, test } from 'vitest';
import { display, renderBody } from '../../reconciler/commands/command.js';
import { enableHead, keepLingering, reloadUnits, restartHead, unitLogs } from '../../reconciler/commands/systemd.js';
import {
  readUnitBlocks,
  showSystemUnits,
  showUserUnits,
  unitEnd,
  unitRunState,
  unitStartedAt,
} from '../../reconciler/commands/systemd-show.js';

test.each([
  ['restart', restartHead('system'), 'p_root systemctl restart --'],
  ['user restart', restartHead('user'), 'p_user_bus; systemctl --user restart --'],
  ['enable', enableHead('system'), 'p_root systemctl enable --quiet --no-reload --'],
  ['reload', reloadUnits('user'), 'p_user_bus; systemctl --user daemon-reload'],
])('%s', (_, command, words) => expect(display(command)).toBe(words));

test('one question serves all units of a scope', () => {
  const shown = display(showSystemUnits(['a.service', 'b c.service']));
  expect(shown).toMatch(/\(TZ=UTC systemctl show --property=Id,Names,\S+ -- a\.service 'b c\.service' 2>&1\)\n/);
  expect(display(showUserUnits(['a.service']))).toMatch(/systemctl --user show .* -- a\.service/);
});

test('a name from the registry never becomes grammar', () => {
  const script = renderBody(keepLingering('x;reboot'));
  expect(script.match(/x;reboot/g)).toHaveLength(2);
  expect(script).toContain("enable-linger 'x;reboot'");
});

test("the log of a user's unit is found by its fields", () => {
  expect(display(unitLogs('user', 'web.service', { follow: true, lines: 5, since: '-1h' }, 1000))).toContain(
    'journalctl --no-pager -o short-iso --since=-1h -f _UID=1000 _SYSTEMD_USER_UNIT=web.service + _UID=1000 USER_UNIT=web.service',
  );
  for (const [since, written] of [
    ['10m', '--since=-10m'],
    ['2026-01-31T12:00:00Z', '--since=@1769860800'],
    ['2026-01-31', '--since=2026-01-31 '],
    ['yesterday', '--since=yesterday'],
  ] as const)
    expect(display(unitLogs('system', 'web', { follow: false, lines: 9, since }, 1000))).toContain(written);
  expect(display(unitLogs('system', 'web.service', { follow: false, lines: 9 }, 1000))).toContain(
    '-n 9 -u web.service',
  );
});

test('blocks are found by every name of a unit', () => {
  const blocks = readUnitBlocks([
    'Id=ssh.service',
    'Names=sshd.service ssh.service',
    'ActiveState=active',
    '',
    'Id=no.service',
    'LoadState=not-found',
  ]);
  expect(blocks.get('sshd.service')?.ActiveState).toBe('active');
  expect(blocks.get('no.service')?.LoadState).toBe('not-found');
});

test.each([
  ['loaded', 'active', 'running', 'running'],
  ['loaded', 'active', 'exited', 'running'],
  ['loaded', 'reloading', 'reload', 'running'],
  ['loaded', 'activating', 'start', 'starting'],
  ['loaded', 'activating', 'auto-restart', 'crash-looping'],
  ['loaded', 'activating', 'auto-restart-queued', 'crash-looping'],
  ['loaded', 'deactivating', 'stop-sigterm', 'stopped'],
  ['loaded', 'inactive', 'dead', 'stopped'],
  ['masked', 'inactive', 'dead', 'stopped'],
  ['loaded', 'failed', 'failed', 'failed'],
  ['not-found', 'inactive', 'dead', undefined],
  ['not-found', 'failed', 'failed', undefined],
  ['not-found', 'active', 'running', 'running'],
])('%s, %s (%s) is %s', (LoadState, ActiveState, SubState, state) =>
  expect(unitRunState({ LoadState, ActiveState, SubState })).toBe(state),
);

test('its start is an instant, and absent when it never started', () => {
  expect(unitStartedAt({ ExecMainStartTimestamp: 'Fri 2026-11-27 10:00:00 UTC' })).toBe(
    Date.UTC(2026, 10, 27, 10) / 1000,
  );
  expect(unitStartedAt({ ExecMainStartTimestamp: '' })).toBeUndefined();
  expect(unitStartedAt({ ExecMainStartTimestamp: 'Fri 2026-11-27 10:00:00 CET' })).toBeUndefined();
});

test.each([
  [{ Result: 'exit-code', ExecMainCode: '1', ExecMainStatus: '203' }, 'exit code 203 (exit-code)'],
  [{ Result: 'oom-kill', ExecMainCode: '2', ExecMainStatus: '9' }, 'signal 9 (oom-kill)'],
  [{ Result: 'resources', ExecMainCode: '0' }, 'resources'],
  [{ Result: 'success' }, undefined],
])('%j ended with %s', (unit, end) => expect(unitEnd(unit)).toBe(end));
