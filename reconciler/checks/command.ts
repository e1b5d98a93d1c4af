// Health by command: words run in the placement's folder on its machine; exit code 0 passes.
import { lastOf } from '../../schema/excerpt.js';
import type { HealthCheck, ServiceSpec } from '../../schema/registry-types.js';
import { sh } from '../commands/command.js';
import type { Answer, Check } from './check.js';

type CommandCheck = HealthCheck & { type: 'command' };

/**
 * `p_command INDEX SECONDS USER FOLDER WORDS…` prints exit code and the end of the output on one line. The time limit is
 * kept there by timeout(1), which ends the whole group, or by a watching shell where there is none (macOS). `tail` keeps
 * an endless output small; the exit code comes before it by a way of its own, because a pipe has only the code of its last part.
 */
const functions = sh`p_watch='s=$1; shift; "$@" & p=$!; (sleep "$s"; kill -KILL "$p") >/dev/null 2>&1 & w=$!; wait "$p"; c=$?; kill "$w" 2>/dev/null; exit "$c"'
p_command() {
  p_index=$1; p_limit=$2; p_user=$3; p_folder=$4; shift 4
  p_home=$HOME; if [ -n "$p_user" ]; then p_home=$(p_home_of "$p_user"); fi
  set -- env -i "PATH=$PATH" "HOME=$p_home" LC_ALL=C "$@"
  if command -v timeout >/dev/null 2>&1; then set -- timeout -s KILL "$p_limit" "$@"
  else set -- sh -c "$p_watch" sh "$p_limit" "$@"; fi
  if [ -n "$p_user" ]; then set -- p_as "$p_user" "$@"; fi
  p_out=$({ { { cd -- "$p_folder" && "$@"; } 3>&- 2>&1; echo "$?" >&3; } | tail -c 400 3>&-; } 3>&1)
  p_code=\${p_out%%[!0-9]*}; p_out=\${p_out#"$p_code"}
  if [ "$p_code" = 0 ]; then p_out=; else p_out=$(printf '%s' "$p_out" | tr '\\000-\\037\\177' ' '); fi
  p_say check "$p_index" "$p_code" "$p_out"
}
`;

/** Codes of the shell for KILL: by the time limit, or by a machine that ran out of memory. */
const killedCode = 137;

function read(words: string, limitSeconds: number): Answer {
  const [, code, output = ''] = /^(\d+) ?(.*)$/.exec(words) ?? [];
  if (code === undefined) return { state: 'unknown', found: 'the command was not answered' };
  if (code === '0') return { state: 'pass', found: 'exit code 0' };
  const said = output.trim() === '' ? '' : `: ${lastOf(output.trim(), 350)}`;
  const why = Number(code) === killedCode ? `killed (time limit ${limitSeconds} s)` : `exit code ${code}`;
  return { state: 'fail', found: `${why}${said}` };
}

export const commandCheck: Check<CommandCheck> = {
  type: 'command',
  functions,
  ask(check: CommandCheck, spec: ServiceSpec) {
    const limitSeconds = Math.max(1, Math.ceil(spec.health.timeoutMs / 1000));
    return {
      via: 'machine',
      look: index => sh`p_command ${index} ${limitSeconds} ${spec.user ?? ''} ${spec.path} ${check.command}`,
      read: words => read(words, limitSeconds),
    };
  },
};
