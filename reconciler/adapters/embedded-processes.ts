// Finds and ends every process that an embedded machine started, also those that left its sessions, by pid alone.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** In the environment of all that runs on an embedded machine; children inherit it, daemons keep it. */
export const markerName = 'PORTOSER_MACHINE';

interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly marked: boolean;
}

/** Processes that carry the marker, belong to one of these sessions, or descend from such a process. */
export async function findProcesses(marker: string, sessions: ReadonlySet<number>): Promise<number[]> {
  const all = process.platform === 'linux' ? await lookInProc(marker) : await askPs(marker);
  const ours = new Set(all.filter(one => one.marked || sessions.has(one.session)).map(one => one.pid));
  for (let before = -1; before !== ours.size;) {
    before = ours.size;
    for (const one of all) if (ours.has(one.parent)) ours.add(one.pid);
  }
  ours.delete(process.pid);
  return [...ours];
}

/** TERM to each, then KILL to what is left after the grace; resolves when nothing is left. */
export async function endProcesses(find: () => Promise<number[]>, graceMs: number): Promise<void> {
  const killAt = performance.now() + graceMs;
  for (let round = 0; ; round += 1) {
    const pids = await find();
    if (pids.length === 0) return;
    const late = performance.now() >= killAt;
    if (round === 0 || late) for (const pid of pids) signal(pid, late ? 'SIGKILL' : 'SIGTERM');
    // Looking reads all of /proc: what ends at once is not waited for, what takes its time is not watched closely.
    await pause(Math.min(200, 20 * 2 ** round));
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function lookInProc(marker: string): Promise<Seen[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const seen = await Promise.all(pids.map(pid => readProcess(Number(pid), `${markerName}=${marker}`)));
  return seen.filter(one => one !== undefined);
}

/** proc_pid_stat(5): after the name in parentheses come state, parent, group and session. Zombies count as gone. */
async function readProcess(pid: number, entry: string): Promise<Seen | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [state, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    return { pid, parent: Number(parent), session: Number(session), marked: environment.split('\0').includes(entry) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/** ps(1) of macOS and BSD: `-E`/`e` adds the environment to the command. */
async function askPs(marker: string): Promise<Seen[]> {
  const words = ['-A', '-ww', '-E', '-o', 'pid=,ppid=,sess=,stat=,command='];
  const { stdout } = await promisify(execFile)('ps', words, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.split('\n').flatMap(line => {
    const [, pid, parent, session, state] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+)/.exec(line) ?? [];
    if (pid === undefined || state?.startsWith('Z') === true) return [];
    const marked = ` ${line} `.includes(` ${markerName}=${marker} `);
    return [{ pid: Number(pid), parent: Number(parent), session: Number(session), marked }];
  });
}
