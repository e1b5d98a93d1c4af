// Names a process of this machine so that a reused pid is never taken for it: `pid:start time`.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

function firstLine(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** proc(5): field 22 is the start in ticks since boot; field 2 is in parentheses and may hold blanks and parentheses. */
function startOnLinux(pid: number): string | undefined {
  const stat = firstLine(`/proc/${pid}/stat`);
  const ticks = stat
    ?.slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .at(19);
  // Ticks begin anew at each boot.
  return ticks === undefined
    ? undefined
    : `${ticks}-${firstLine('/proc/sys/kernel/random/boot_id')?.slice(0, 8) ?? ''}`;
}

/** ps(1) of macOS and the BSDs tells the second of the start. */
function startByPs(pid: number): string | undefined {
  try {
    const told = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { env: { ...process.env, LC_ALL: 'C' } });
    return told.toString('utf8').trim().replaceAll(/\s+/g, '-') || undefined;
  } catch (error) {
    // It ends with 1 when there is no such process.
    if ((error as { status?: unknown }).status === 1) return undefined;
    throw error;
  }
}

const startOf = (pid: number): string | undefined =>
  process.platform === 'linux' ? startOnLinux(pid) : startByPs(pid);

/** The name of a process that runs; undefined: there is none with that pid. */
export function processName(pid: number): string | undefined {
  const start = startOf(pid);
  return start === undefined ? undefined : `${pid}:${start}`;
}

/** Whether the process of this name still runs. */
export function processRuns(name: string): boolean {
  const pid = Number(/^(\d+):/.exec(name)?.[1] ?? Number.NaN);
  return Number.isSafeInteger(pid) && pid > 0 && processName(pid) === name;
}
