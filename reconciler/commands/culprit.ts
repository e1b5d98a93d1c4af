// Asks a machine when and by whom something was changed there: its journal, sudo's log, Docker's events, the times of files. Only looks.
import { type Command, lines, sh } from './command.js';
import { findState } from './ownership.js';
import { prelude, type PreludeSettings } from './prelude.js';

/** What runs (or ran) one placement; `since`: seconds since 1970 by the machine's clock, our own last change of it. */
export type CulpritTarget =
  | { readonly kind: 'unit'; readonly scope: 'system' | 'user'; readonly unit: string; readonly since: number }
  | { readonly kind: 'project'; readonly project: string; readonly since: number }
  | { readonly kind: 'process'; readonly service: string; readonly since: number };

export interface CulpritAsk extends PreludeSettings {
  readonly cluster: string;
  /** The SSH user's. */
  readonly uid: number;
  readonly targets: readonly CulpritTarget[];
  /** Absolute. */
  readonly files: readonly string[];
}

/**
 * MESSAGE_IDs of what systemd itself says of a unit: started, stopping, process exited, failed, ended well (systemd,
 * src/systemd/sd-messages.h). They are read by their other fields.
 */
const unitMessages = [
  '39f53479d3a045ac8e11786248231fbf',
  'de5b426a63be47a7b6ac3eaac82e2f6f',
  '98e322203f7a4ed290d09fe03c09fe15',
  'd9b373ed55a64feb8242e02dbe79a49c',
  '7ad2d189f7e94e70a38c781354912448',
];

/** Seconds that one log may take. */
const patience = 4;
/** Somebody may edit a file for half an hour before it is saved. */
const before = 1800;

/**
 * `p_reader WORDS…` reads by root where sudo allows it, since logs are closed to most users; `p_brief WORDS…` the same,
 * and not for long; `p_journal WORDS…` prints entries as JSON, newest first; `p_around SECONDS…` notes moments around
 * which sudo's log is read.
 */
const words = sh`p_by=; if [ "$p_uid" != 0 ] && [ "$p_sudo" != never ] && sudo -n true 2>/dev/null; then p_by='sudo -n'; fi
p_limit=; if command -v timeout >/dev/null 2>&1; then p_limit='timeout '${patience}; fi
p_reader() { $p_by "$@" 2>/dev/null; }
p_brief() { $p_by $p_limit "$@" 2>/dev/null; }
p_journal() { if command -v journalctl >/dev/null 2>&1; then p_brief journalctl -q -r --no-pager -o json "$@"; fi; }
p_moments=; p_around() { p_moments="$p_moments $*"; }
p_now=$(date +%s); p_around "$p_now"
p_say clock "$p_now" "$(date +%z)"; p_say ours "\${SSH_CONNECTION:--}"
`;

/** Seconds of the newest entry, as JSON of the journal names them in microseconds. */
const newest = sh`sed -n '1s/.*"__REALTIME_TIMESTAMP" *: *"\\([0-9]*\\)[0-9]\\{6\\}".*/\\1/p'`;

/** Only what the service manager wrote itself: whoever logs may claim any unit, but not to be process 1. */
function askUnit(index: number, target: CulpritTarget & { kind: 'unit' }, uid: number): Command {
  const { unit, scope, since } = target;
  const said = unitMessages.map(id => `MESSAGE_ID=${id}`);
  const whose = scope === 'system' ? ['_PID=1', `UNIT=${unit}`] : ['_COMM=systemd', `_UID=${uid}`, `USER_UNIT=${unit}`];
  const show = scope === 'system' ? sh`systemctl` : sh`p_user_bus; systemctl --user`;
  return sh`p_say unit ${index}
(${show} show --property=ExecMainPID -- ${unit} 2>/dev/null)
p_a=$(p_journal -n 20 ${`--since=@${since}`} ${whose} ${said})
printf '%s\\n' "$p_a"; p_around $(printf '%s\\n' "$p_a" | ${newest})`;
}

const askProcess = (index: number, service: string): Command =>
  sh`p_a=; if [ -n "$p_state" ] && [ -r "$p_state/supervise"/${service} ]; then read -r p_a p_b <"$p_state/supervise"/${service}; fi; p_say process ${index} "\${p_a:--}"`;

const endFormat = '{{.Id}} {{.State.FinishedAt}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Status}} {{.Name}}';

/** `ID FINISHED-AT EXIT-CODE OOM-KILLED STATUS NAME` of each container that is left of a project. */
function askContainers(index: number, project: string): Command {
  return sh`p_say containers ${index}
for p_id in $(p_engine $p_limit docker ps -aq --no-trunc --filter ${`label=com.docker.compose.project=${project}`} 2>/dev/null); do
  p_a=$(p_engine $p_limit docker inspect --type container --format ${endFormat} "$p_id" 2>/dev/null) || continue
  printf '%s\\n' "$p_a"; set -- $p_a; p_b=\${2%%.*}; p_b=\${p_b%Z}
  p_around $(date -u -d "\${p_b%T*} \${p_b#*T}" +%s 2>/dev/null)
done`;
}

const eventKinds = ['start', 'kill', 'die', 'oom', 'stop', 'pause', 'destroy'].flatMap(kind => [
  '--filter',
  `event=${kind}`,
]);

/** The engine keeps the last 256 events, until it is restarted. Without fractions of a second the present one must end first. */
function askEvents(since: number): Command {
  return sh`p_say events
p_until=$(date +%s.%N); case $p_until in *[!0-9.]*|*.) p_until=$(($(date +%s) + 1)) ;; esac
p_a=$(p_engine $p_limit docker events ${`--since=${since}`} "--until=$p_until" --filter type=container ${eventKinds} --format '{{json .}}' 2>/dev/null)
printf '%s\\n' "$p_a"; p_around $(printf '%s\\n' "$p_a" | sed -n 's/.*"time" *: *\\([0-9]*\\).*/\\1/p')`;
}

/** `file INDEX MTIME CTIME OWNER`; where it is gone, `folder …` of the folder that it stood in. */
function askFiles(files: readonly string[]): Command {
  if (files.length === 0) return sh``;
  const each = files.map((path, index) => sh`p_file ${index} ${path}`);
  return sh`if stat -c %a / >/dev/null 2>&1; then p_stat() { p_reader stat -c '%Y %Z %U' -- "$1"; }; else p_stat() { p_reader stat -f '%m %c %Su' -- "$1"; }; fi
p_file() {
  if p_a=$(p_stat "$2"); then p_say file "$1" "$p_a"
  elif p_b=\${2%/*} && p_a=$(p_stat "\${p_b:-/}"); then p_say folder "$1" "$p_a"
  else return; fi
  p_b=\${p_a#* }; p_around "\${p_a%% *}" "\${p_b%% *}"
}
${lines(each)}`;
}

/** Looking at things is no change; and we look often, by these. */
const looks =
  'COMMAND=[^ "]*/(timeout [0-9]+ )?([^ "]*/)?(true|test|stat|sha256sum|shasum|cat|tail|journalctl|docker (ps|inspect|events|version))([ "]|$)';

/**
 * Commands in sudo's log and logins, around each moment that was noted. Only what a program called sudo wrote: anybody may
 * log under its name. Where the journal has nothing, the file that a syslog keeps.
 */
function askPeople(since: number): Command {
  return sh`p_from=; p_to=; p_any=
p_flush() {
  if [ -z "$p_from" ]; then return; fi
  p_say sudo; p_a=$(p_journal -n 4000 --since=@$p_from --until=@$p_to _COMM=sudo | grep COMMAND= | grep -E -v ${looks} | head -n 200)
  printf '%s\\n' "$p_a"
  p_say logins; p_b=$(p_journal -n 1000 --since=@$p_from --until=@$p_to _COMM=sshd _COMM=sshd-session | grep '"Accepted ' | head -n 50)
  printf '%s\\n' "$p_b"; p_any="$p_any$p_a$p_b"
}
for p_m in $(printf '%s\\n' $p_moments | sort -n -u | grep -E '^[0-9]{6,12}$' | tail -n 24); do
  if [ "$p_m" -lt ${since} ]; then continue; fi
  if [ -n "$p_to" ] && [ $((p_m - ${before})) -le "$p_to" ]; then p_to=$((p_m + 2)); continue; fi
  p_flush; p_from=$((p_m - ${before})); p_to=$((p_m + 2))
done
p_flush
if [ -z "$p_any" ]; then for p_file in /var/log/auth.log /var/log/secure; do
  if [ ! -f "$p_file" ]; then continue; fi
  p_say authlog; p_brief tail -c 1048576 "$p_file" | grep -E -e 'sudo.*COMMAND=' -e 'sshd.*: Accepted ' | grep -E -v ${looks} | tail -n 400
done; fi`;
}

function askTarget(target: CulpritTarget, index: number, uid: number): Command {
  switch (target.kind) {
    case 'unit':
      return askUnit(index, target, uid);
    case 'project':
      return askContainers(index, target.project);
    case 'process':
      return askProcess(index, target.service);
    default:
      return target satisfies never;
  }
}

/** Framed as the probe is; targets and files by their places in the lists. */
export function culpritCommand(ask: CulpritAsk): Command {
  const projects = ask.targets.filter(one => one.kind === 'project');
  return lines([
    prelude(ask),
    sh`p_say portoser 1`,
    findState(ask.cluster),
    words,
    ...ask.targets.map((target, index) => askTarget(target, index, ask.uid)),
    ...(projects.length === 0 ? [] : [askEvents(Math.min(...projects.map(one => one.since)))]),
    askFiles(ask.files),
    askPeople(Math.min(...ask.targets.map(one => one.since))),
    sh`p_say end`,
  ]);
}
