// Words that change systemd units, for the system's manager and for a user's: load, enable, start, stop, logs.
import { type Command, sh } from './command.js';

export type UnitScope = 'system' | 'user';

/** `systemctl` as the manager of this scope needs to be called. */
export function systemctl(scope: UnitScope): Command {
  return scope === 'system' ? sh`p_root systemctl` : sh`p_user_bus; systemctl --user`;
}

/** Files on disk are changed first (`--no-reload`), then one reload serves them all. */
export const unmaskHead = (scope: UnitScope): Command => sh`${systemctl(scope)} unmask --quiet --no-reload --`;
export const enableHead = (scope: UnitScope): Command => sh`${systemctl(scope)} enable --quiet --no-reload --`;
export const reloadUnits = (scope: UnitScope): Command => sh`${systemctl(scope)} daemon-reload`;
export const startHead = (scope: UnitScope): Command => sh`${systemctl(scope)} start --`;
export const restartHead = (scope: UnitScope): Command => sh`${systemctl(scope)} restart --`;

/** A unit that failed too often may not be started again before this; one that is not loaded has nothing to forget. */
export function forgetFailureHead(scope: UnitScope): Command {
  return sh`${shell(scope)} ${'systemctl $p_user_flag reset-failed -- "$@" 2>/dev/null || :'} sh`;
}

/**
 * Stops and disables the words that follow: all at once, or when that fails one by one, where a unit that is gone by
 * now counts as stopped.
 */
export function stopHead(scope: UnitScope): Command {
  const script = `systemctl $p_user_flag disable --now --quiet -- "$@" 2>/dev/null && exit 0
p_bad=0
for p_unit do
  if systemctl $p_user_flag cat -- "$p_unit" >/dev/null 2>&1; then systemctl $p_user_flag disable --quiet -- "$p_unit" || p_bad=1; fi
  systemctl $p_user_flag stop -- "$p_unit" || [ $? = 5 ] || p_bad=1
done
exit $p_bad`;
  return sh`${shell(scope)} ${script} sh`;
}

/** A script of ours for one manager; `$p_user_flag` in it is `--user` or nothing. */
function shell(scope: UnitScope): Command {
  return scope === 'system' ? sh`p_root env p_user_flag= sh -c` : sh`p_user_bus; p_user_flag=--user sh -c`;
}

/** Fails, with our word for it, when there is no such unit. */
export function requireUnit(scope: UnitScope, unit: string): Command {
  const list = scope === 'system' ? sh`systemctl` : systemctl(scope);
  return sh`${list} cat -- ${unit} >/dev/null 2>&1 || { echo "portoser: unit-missing" ${unit} >&2; false; }`;
}

/** Lets the SSH user's units run without a login, and waits (at most 10 s) until their manager can be spoken to. */
export function keepLingering(user: string): Command {
  return sh`p_user_bus
if [ ! -e /var/lib/systemd/linger/${user} ]; then loginctl --no-ask-password enable-linger 2>/dev/null || p_root loginctl enable-linger ${user} || { echo "portoser: no-linger" >&2; return 1; }; fi
p_tries=0
until systemctl --user show --property=Version >/dev/null 2>&1; do
  p_tries=$((p_tries + 1)); if [ $p_tries -gt 100 ]; then echo "portoser: no-user-manager" >&2; return 1; fi
  sleep 0.1 2>/dev/null || { sleep 1; p_tries=$((p_tries + 9)); }
done`;
}

export interface LogAsk {
  readonly follow: boolean;
  readonly lines: number;
  /** A span before now (`10m`), an instant in ISO 8601, or anything else that journalctl(1) understands. */
  readonly since?: string;
}

/** systemd.time(7): a span is in the past by its sign alone, and the `T` of ISO 8601 is new in version 255. */
function journalTime(since: string): string {
  if (/^\d+(ms|s|m|h|d|w)$/.test(since)) return `-${since}`;
  const at = /^\d{4}-\d\d-\d\dT/.test(since) ? Date.parse(since) : Number.NaN;
  return Number.isNaN(at) ? since : `@${Math.floor(at / 1000)}`;
}

function linesOf({ since, follow, lines }: LogAsk): readonly string[] {
  const from = since === undefined ? ['-n', `${lines}`] : [`--since=${journalTime(since)}`];
  return follow ? [...from, '-f'] : from;
}

/**
 * The journal of one unit: its last lines, all since a time while following, or the last lines of that. By root where
 * sudo allows it, since the system's journal is closed to most users; a user's unit is found by its fields, as `--user`
 * finds nothing where journals are not split by user.
 */
export function unitLogs(scope: UnitScope, unit: string, ask: LogAsk, uid: number): Command {
  const which =
    scope === 'system'
      ? ['-u', unit]
      : [`_UID=${uid}`, `_SYSTEMD_USER_UNIT=${unit}`, '+', `_UID=${uid}`, `USER_UNIT=${unit}`];
  const read = sh`p_reader journalctl --no-pager -o short-iso ${linesOf(ask)} ${which}`;
  // With --since, -n counts from there on: the last lines are cut off behind it, and its exit code is kept.
  const last = sh`exec 4>&1; p_code=$({ { ${read}; echo "$?" >&3; } | tail -n ${ask.lines} >&4; } 3>&1); exit "$p_code"`;
  return sh`p_reader() { if [ "$p_uid" = 0 ] || [ "$p_sudo" = never ] || ! sudo -n true 2>/dev/null; then "$@"; else sudo -n -- "$@"; fi; }
${ask.since === undefined || ask.follow ? read : last}\n`;
}
