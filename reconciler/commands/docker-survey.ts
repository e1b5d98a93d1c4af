// Words that ask Docker for `adopt`: all containers there are, and what Compose would make of a project's files. Only looks.
import { type Command, sh } from './command.js';
import { alone, field, label, projectLabel } from './docker.js';
import { sudoRefusedCode } from './prelude.js';

/** One JSON object a container; `core/adopt-seen.ts` reads the same names. */
const surveyFormat = `{${Object.entries({
  name: field('.Name'),
  project: label(projectLabel),
  inner: label('com.docker.compose.service'),
  oneOff: label('com.docker.compose.oneoff'),
  folder: label('com.docker.compose.project.working_dir'),
  files: label('com.docker.compose.project.config_files'),
  envFiles: label('com.docker.compose.project.environment_file'),
  hash: label('com.docker.compose.config-hash'),
  stack: label('com.docker.stack.namespace'),
  status: field('.State.Status'),
  bindings: field('.HostConfig.PortBindings'),
})
  .map(([name, value]) => `"${name}":${value}`)
  .join(',')}}`;

/** All containers, also those that Compose did not make, one JSON object a line; then one line about the engine, as `lookAtProjects` ends. */
export function lookAtAllContainers(): Command {
  return alone([
    sh`p_ends() { printf '{"engine":"%s"}\\n' "$1"; exit 0; }
command -v docker >/dev/null 2>&1 || p_ends missing
for p_try in 1 2 3; do
  p_ids=$(p_timed docker ps -aq --no-trunc 2>/dev/null)
  case $? in 0) ;; ${sudoRefusedCode}) p_ends refused ;; *) p_ends down ;; esac
  if [ -z "$p_ids" ]; then p_ends ok; fi
  if p_seen=$(p_timed docker inspect --type container --format ${surveyFormat} $p_ids 2>/dev/null); then printf '%s\\n' "$p_seen"; p_ends ok; fi
done
p_ends down`,
  ]);
}

/** What is asked about the files of one project. */
export interface ComposeQuestion {
  readonly project: string;
  readonly folder: string;
  /** Absolute. */
  readonly files: readonly string[];
  /** Names of files in the folder: which of them are there. */
  readonly names: readonly string[];
}

/**
 * Lines `file NAME`, then `hash INNER HASH` for each inner service that Compose would bring up from these files, and
 * `code N`; where it fails, `said …` with what it said last. Nothing is brought up by it.
 */
export function askCompose({ project, folder, files, names }: ComposeQuestion): Command {
  return alone([
    sh`for p_a in ${names}; do if [ -e ${folder}/"$p_a" ]; then echo "file $p_a"; fi; done
cd ${folder} 2>/dev/null || { echo "said its folder cannot be entered"; echo "code 1"; exit 0; }
p_find_compose || { echo "said docker compose is not installed"; echo "code 1"; exit 0; }
p_said=$(p_timed $p_program -p ${project} ${files.flatMap(file => ['-f', file])} config --hash '*' 2>&1); p_code=$?
if [ "$p_code" = 0 ]; then printf '%s\\n' "$p_said" | sed -n 's/^\\([^ ]* [0-9a-f]\\{64\\}\\)$/hash \\1/p'
else printf '%s\\n' "$p_said" | sed -n '$s/^/said /p'; fi
echo "code $p_code"`,
  ]);
}
