// Health by process: the runner says that it runs, or the process that a pid file names is there.
import type { HealthCheck, ServiceSpec } from '../../schema/registry-types.js';
import { sh } from '../commands/command.js';
import { type Answer, type Ask, type Check, type RunnerView, lifeOf, notRunning } from './check.js';

/**
 * `p_pid_file INDEX FILE`: a zombie does not count (proc_pid_stat(5), field 3). The file is read as root only where it
 * is there and closed to us.
 */
const functions = sh`p_pid_file() {
  if [ -r "$2" ]; then read -r p_pid <"$2"
  elif [ -e "$2" ]; then p_pid=$(p_root cat -- "$2" 2>/dev/null)
  else p_say check "$1" missing; return; fi
  case $p_pid in ''|0|*[!0-9]*) p_say check "$1" unreadable; return;; esac
  if [ -d "/proc/$p_pid" ]; then
    p_stat=; read -r p_stat 2>/dev/null <"/proc/$p_pid/stat"
    case \${p_stat##*) } in Z*) p_say check "$1" gone "$p_pid"; return;; esac
    p_say check "$1" up "$p_pid"
  elif ps -p "$p_pid" >/dev/null 2>&1; then p_say check "$1" up "$p_pid"
  else p_say check "$1" gone "$p_pid"; fi
}
`;

function judge(view: RunnerView, clock?: number): Answer {
  const broken = notRunning(view, clock);
  if (broken !== undefined) return broken;
  if (view.state !== 'present') return { state: 'unknown', found: 'not looked at' };
  return { state: 'pass', found: 'running', ...lifeOf(view, clock) };
}

function readPidFile(file: string, words: string): Answer {
  const [state, pid = ''] = words.split(' ');
  switch (state) {
    case 'up':
      return { state: 'pass', found: `process ${pid} runs`, life: pid };
    case 'gone':
      return { state: 'fail', found: `process ${pid} of ${file} is gone` };
    case 'missing':
      return { state: 'fail', found: `there is no ${file}` };
    case 'unreadable':
      return { state: 'fail', found: `${file} holds no process id` };
    default:
      return { state: 'unknown', found: `the look at ${file} was not answered` };
  }
}

function askPidFile(pidFile: string, spec: ServiceSpec): Ask {
  const file = pidFile.startsWith('/') ? pidFile : `${spec.path}/${pidFile}`;
  return {
    via: 'machine',
    look: index => sh`p_pid_file ${index} ${file}`,
    read: words => readPidFile(file, words),
  };
}

export const processCheck: Check<HealthCheck & { type: 'process' }> = {
  type: 'process',
  functions,
  ask: (check, spec) => (check.pidFile === undefined ? { via: 'runner', judge } : askPidFile(check.pidFile, spec)),
};
