// Words for Docker and Compose on a machine: look at projects, bring one up, stop it, remove its containers, print its log.
import { type Command, lines, sh } from './command.js';
import { sudoRefusedCode } from './prelude.js';

/** What our scripts say on standard error when Docker itself is the trouble: facts found there, not a tool's words. */
export const engineWords = {
  missing: 'portoser: docker is not installed',
  compose: 'portoser: docker compose is not installed',
  old: 'portoser: docker compose is too old for port_mapping',
  down: 'portoser: the docker engine does not answer',
  refused: 'portoser: this user may not use docker',
  invalid: 'portoser: docker compose refuses the compose file',
} as const;

export const projectLabel = 'com.docker.compose.project';
/** Seconds after which a hung engine is given up; a loaded Raspberry Pi needs three for fifty containers. */
const engineSeconds = 10;
/** BSD sysexits EX_UNAVAILABLE and the one after it; Compose itself ends with 1 and 14 to 18. */
const noCompose = 69;
const oldCompose = 70;
/** Compose v2 ends with it when it cannot parse its files (docker/compose, pkg/compose/errors). */
const composeRefuses = 15;

/**
 * `p_timed WORDS…` a program that talks to the engine, with a time limit where the machine has `timeout`;
 * `p_find_compose` chooses between the plugin and the older program; `p_compose WORDS…` runs what it chose;
 * `p_why CODE` says what is wrong with Docker after a failure, and ends with that code.
 */
const functions = sh`p_timed() { if command -v timeout >/dev/null 2>&1; then p_engine timeout ${engineSeconds} "$@"; else p_engine "$@"; fi; }
p_find_compose() {
  if p_version=$(p_timed docker compose version --short 2>/dev/null); then p_program='docker compose'
  elif command -v docker-compose >/dev/null 2>&1; then p_program=docker-compose; p_version=$(p_timed docker-compose version --short 2>/dev/null)
  else return ${noCompose}; fi
}
p_compose() { p_engine $p_program "$@"; }
p_why() {
  if ! command -v docker >/dev/null 2>&1; then echo ${engineWords.missing} >&2; exit "$1"; fi
  p_timed docker version >/dev/null 2>&1
  case $?,$1 in
    ${sudoRefusedCode},*) echo ${engineWords.refused} >&2; exit 1 ;;
    0,${noCompose}) echo ${engineWords.compose} >&2 ;;
    0,${oldCompose}) echo ${engineWords.old} >&2 ;;
    0,${composeRefuses}) echo ${engineWords.invalid} >&2 ;;
    0,*) ;;
    *) echo ${engineWords.down} >&2 ;;
  esac
  exit "$1"
}
`;

/** Releases that do not know `!override` (compose-spec/compose-go#552: first in Compose 2.24.4). */
const wantOverrideTag = sh`case \${p_version#v} in
  [01].*|2.[0-9]|2.[0-9].*|2.1[0-9].*|2.2[0-3].*|2.24.[0-3]|2.24.[0-3][!0-9]*) p_why ${oldCompose} ;;
esac
`;

/** In a shell of its own: nothing of it stays for the commands after it. */
export function alone(commands: readonly Command[]): Command {
  return sh`(\n${lines([functions, ...commands])})`;
}

const ofProject = (project: string): string => `label=${projectLabel}=${project}`;

export const field = (template: string): string => `{{json ${template}}}`;
export const label = (name: string): string => field(`(index .Config.Labels "${name}")`);

/**
 * One JSON object a container; `driver` reads the same names (docker-seen.ts). `.ID`, as the client's own type has it: by `.Id`
 * it would fall back to the engine's JSON, where a field that is not there is an error.
 */
const containerFormat = `{${Object.entries({
  id: field('.ID'),
  pid: field('.State.Pid'),
  name: field('.Name'),
  image: field('.Image'),
  project: label(projectLabel),
  inner: label('com.docker.compose.service'),
  oneOff: label('com.docker.compose.oneoff'),
  files: label('com.docker.compose.project.config_files'),
  fingerprint: label('io.portoser.fingerprint'),
  job: label('io.portoser.job'),
  status: field('.State.Status'),
  exitCode: field('.State.ExitCode'),
  oomKilled: field('.State.OOMKilled'),
  error: field('.State.Error'),
  startedAt: field('.State.StartedAt'),
  health: `{{if .State.Health}}${field('.State.Health.Status')}{{else}}null{{end}}`,
  restarts: field('.RestartCount'),
  restart: field('.HostConfig.RestartPolicy.Name'),
  ports: field('.NetworkSettings.Ports'),
})
  .map(([name, value]) => `"${name}":${value}`)
  .join(',')}}`;

/**
 * All containers that Compose made, one JSON object a line, then one line about the engine (`ok`, `missing`, `down`,
 * `refused`) with the machine's clock. A container that goes away between the two questions makes it ask again; without
 * the last line the answer is not whole. Where a probe asks, what they use stands before that line (usage.ts).
 */
export function lookAtProjects(): Command {
  return alone([
    sh`p_ends() { printf '{"engine":"%s","clock":%s}\\n' "$1" "$(date +%s)"; exit 0; }
p_say_used() {
  if [ -z "$p_uses" ]; then return; fi
  ( set -f; IFS=$p_nl; for p_l in $p_seen; do p_l=\${p_l#*'"id":"'}; p_id=\${p_l%%'"'*}; p_l=\${p_l#*'"pid":'}; p_use_container "$p_id" "\${p_l%%,*}"; done; p_used )
}
command -v docker >/dev/null 2>&1 || p_ends missing
for p_try in 1 2 3; do
  p_ids=$(p_timed docker ps -aq --no-trunc --filter ${`label=${projectLabel}`} 2>/dev/null)
  case $? in 0) ;; ${sudoRefusedCode}) p_ends refused ;; *) p_ends down ;; esac
  if [ -z "$p_ids" ]; then p_ends ok; fi
  if p_seen=$(p_timed docker inspect --type container --format ${containerFormat} $p_ids 2>/dev/null); then printf '%s\\n' "$p_seen"; p_say_used; p_ends ok; fi
done
p_ends down`,
  ]);
}

/** One line `ID ["NAME@DIGEST",…]` for each of these images that is there (`null` for one that no registry gave). */
export function askDigests(ids: readonly string[]): Command {
  return alone([sh`p_timed docker image inspect --format '{{.Id}} {{json .RepoDigests}}' ${ids} 2>/dev/null || :`]);
}

/**
 * One line `engine STATE` (`ok`, `missing`, `down`, `refused`); before it `docker VERSION` of an engine that answers, and
 * `compose VERSION PROGRAM…` where there is one.
 */
export function askEngine(): Command {
  return alone([
    sh`p_ends() { echo "engine $1"; exit 0; }
command -v docker >/dev/null 2>&1 || p_ends missing
p_server=$(p_timed docker version --format '{{.Server.Version}}' 2>/dev/null)
case $? in 0) echo "docker $p_server" ;; ${sudoRefusedCode}) p_ends refused ;; *) p_ends down ;; esac
if p_find_compose; then echo "compose $p_version $p_program"; fi
p_ends ok`,
  ]);
}

/** One call of Compose for one project. */
export interface ComposeCall {
  readonly path: string;
  readonly project: string;
  /** Absolute, in the order in which they are laid over one another. */
  readonly files: readonly string[];
  /** Absolute; for the variables in the compose files. The later one wins. The first counts only where it is there. */
  readonly envFiles: readonly [maybe: string, ...rest: string[]];
  /** Variables that the files give; whatever this shell has under those names must not win (it would, by Compose's rules). */
  readonly variables: readonly string[];
  /** It needs a Compose that knows `!override`. */
  readonly overrideTag: boolean;
}

/** Names that the shell, or the way to the engine, would miss. */
const kept = /^(PATH|HOME|PWD|IFS|E?UID|PPID|GROUPS|SHELLOPTS|BASH.*|DOCKER_.*|p_.*)$/;

function composeHead(call: ComposeCall): readonly Command[] {
  const [maybe, ...rest] = call.envFiles;
  const variables = call.variables.filter(name => /^[A-Za-z_]\w*$/.test(name) && !kept.test(name));
  return [
    sh`cd ${call.path} || exit`,
    sh`p_find_compose || p_why $?`,
    ...(call.overrideTag ? [wantOverrideTag] : []),
    ...(variables.length === 0 ? [] : [sh`unset ${variables}`]),
    sh`set -- -p ${call.project} ${call.files.flatMap(file => ['-f', file])}`,
    // naming any file turns off the one that Compose reads by itself
    sh`if [ -f ${maybe} ]; then set -- "$@" --env-file ${maybe}; fi`,
    ...(rest.length === 0 ? [] : [sh`set -- "$@" ${rest.flatMap(file => ['--env-file', file])}`]),
  ];
}

/** `compose pull` or `compose build`, with everything that the project needs to be read. */
export function composeSetup(call: ComposeCall, verb: 'pull' | 'build' | 'build --pull'): Command {
  const words = { pull: sh`pull --quiet`, build: sh`build`, 'build --pull': sh`build --pull` }[verb];
  return alone([...composeHead(call), sh`p_compose "$@" ${words} || p_why $?`]);
}

export interface UpWish {
  /** `always`: every container anew. `stopped`: when nothing runs and a container lost its restart policy, as `stopProject` leaves it. */
  readonly recreate: 'always' | 'stopped' | 'changed';
  readonly pullNever: boolean;
  /** Seconds for containers that are replaced; absent: what each says itself. */
  readonly stopSeconds?: number;
}

/** `compose up -d`: Compose itself sees which containers differ. Containers of the project that left the files are removed; they are ours. */
export function composeUp(call: ComposeCall, wish: UpWish): Command {
  const project = ofProject(call.project);
  const whenStopped = sh`if [ -z "$(p_docker ps -q --filter ${project})" ]; then
  p_ids=$(p_docker ps -aq --filter ${project})
  if [ -n "$p_ids" ] && p_docker inspect --format '{{.HostConfig.RestartPolicy.Name}}' $p_ids | grep -qx no; then p_force=--force-recreate; fi
fi`;
  return alone([
    ...composeHead(call),
    wish.recreate === 'always' ? sh`p_force=--force-recreate` : sh`p_force=`,
    ...(wish.recreate === 'stopped' ? [whenStopped] : []),
    // Compose would try to start what is paused, and the engine refuses
    sh`p_ids=$(p_docker ps -q --filter ${project} --filter status=paused)
if [ -n "$p_ids" ]; then p_docker unpause $p_ids >/dev/null || p_why $?; fi`,
    sh`p_compose "$@" up -d --remove-orphans --quiet-pull${wish.pullNever ? sh` --pull never` : sh``}${
      wish.stopSeconds === undefined ? sh`` : sh` -t ${wish.stopSeconds}`
    } $p_force || p_why $?`,
  ]);
}

/**
 * Stops all containers of a project so that they stay stopped over a reboot, without its files: found by label, in
 * the order of their dependencies where Compose knows it, and by the engine alone for what is left.
 */
export function stopProject(project: string, stopSeconds?: number): Command {
  const limit = stopSeconds === undefined ? sh`` : sh` -t ${stopSeconds}`;
  return alone([
    sh`p_ids=$(p_docker ps -aq --filter ${ofProject(project)} --filter label=com.docker.compose.oneoff=False) || p_why $?
if [ -n "$p_ids" ]; then p_docker update --restart=no $p_ids >/dev/null || p_why $?; fi
cd / && p_find_compose && p_compose -p ${project} stop${limit} 2>/dev/null
p_ids=$(p_docker ps -q --filter ${ofProject(project)}) || p_why $?
if [ -n "$p_ids" ]; then p_docker stop${limit} $p_ids >/dev/null || p_why $?; fi`,
  ]);
}

/** `stopProject` takes the restart policies away: what they were is noted in the state folder, unless it is there already. */
export function noteRestarts(project: string, service: string): Command {
  const format = '{{.Id}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}';
  return alone([
    sh`p_note=$p_state/steps/restarts.${service}; if [ -e "$p_note" ]; then exit 0; fi
p_ids=$(p_docker ps -aq --filter ${ofProject(project)} --filter label=com.docker.compose.oneoff=False) || p_why $?
if [ -z "$p_ids" ]; then exit 0; fi
p_docker inspect --type container --format ${format} $p_ids >"$p_note.new" && mv -f "$p_note.new" "$p_note"`,
  ]);
}

/** Starts the containers of a project again as `stopProject` found them, in the order of their dependencies where Compose knows it. */
export function resumeProject(project: string, service: string): Command {
  return alone([
    sh`p_note=$p_state/steps/restarts.${service}
if [ -e "$p_note" ]; then
  while read -r p_a p_b p_c; do
    if [ "$p_b" = on-failure ] && [ "$p_c" != 0 ]; then p_b=$p_b:$p_c; fi
    p_docker update --restart="\${p_b:-no}" "$p_a" >/dev/null </dev/null || p_why $?
  done <"$p_note"
fi
cd / && p_find_compose && p_compose -p ${project} start 2>/dev/null
p_ids=$(p_docker ps -aq --filter ${ofProject(project)} --filter label=com.docker.compose.oneoff=False --filter status=exited --filter status=created) || p_why $?
if [ -n "$p_ids" ]; then p_docker start $p_ids >/dev/null || p_why $?; fi
rm -f "$p_note"`,
  ]);
}

/** Removes the stopped containers and the networks of a project; volumes and images stay. A network that others are attached to stays too. */
export function removeProject(project: string): Command {
  return alone([
    sh`p_ids=$(p_docker ps -aq --filter ${ofProject(project)}) || p_why $?
if [ -n "$p_ids" ]; then p_docker rm $p_ids >/dev/null || p_why $?; fi
p_ids=$(p_docker network ls -q --filter ${ofProject(project)}) || p_why $?
for p_id in $p_ids; do
  if [ "$(p_docker network inspect --format '{{len .Containers}}' "$p_id")" = 0 ]; then p_docker network rm "$p_id" >/dev/null || p_why $?; fi
done`,
  ]);
}

export interface LogWish {
  readonly project: string;
  readonly path: string;
  readonly follow: boolean;
  readonly lines: number;
  readonly since?: string;
  /** Each line begins with its container's name. */
  readonly names: boolean;
}

/**
 * The older program wants its file, the newer finds the containers by name. Compose 2.26 begins each line with the
 * sequence that erases a terminal's line, whatever one asks for; it is cut off, line by line so that following works.
 * Without the prelude before it, it goes to Docker without sudo.
 */
export function projectLogs(wish: LogWish): Command {
  const since = wish.since === undefined ? sh`` : sh` --since ${wish.since}`;
  return alone([
    sh`command -v p_engine >/dev/null 2>&1 || p_engine() { "$@"; }
p_find_compose || p_why $?
if [ "$p_program" = docker-compose ]; then cd ${wish.path} || exit; else cd / || exit; fi
p_erase=$(printf '\\033[2K')
exec 3>&1
p_code=$({ { p_compose -p ${wish.project} logs --no-color${wish.names ? sh`` : sh` --no-log-prefix`} --tail ${wish.lines}${since}${
      wish.follow ? sh` -f` : sh``
    } 3>&-; echo $? >&4; } | while IFS= read -r p_line; do printf '%s\\n' "\${p_line#"$p_erase"}"; done >&3; } 4>&1)
if [ "$p_code" != 0 ]; then p_why "$p_code"; fi`,
  ]);
}
