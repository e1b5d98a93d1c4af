// Looking at systemd units: one `systemctl show` a scope for all of them, read by property, never from text for people.
import type { RunState } from '../../schema/state.js';
import { type Command, sh } from './command.js';

const properties = [
  'Id',
  'Names',
  'LoadState',
  'ActiveState',
  'SubState',
  'UnitFileState',
  'MainPID',
  'NRestarts',
  'NeedDaemonReload',
  'DropInPaths',
  'Result',
  'ExecMainCode',
  'ExecMainStatus',
  'ExecMainStartTimestamp',
  'ControlGroup',
] as const;

export type UnitProperties = Readonly<Partial<Record<(typeof properties)[number], string>>>;

/** Where a probe asks what they use, their control groups are noted (usage.ts). */
function showUnits(systemctl: Command, units: readonly string[]): Command {
  return sh`p_shown=$(TZ=UTC ${systemctl} show ${`--property=${properties.join(',')}`} -- ${units} 2>&1)
printf '%s\\n' "$p_shown"; if [ -n "$p_uses" ]; then p_use_units "$p_shown"; fi
`;
}

/** Prints blocks of `Property=value`, an empty line between them. The time zone makes times readable for `unitStartedAt`. */
export function showSystemUnits(units: readonly string[]): Command {
  return showUnits(sh`systemctl`, units);
}

/**
 * The same of the SSH user's manager. Without one nothing of theirs runs: then `user-file UNIT` lines name the unit files
 * that stand there all the same.
 */
export function showUserUnits(units: readonly string[]): Command {
  return sh`p_user_bus
if [ -S "$XDG_RUNTIME_DIR/systemd/private" ] || [ -S "$XDG_RUNTIME_DIR/bus" ]; then
${showUnits(sh`systemctl --user`, units)}else
echo no-user-manager
for p_unit in ${units}; do if [ -e "$HOME/.config/systemd/user/$p_unit" ]; then echo "user-file $p_unit"; fi; done
fi
`;
}

/** Blocks by every name that a unit goes by: systemctl answers an alias with the unit's own name as `Id`. */
export function readUnitBlocks(section: readonly string[]): ReadonlyMap<string, UnitProperties> {
  const blocks = new Map<string, UnitProperties>();
  let block: Record<string, string> = {};
  const close = (): void => {
    const names = [block['Id'] ?? '', ...(block['Names'] ?? '').split(' ')];
    for (const name of names.filter(one => one !== '')) blocks.set(name, block);
    block = {};
  };
  for (const line of section) {
    const at = line.indexOf('=');
    if (line === '') close();
    else if (at > 0) block[line.slice(0, at)] = line.slice(at + 1);
  }
  close();
  return blocks;
}

/** Its run state in our words; undefined: there is no such unit (not even one that runs on after its file went). */
export function unitRunState(unit: UnitProperties): RunState | undefined {
  const active = unit.ActiveState ?? '';
  const alive = active === 'active' || active === 'activating' || active === 'reloading';
  if (unit.LoadState === 'not-found' && !alive) return undefined;
  if (active === 'activating') return unit.SubState?.startsWith('auto-restart') === true ? 'crash-looping' : 'starting';
  if (alive) return 'running';
  return active === 'failed' || active === 'maintenance' ? 'failed' : 'stopped';
}

/** Seconds since 1970 of `Fri 2026-11-27 10:00:00 UTC`, the one form that all versions print for TZ=UTC. */
export function unitStartedAt(unit: UnitProperties): number | undefined {
  const parts = /^\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(unit.ExecMainStartTimestamp ?? '');
  return parts === null ? undefined : Date.parse(`${parts[1]}T${parts[2]}Z`) / 1000;
}

/** How its main process last ended: `exit code 1`, `signal 9`; undefined: it runs, or ended well. (CLD_* of waitid(2).) */
export function unitEnd(unit: UnitProperties): string | undefined {
  if (unit.Result === undefined || unit.Result === 'success') return undefined;
  if (unit.ExecMainCode === '1') return `exit code ${unit.ExecMainStatus} (${unit.Result})`;
  if (unit.ExecMainCode === '2' || unit.ExecMainCode === '3') return `signal ${unit.ExecMainStatus} (${unit.Result})`;
  return unit.Result;
}
