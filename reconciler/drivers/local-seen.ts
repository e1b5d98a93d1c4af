// What the bare supervisor's answers mean, and what the output of a failed step of a local service does.
import type { ErrorReport } from '../../schema/errors.js';
import { groupUsage, takeUsage, type Used } from '../commands/usage.js';
import type { FieldChange } from '../../schema/plan.js';
import type { RunnerSeen, Section, Step, Target } from './driver.js';
import { explainKept } from './native-kept.js';
import { present, report } from './native-keeper.js';
import { explainUv } from './uv-explain.js';

/** Nothing starts it after a reboot but the next pass. */
const bare = { 'survives-reboot': 'no' };

function seenOf(state: string | undefined, pid: number, startedAt: number, used: Used): RunnerSeen {
  switch (state) {
    case 'none':
      return { state: 'absent' };
    case 'running':
      return present('running', bare, {
        pids: [pid],
        startedAt: Number.isInteger(startedAt) ? startedAt : undefined,
        usage: groupUsage(used, pid),
      });
    case 'gone':
      return present('stopped', bare, { pids: [], detail: 'its process is gone' });
    case 'rest':
      return present('failed', bare, { pids: [], detail: `its process ${pid} is gone, others of its group live on` });
    case 'reused':
      return present(
        'stopped',
        { ...bare, pid: 'reused' },
        { pids: [], detail: `its pid ${pid} is another process's by now` },
      );
    default:
      return { state: 'unknown', error: report('machine-shell', 'the answer about supervised processes is not whole') };
  }
}

/** Lines `supervised INDEX STATE PID STARTED-AT`. */
export function readSupervised(targets: readonly Target[], section: Section): ReadonlyMap<number, RunnerSeen> {
  const { own, used } = takeUsage(section);
  const rows = own.map(line => line.split(' ')).filter(words => words[0] === 'supervised' && words.length === 5);
  return new Map(
    targets.map(target => {
      const [, , state, pid, startedAt] = rows.find(words => Number(words[1]) === target.index) ?? [];
      return [target.index, seenOf(state, Number(pid), Number(startedAt), used)];
    }),
  );
}

/** A record that names a stranger's process is put right by a new start; the stranger is left alone. */
export function supervisedDrift(seen: RunnerSeen & { state: 'present' }): readonly FieldChange[] {
  return seen.settings['pid'] === 'reused' ? [{ field: 'pid', from: "another process's", to: 'its own' }] : [];
}

export function explainLocal(step: Step, output: string): ErrorReport | undefined {
  const said = /^portoser: (uv-missing|uv-failed|program-missing) ?(.*)$/m.exec(output);
  switch (said?.[1]) {
    case 'uv-missing':
      return report('uv-missing', 'the app needs uv, and the machine has none');
    case 'uv-failed':
      return explainUv(output);
    case 'program-missing':
      return report(
        'file-missing',
        `the program ${said[2]} is not there`,
        'Install it on the machine, or correct `command`.',
      );
    default:
      return explainKept(step, output);
  }
}
