// What `adopt` asks of a machine: what runs there besides ours, and what Compose makes of the files of its projects. Only looks.
import { type Command, lines, sh } from './command.js';
import { askCompose, type ComposeQuestion, lookAtAllContainers } from './docker-survey.js';
import { prelude, type PreludeSettings } from './prelude.js';

export interface SurveyAsk extends PreludeSettings {
  readonly cluster: string;
}

/** Where people put units of their own (systemd.unit(5)); packages put theirs elsewhere. */
const unitFolder = '/etc/systemd/system';

const unitProperties = ['Id', 'LoadState', 'FragmentPath', 'WorkingDirectory', 'ExecStart'];

/**
 * Sets the words to the names of units whose files stand in the folder as plain files; of a template its loaded
 * instances.
 */
const findUnits = sh`set --
for p_a in ${unitFolder}/*.service ${unitFolder}/*.timer ${unitFolder}/*.socket ${unitFolder}/*.path; do
  if [ -f "$p_a" ] && [ ! -L "$p_a" ]; then case $p_a in *@.*) ;; *) set -- "$@" "\${p_a##*/}" ;; esac; fi
done
p_loaded=$(systemctl list-units --all --plain --no-legend --no-pager --type=service,timer,socket,path 2>/dev/null | sed -n 's/^\\([^ ]*@[^ ]*\\) .*/\\1/p')
for p_a in $p_loaded; do
  p_b=${unitFolder}/"\${p_a%%@*}@.\${p_a##*.}"
  if [ -f "$p_b" ] && [ ! -L "$p_b" ]; then set -- "$@" "$p_a"; fi
done
`;

/** `packaged UNIT` for those that came with a package, `vendor UNIT` for copies of such. */
const whoseUnits = sh`p_packaged() {
  if command -v dpkg-query >/dev/null 2>&1; then dpkg-query -S "$1"
  elif command -v rpm >/dev/null 2>&1; then rpm -qf "$1"
  elif command -v pacman >/dev/null 2>&1; then pacman -Qo "$1"
  elif command -v apk >/dev/null 2>&1; then apk info --who-owns "$1" | grep 'is owned by'
  else false; fi >/dev/null 2>&1
}
for p_a do
  case $p_a in *@*) p_b="\${p_a%%@*}@.\${p_a##*.}" ;; *) p_b=$p_a ;; esac
  if [ -e "/usr/lib/systemd/system/$p_b" ] || [ -e "/lib/systemd/system/$p_b" ]; then echo "vendor $p_a"
  elif p_packaged ${unitFolder}/"$p_b"; then echo "packaged $p_a"; fi
done
`;

/** Who listens, and which unit each of the processes belongs to: a line `cgroup PID PATH` a process. */
const listeners = sh`p_say listening
p_ss=$(p_root ss -Hltnp 2>/dev/null || ss -Hltnp 2>/dev/null); printf '%s\\n' "$p_ss"
p_say cgroups
for p_a in $(printf '%s\\n' "$p_ss" | sed 's/pid=/\\
pid=/g' | sed -n 's/^pid=\\([0-9]*\\).*/\\1/p' | sort -u); do
  if [ -r "/proc/$p_a/cgroup" ]; then sed -n "s|^[^/]*\\(/.*\\.service.*\\)|cgroup $p_a \\1|p" "/proc/$p_a/cgroup" | head -n 1; fi
done
`;

/** What stands in the stamps of other clusters: lines `CLUSTER unit|project NAME`. */
function others(cluster: string): Command {
  return sh`p_say others
for p_a in \${XDG_STATE_HOME:+"$XDG_STATE_HOME/portoser/clusters"} /var/lib/portoser/clusters "\${HOME:-/}/.local/state/portoser/clusters"; do
  for p_b in "$p_a"/*/stamps/*; do
    p_c=\${p_b%/stamps/*}; p_c=\${p_c##*/}
    if [ -r "$p_b" ] && [ "$p_c" != ${cluster} ]; then sed -n -e "s/^unit /$p_c unit /p" -e "s/^project /$p_c project /p" "$p_b"; fi
  done
done
`;
}

/** Sections `containers`, `units` (blocks of properties), `whose`, `listening`, `cgroups`, `others`. */
export function surveyCommand(ask: SurveyAsk): Command {
  return lines([
    prelude(ask),
    sh`p_say portoser 1`,
    sh`p_say containers`,
    lookAtAllContainers(),
    sh`if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
${findUnits}p_say units
if [ $# -gt 0 ]; then systemctl show ${`--property=${unitProperties.join(',')}`} -- "$@" 2>/dev/null; fi
p_say whose
${whoseUnits}fi`,
    listeners,
    others(ask.cluster),
    sh`p_say end`,
  ]);
}

/** A section `project INDEX` each, with lines `file NAME`, `hash INNER HASH`, `code N`, and `said …` where it failed. */
export function composeSurvey(settings: PreludeSettings, projects: readonly ComposeQuestion[]): Command {
  return lines([
    prelude(settings),
    sh`p_say portoser 1`,
    ...projects.map((project, index) => sh`p_say project ${index}\n${askCompose(project)}`),
    sh`p_say end`,
  ]);
}
