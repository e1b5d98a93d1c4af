// What placements use of their machine, from counters that are there anyway: words that a probe defines for the looks of drivers, and their reading.
import type { UsageSeen } from '../../schema/state.js';
import { type Command, sh } from './command.js';

/**
 * For a probe, before drivers look. `p_use_container ID PID` notes the control group of a container, found through a
 * process of it and cut behind its id, since what it runs may have made groups of its own; `p_use_units TEXT` those that
 * `systemctl show` names; `p_use_group PID` a process group. `p_used` prints what the kernel counted for all that was
 * noted: control groups as `./FILE:LINE` (cgroups(7); version 2, or the files of version 1), process groups as
 * `used group ID TICKS PAGES` on Linux (proc_pid_stat(5): with what ended children used, so that no time is lost with
 * them), else `used ps ID KIB TIME` for each process (ps(1)). Few programs are started, however many placements there are.
 */
export const usageWords = sh`p_uses=yes; p_use_files=; p_use_groups=' '; p_cgroups=/sys/fs/cgroup; p_proc=/proc; p_nl='
'
p_use_path() {
  if [ -e "$p_cgroups/cgroup.controllers" ]; then
    p_g=.$1; p_use_files=$p_use_files$p_g/cpu.stat$p_nl$p_g/memory.current$p_nl$p_g/memory.stat$p_nl
  else
    p_g=./memory$1; p_use_files=$p_use_files./cpuacct$1/cpuacct.usage$p_nl$p_g/memory.usage_in_bytes$p_nl$p_g/memory.stat$p_nl
  fi
}
p_use_container() {
  case $2 in ''|0|*[!0-9]*) return ;; esac
  if [ -z "$1" ] || [ ! -r "$p_proc/$2/cgroup" ]; then return; fi
  { while IFS=: read -r p_a p_b p_c; do
    case $p_b in ''|*memory*) ;; *) continue ;; esac
    case $p_c in *"$1"*) p_g=\${p_c#*"$1"}; p_use_path "\${p_c%"$p_g"}\${p_g%%/*}" ;; esac
  done <"$p_proc/$2/cgroup"; } 2>/dev/null
}
p_use_units() {
  p_c=$1
  while :; do
    case $p_c in *ControlGroup=/*) p_c=\${p_c#*ControlGroup=/}; p_use_path "/\${p_c%%"$p_nl"*}" ;; *) return ;; esac
  done
}
p_use_group() { case $1 in ''|0|1|*[!0-9]*) ;; *) p_use_groups="$p_use_groups$1 " ;; esac; }
p_used() {
  if [ -n "$p_use_files" ]; then (
    set -f; IFS=$p_nl; cd "$p_cgroups" && grep -s -E '^(usage_usec|inactive_file|total_inactive_file) |^[0-9]+$' /dev/null $p_use_files 2>/dev/null
  ) fi
  if [ "$p_use_groups" = ' ' ]; then return; fi
  if [ -r "$p_proc/self/stat" ]; then
    echo "used page $(getconf PAGESIZE 2>/dev/null)"
    cat "$p_proc"/[0-9]*/stat 2>/dev/null | awk -v groups="$p_use_groups" '{ sub(/^.*\\) /, ""); if (NF > 40 && index(groups, " " $3 " ")) { ticks[$3] += $12 + $13 + $14 + $15; pages[$3] += $22 } } END { for (g in ticks) printf "used group %s %.0f %.0f\\n", g, ticks[g], pages[g] }'
  else ps -A -o pgid= -o rss= -o time= 2>/dev/null | awk -v groups="$p_use_groups" 'index(groups, " " $1 " ") { print "used ps " $1, $2, $3 }'; fi
}
`;

/** At the end of a driver's look: nothing where no probe asks. */
export const sayUsage: Command = sh`if [ -n "$p_uses" ]; then p_used; fi\n`;

interface Counted {
  readonly cpuSeconds?: number;
  readonly memoryBytes?: number;
}

/** By control group, as a path that begins with `/`, or by `group ID`. */
export type Used = ReadonlyMap<string, Counted>;

export interface SectionParts {
  readonly used: Used;
  /** The lines that are the driver's own. */
  readonly own: readonly string[];
}

/** USER_HZ: what the kernel tells processes is in hundredths of a second on every architecture that Node runs on. */
const ticksPerSecond = 100;

const files = {
  'cpu.stat': 'cpu',
  'cpuacct.usage': 'cpu',
  'memory.current': 'memory',
  'memory.usage_in_bytes': 'memory',
  'memory.stat': 'cache',
} as const;

interface Counters {
  cpu?: number;
  memory?: number;
  cache?: number;
}

function readFile(line: string, into: Map<string, Counters>): void {
  const colon = line.lastIndexOf(':');
  const slash = line.lastIndexOf('/', colon);
  const name = line.slice(slash + 1, colon);
  if (!Object.hasOwn(files, name)) return;
  const legacy = name === 'cpuacct.usage' || line.startsWith('./memory/');
  const group = line.slice(1, slash).replace(legacy ? /^\/(cpuacct|memory)(?=\/)/ : '', '');
  const words = line.slice(colon + 1).split(' ');
  const value = Number(words.at(-1));
  const counters = into.get(group) ?? {};
  into.set(group, counters);
  const kind = files[name as keyof typeof files];
  if (kind === 'cpu') counters.cpu = value / (name === 'cpu.stat' ? 1e6 : 1e9);
  // Of version 1, the one with "total" counts groups below it too, as the rest does; it comes later in the file.
  else counters[kind] = value;
}

/** `1-02:03:04` (Linux, busybox and others without days), `123:45.67` (macOS, BSD: minutes have no end). */
function secondsOf(time: string): number {
  const parts = /^(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)$/.exec(time);
  if (parts === null) return Number.NaN;
  const [days, hours, minutes, seconds] = parts.slice(1).map(part => Number(part ?? 0));
  return (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0);
}

function readGroup(words: readonly string[], page: number, into: Map<string, Counted>): void {
  const [, kind, id = '', first, second = ''] = words;
  const key = `group ${id}`;
  if (kind === 'group')
    into.set(key, { cpuSeconds: Number(first) / ticksPerSecond, memoryBytes: Number(second) * page });
  if (kind !== 'ps') return;
  const { cpuSeconds = 0, memoryBytes = 0 } = into.get(key) ?? {};
  into.set(key, { cpuSeconds: cpuSeconds + secondsOf(second), memoryBytes: memoryBytes + Number(first) * 1024 });
}

const finite = ({ cpuSeconds, memoryBytes }: Counted): Counted => ({
  ...(Number.isFinite(cpuSeconds) ? { cpuSeconds: cpuSeconds as number } : {}),
  ...(Number.isFinite(memoryBytes) ? { memoryBytes: Math.max(0, memoryBytes as number) } : {}),
});

/** A section of a probe, with the lines of `p_used` taken out and read. */
export function takeUsage(section: readonly string[]): SectionParts {
  const own: string[] = [];
  const groups = new Map<string, Counters>();
  const counted = new Map<string, Counted>();
  const pages = section.find(line => /^used page \d/.test(line))?.slice('used page '.length);
  for (const line of section) {
    if (line.startsWith('./')) readFile(line, groups);
    else if (line.startsWith('used ')) readGroup(line.trim().split(/\s+/), Number(pages ?? Number.NaN), counted);
    else own.push(line);
  }
  // As `docker stats` has it: page cache that nobody has used for long is given back when somebody wants memory.
  for (const [path, { cpu, memory, cache = 0 }] of groups)
    counted.set(path, { cpuSeconds: cpu ?? Number.NaN, memoryBytes: (memory ?? Number.NaN) - cache });
  return { own, used: new Map([...counted].map(([key, value]) => [key, finite(value)])) };
}

/**
 * Of a placement that consists of these parts. Memory only where it is known of each of them: a part of it would be taken
 * for all of it. undefined: nothing is known.
 */
export function usageOf(used: Used, parts: readonly ((key: string) => boolean)[]): UsageSeen | undefined {
  const found = parts.map(part => [...used].find(([key]) => part(key)));
  const known = found.filter(one => one !== undefined);
  const cpuSeconds = known.flatMap(([key, one]) => (one.cpuSeconds === undefined ? [] : [[key, one.cpuSeconds]]));
  const memory = known.flatMap(([, one]) => one.memoryBytes ?? []);
  const whole = memory.length > 0 && memory.length === parts.length;
  if (cpuSeconds.length === 0 && !whole) return undefined;
  return {
    cpuSeconds: Object.fromEntries(cpuSeconds) as UsageSeen['cpuSeconds'],
    ...(whole ? { memoryBytes: memory.reduce((sum, one) => sum + one, 0) } : {}),
  };
}

/** Of the process group that a service's first process leads. */
export const groupUsage = (used: Used, pid: number | undefined): UsageSeen | undefined =>
  usageOf(used, [key => key === `group ${pid}`]);
