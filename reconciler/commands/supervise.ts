// The bare supervisor: processes kept without a service manager, by pid and start time, in a session of their own.
import { type Command, sh } from './command.js';

/** A log larger than this is put aside when its service starts; so many are kept besides it. */
export const logLimitBytes = 10 * 1024 * 1024;

/**
 * `p_recorded SERVICE` reads the record `pid start boot started-at user` and sets `$p_is`: `none`, `running`,
 * `gone`, `rest` (its first process ended, others of its group live) or `reused` (the pid is another process's by now).
 */
const recordWords = sh`p_boot=; { read -r p_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || p_boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null || sysctl -n kern.boottime | tr -s ' ' _)
p_group_lives() {
  if [ ! -r /proc/self/stat ]; then kill -0 -- "-$1" 2>/dev/null; return; fi
  for p_l in /proc/[0-9]*/stat; do
    { read -r p_l <"$p_l"; } 2>/dev/null || continue
    p_fields \${p_l##*) }; if [ "$p_group" = "$1" ] && [ "$p_state_letter" != Z ] && [ "$p_state_letter" != X ]; then return; fi
  done
  return 1
}
p_recorded() {
  p_is=none; p_pid=; p_start=; p_at=; p_owner=
  if [ -z "$p_state" ] || [ ! -r "$p_state/supervise/$1" ]; then return; fi
  p_its_boot=; read -r p_pid p_start p_its_boot p_at p_owner <"$p_state/supervise/$1"; p_is=gone
  case $p_pid in ''|*[!0-9]*|0|1) return ;; esac
  if [ "$p_its_boot" != "$p_boot" ]; then return; fi
  if p_born "$p_pid"; then if [ "$p_b" = "$p_start" ]; then p_is=running; else p_is=reused; fi
  elif [ -z "$p_b" ] || [ "$p_b" = "$p_start" ]; then if p_group_lives "$p_pid"; then p_is=rest; fi; fi
}
`;

/** Prints `supervised INDEX STATE PID STARTED-AT` for each. */
export function lookAtSupervised(asked: readonly { readonly index: number; readonly service: string }[]): Command {
  if (asked.length === 0) return sh``;
  const each = asked.map(
    ({ index, service }) => sh`p_recorded ${service}; echo supervised ${index} "$p_is" "\${p_pid:--}" "\${p_at:--}"
if [ -n "$p_uses" ] && [ "$p_is" = running ]; then p_use_group "$p_pid"; fi
`,
  );
  return sh`${recordWords}${{ words: each.flatMap(one => one.words) }}`;
}

/** What the service's user runs: puts a large log aside, starts the launcher in a session of its own, prints pid and start time. */
const startScript = `umask 022; p_log=$2
case $p_log in */*) mkdir -p "\${p_log%/*}" || exit ;; esac
if [ -f "$p_log" ] && [ "$(($(wc -c <"$p_log")))" -gt ${logLimitBytes} ]; then
  for p_n in 2 1; do if [ -f "$p_log.$p_n" ]; then mv -f "$p_log.$p_n" "$p_log.$((p_n + 1))"; fi; done; mv -f "$p_log" "$p_log.1"
fi
: >>"$p_log" || exit
if command -v setsid >/dev/null 2>&1; then set -- setsid /bin/sh "$1"
elif command -v perl >/dev/null 2>&1; then set -- perl -MPOSIX -e 'POSIX::setsid(); exec @ARGV; exit 127' /bin/sh "$1"
else set -m; trap "" HUP; set -- /bin/sh "$1"; fi
"$@" </dev/null >>"$p_log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
p_pid=$!; p_l=
if [ -r /proc/self/stat ]; then read -r p_l <"/proc/$p_pid/stat"; set -- \${p_l##*) }; echo "$p_pid \${20}"
else echo "$p_pid $(ps -o lstart= -p "$p_pid" | tr -s ' ' _)"; fi`;

/** `p_supervise_stop SERVICE TENTHS`: TERM to the group, then KILL, until nothing of it lives; a stranger with its pid is left alone. */
const stopWords = sh`p_signal() { p_as "$p_owner" /bin/sh -c 'kill -s "$1" -- "-$2" 2>/dev/null || kill -s "$1" "$2" 2>/dev/null' sh "$1" "$p_pid"; }
p_gone_within() {
  p_left=$1
  while p_group_lives "$p_pid" || { p_born "$p_pid" && [ "$p_b" = "$p_start" ]; }; do
    if [ "$p_left" -le 0 ]; then return 1; fi
    if sleep 0.1 2>/dev/null; then p_left=$((p_left - 1)); else sleep 1; p_left=$((p_left - 10)); fi
  done
}
p_supervise_stop() {
  p_recorded "$1"
  case $p_is in running|rest)
    p_signal TERM
    if ! p_gone_within "$2"; then p_signal KILL; p_gone_within 100 || { echo "portoser: process $p_pid cannot be ended" >&2; return 1; }; fi ;;
  esac
  rm -f "$p_state/supervise/$1"
}
`;

export interface SuperviseStart {
  readonly service: string;
  /** Run as. */
  readonly user: string;
  readonly launcher: string;
  readonly logFile: string;
  readonly stopTimeoutMs: number;
  /** What runs already is ended first; else it is left running. */
  readonly restart: boolean;
}

const tenths = (ms: number): number => Math.ceil(ms / 100);

export function superviseStart(ask: SuperviseStart): Command {
  const keep = ask.restart ? sh`` : sh`p_recorded ${ask.service}; if [ "$p_is" = running ]; then return 0; fi\n`;
  return sh`${recordWords}${stopWords}p_supervise_start() {
${keep}p_supervise_stop "$1" "$2" || return
p_new=$(p_as "$3" /bin/sh -c ${startScript} sh "$4" "$5") || { echo "portoser: it could not be started" >&2; return 1; }
mkdir -p "$p_state/supervise" && printf '%s %s %s %s\\n' "$p_new" "$p_boot" "$(date +%s)" "$3" >"$p_state/supervise/.$1.new" && mv -f "$p_state/supervise/.$1.new" "$p_state/supervise/$1"
}
p_supervise_start ${ask.service} ${tenths(ask.stopTimeoutMs)} ${ask.user} ${ask.launcher} ${ask.logFile}`;
}

export function superviseStop(service: string, stopTimeoutMs: number): Command {
  return sh`${recordWords}${stopWords}p_supervise_stop ${service} ${tenths(stopTimeoutMs)}`;
}

export interface FileLogAsk {
  readonly follow: boolean;
  readonly lines: number;
  readonly since?: string;
}

/** The last lines of a log file, and what follows when asked (through its rotation). Its lines have no times to choose by. */
export function tailLog(logFile: string, ask: FileLogAsk): Command {
  if (ask.since !== undefined)
    return sh`echo ${`lines of ${logFile} have no times, so --since cannot be answered; ask for lines by -n`} >&2; exit 64\n`;
  const words = ['-n', String(ask.lines), ...(ask.follow ? ['-F'] : [])];
  return sh`if [ -r ${logFile} ]; then tail ${words} ${logFile}; elif p_root test -e ${logFile}; then p_root tail ${words} ${logFile}; fi\n`;
}
