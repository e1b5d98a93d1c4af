// Words for launchd: looking at a job, loading it anew, starting and stopping it (launchctl(1)).
import type { RunState } from '../../schema/state.js';
import { type Command, sh } from './command.js';

export type LaunchdScope = 'system' | 'user';

/** `$p_domain`: the system's, or the user's own: the graphical one while they are logged in, else the one that SSH can reach. */
const domainWords = sh`p_launchd_domain() {
  p_domain=system; if [ "$1" = system ]; then return; fi
  p_domain=gui/$p_uid; launchctl print "$p_domain" >/dev/null 2>&1 || p_domain=user/$p_uid
}
p_plist() {
  if [ "$1" = system ]; then p_list=/Library/LaunchDaemons/$2.plist; else p_list=$HOME/Library/LaunchAgents/$2.plist; if [ ! -e "$p_list" ]; then p_list=/Library/LaunchAgents/$2.plist; fi; fi
}
p_launchctl() { if [ "$p_domain" = system ]; then p_root launchctl "$@"; else launchctl "$@"; fi; }
`;

/** Defines `p_kept INDEX SCOPE LABEL`, which prints `target INDEX`, whether it is disabled, and the job's own lines. */
export const lookAtJobs = sh`${domainWords}p_kept() {
  p_launchd_domain "$2"; p_plist "$2" "$3"; echo "target $1"
  launchctl print-disabled "$p_domain" 2>/dev/null | grep -F "\\"$3\\" =>"
  if [ -e "$p_list" ]; then echo plist; fi
  p_job=$(launchctl print "$p_domain/$3" 2>/dev/null | grep -E '^[[:space:]](state|pid|runs|last exit code) = '); printf '%s\\n' "$p_job"
  if [ -n "$p_uses" ]; then case $p_job in *[[:space:]]'pid = '*) p_job=\${p_job#*[[:space:]]'pid = '}; p_use_group "\${p_job%%[!0-9]*}" ;; esac; fi
}
`;

/**
 * Loads and starts a job. `anew`: it is taken out first, so that a changed property list counts; launchd forgets a job a
 * moment after it says so. Without a property list there is nothing to load.
 */
export function startJob(
  scope: LaunchdScope,
  label: string,
  how: 'anew' | 'again' | 'start',
  waitSeconds: number,
): Command {
  const again = how === 'again' ? ['-k'] : [];
  const out = sh`p_launchctl bootout "$p_domain/"${label} 2>/dev/null
p_left=${waitSeconds}; while p_launchctl print "$p_domain/"${label} >/dev/null 2>&1; do [ "$p_left" -gt 0 ] || return 1; p_left=$((p_left - 1)); sleep 1; done
`;
  return sh`${domainWords}p_launchd_domain ${scope}; p_plist ${scope} ${label}
p_launchctl enable "$p_domain/"${label} || return
${how === 'anew' ? out : sh``}if ! p_launchctl print "$p_domain/"${label} >/dev/null 2>&1; then
  if [ ! -e "$p_list" ]; then echo "portoser: unit-missing" ${label} >&2; return 1; fi
  p_launchctl bootstrap "$p_domain" "$p_list" || { sleep 1; p_launchctl bootstrap "$p_domain" "$p_list"; } || return
fi
p_launchctl kickstart ${[...again]} "$p_domain/"${label}`;
}

/** Ends it and keeps it from starting at the next boot; one that is not loaded counts as stopped. */
export function stopJob(scope: LaunchdScope, label: string, waitSeconds: number): Command {
  return sh`${domainWords}p_launchd_domain ${scope}
p_launchctl disable "$p_domain/"${label} || return
p_launchctl bootout "$p_domain/"${label} 2>/dev/null
p_left=${waitSeconds}; while p_launchctl print "$p_domain/"${label} >/dev/null 2>&1; do [ "$p_left" -gt 0 ] || return 1; p_left=$((p_left - 1)); sleep 1; done`;
}

export interface JobSeen {
  readonly run: RunState;
  readonly pid?: number;
  readonly disabled: boolean;
  /** Times that it was started since it was loaded. */
  readonly runs?: number;
  readonly lastExit?: string;
}

function runState(state: string | undefined, lastExit: string | undefined): RunState {
  if (state === 'running') return 'running';
  if (state === undefined) return 'stopped';
  if (state === 'spawn scheduled') return lastExit === undefined ? 'starting' : 'crash-looping';
  if (state === 'spawning' || state === 'xpcproxy') return 'starting';
  return lastExit === undefined || lastExit === '0' ? 'stopped' : 'failed';
}

/** Lines of one target; undefined: neither loaded nor a property list there. */
export function readJob(lines: readonly string[]): JobSeen | undefined {
  const values = new Map(
    lines.flatMap(line => {
      const found = /^\s+(state|pid|runs|last exit code) = (.*)$/.exec(line);
      return found === null ? [] : [[found[1], found[2]] as const];
    }),
  );
  const state = values.get('state');
  if (state === undefined && !lines.includes('plist')) return undefined;
  const code = /^(-?\d+)/.exec(values.get('last exit code') ?? '')?.[1];
  const pid = Number(values.get('pid'));
  const runs = Number(values.get('runs'));
  return {
    run: runState(state, code),
    disabled: lines.some(line => /" => (disabled|true)\s*$/.test(line)),
    ...(pid > 0 ? { pid } : {}),
    ...(runs >= 0 ? { runs } : {}),
    ...(code === undefined ? {} : { lastExit: code }),
  };
}
