// Reads what a machine said about itself; what it did not say stays zero or absent, never guessed.
import type { Arch, Platform } from '../../schema/registry-types.js';
import type { FileSystemUse, Listener, MachineFacts } from '../../schema/state.js';

const arches: Readonly<Record<string, Arch>> = {
  x86_64: 'amd64',
  amd64: 'amd64',
  aarch64: 'arm64',
  arm64: 'arm64',
  armv7l: 'arm',
  armv6l: 'arm',
};

function platformOf(system: string): Platform {
  if (system === 'Linux') return 'linux';
  return system === 'Darwin' ? 'darwin' : 'bsd';
}

/** "name rest" lines to a list of rests by name. */
function byName(lines: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const rows = new Map<string, string[]>();
  for (const line of lines) {
    const space = line.indexOf(' ');
    if (space > 0)
      rows.set(line.slice(0, space), [...(rows.get(line.slice(0, space)) ?? []), line.slice(space + 1).trim()]);
  }
  return rows;
}

/** Columns of `df -P`: name, blocks, used, available, capacity, mount. Pseudo file systems hold nothing of ours. */
function rowsOfDf(
  lines: readonly string[],
): readonly { readonly mount: string; readonly total: number; readonly free: number }[] {
  return lines.slice(1).flatMap(line => {
    const match = /^(\S.*?)\s+(\d+)\s+(\d+)\s+(-?\d+)\s+(?:\d+%|-)\s+(\/.*)$/.exec(line);
    if (!match) return [];
    const [, device = '', total, , free, mount = ''] = match;
    const pseudo = /^(tmpfs|devtmpfs|udev|none|shm|overlay|devfs|map )/.test(device) && mount !== '/';
    return pseudo ? [] : [{ mount, total: Number(total), free: Number(free) }];
  });
}

export function readFileSystems(disks: readonly string[], inodes: readonly string[]): readonly FileSystemUse[] {
  const inodesOf = new Map(rowsOfDf(inodes).map(row => [row.mount, row]));
  return rowsOfDf(disks).map(({ mount, total, free }) => {
    const counted = inodesOf.get(mount);
    const inodesFree =
      counted && counted.total > 0 ? { inodesFreePercent: Math.round((100 * counted.free) / counted.total) } : {};
    return { mount, totalBytes: total * 1024, freeBytes: free * 1024, ...inodesFree };
  });
}

/** /proc/net/dev (proc_pid_net(5)): after the name received bytes is the 1st, sent bytes the 9th number. */
function readNetwork(rows: readonly string[]): MachineFacts['network'] {
  return Object.fromEntries(
    rows.flatMap(row => {
      const [name = '', numbers = ''] = row.split(/:\s*/, 2);
      const counts = numbers.trim().split(/\s+/).map(Number);
      return counts.length < 9 || name === 'lo'
        ? []
        : [[name, { receivedBytes: counts[0] ?? 0, sentBytes: counts[8] ?? 0 }]];
    }),
  );
}

/** /proc/stat (proc_stat(5)): user nice system idle iowait irq softirq steal …; idle and iowait are not busy. */
function readTicks(row: string | undefined): { readonly cpuTicks?: { readonly busy: number; readonly total: number } } {
  if (row === undefined) return {};
  const ticks = row.trim().split(/\s+/).slice(0, 8).map(Number);
  const total = ticks.reduce((sum, one) => sum + one, 0);
  return { cpuTicks: { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total } };
}

function readMemory(rows: ReadonlyMap<string, readonly string[]>): {
  readonly memoryTotalBytes: number;
  readonly memoryFreeBytes: number;
} {
  const kilobytes = new Map((rows.get('memory') ?? []).map(row => row.split(/:?\s+/, 2) as [string, string]));
  const linux = (name: string) => Number(kilobytes.get(name) ?? kilobytes.get(`${name}:`) ?? 0) * 1024;
  if (kilobytes.size > 0) return { memoryTotalBytes: linux('MemTotal'), memoryFreeBytes: linux('MemAvailable') };
  const one = (name: string) => Number(rows.get(name)?.[0] ?? 0);
  return {
    memoryTotalBytes: one('memory-bytes'),
    memoryFreeBytes: one('page-size') * (one('pages-free') + one('pages-inactive')),
  };
}

function uptimeOf(one: (name: string) => string | undefined, clock: number): number {
  const uptime = one('uptime');
  if (uptime !== undefined) return Math.floor(Number(uptime.split(' ')[0]));
  const booted = Number(one('booted') ?? 0);
  return booted > 0 ? clock - booted : 0;
}

/** undefined: the section is not what `askFacts` prints. */
export function readFacts(
  lines: readonly string[],
  disks: readonly string[],
  inodes: readonly string[],
): MachineFacts | undefined {
  const rows = byName(lines);
  const one = (name: string) => rows.get(name)?.[0];
  const [system = '', hostname = '', release = '', hardware = ''] = (one('uname') ?? '').split(' ');
  const [uid = '', user = '', ...home] = (one('user') ?? '').split(' ');
  if (system === '' || uid === '' || one('clock') === undefined) return undefined;
  const clock = Number(one('clock'));
  const temperature = one('temperature');
  const manager = one('manager');
  return {
    platform: platformOf(system),
    arch: arches[hardware] ?? 'other',
    kernel: release,
    hostname,
    bootId: one('boot') ?? '',
    clock,
    uptimeSeconds: uptimeOf(one, clock),
    load1: Number((one('load') ?? '0').split(' ')[0]),
    cpus: Number(one('cpus') ?? 1),
    ...readMemory(rows),
    fileSystems: readFileSystems(disks, inodes),
    ...readTicks(one('cpu')),
    network: readNetwork(rows.get('net') ?? []),
    ...(temperature === undefined ? {} : { temperatureCelsius: Number(temperature) / 1000 }),
    uid: Number(uid),
    user,
    home: home.join(' '),
    serviceManager: manager === 'systemd' || manager === 'launchd' || manager === 'rc' ? manager : 'none',
    hasUv: one('uv') === 'yes',
  };
}

function fromSs(line: string): Listener | undefined {
  const columns = line.trim().split(/\s+/);
  const local = columns[3] ?? '';
  const colon = local.lastIndexOf(':');
  const port = Number(local.slice(colon + 1));
  if (columns[0] !== 'LISTEN' || colon < 0 || !Number.isInteger(port)) return undefined;
  const owner = /\(\("([^"]*)",pid=(\d+)/.exec(line);
  return { port, address: local.slice(0, colon), ...(owner ? { process: owner[1] ?? '', pid: Number(owner[2]) } : {}) };
}

/** A row of /proc/net/tcp: local address and port in hexadecimal, state 0A is LISTEN. */
function fromProc(line: string): Listener | undefined {
  const match = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A /.exec(line);
  return match ? { port: Number.parseInt(match[2] ?? '', 16), address: match[1] ?? '' } : undefined;
}

/** A row of BSD's `netstat -an -p tcp`: the port follows the last dot of the local address. */
function fromNetstat(line: string): Listener | undefined {
  const match = /^tcp\S*\s+\d+\s+\d+\s+(\S+)\.(\d+)\s+\S+\s+LISTEN\b/.exec(line);
  return match ? { port: Number(match[2]), address: match[1] ?? '' } : undefined;
}

/** `lsof -F pcn`: a process is lines p, c and then its files f, n. */
function fromLsof(lines: readonly string[]): readonly Listener[] {
  const found: Listener[] = [];
  let pid = 0;
  let process = '';
  for (const line of lines) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    else if (line.startsWith('c')) process = line.slice(1);
    else if (line.startsWith('n')) {
      const colon = line.lastIndexOf(':');
      found.push({ port: Number(line.slice(colon + 1)), address: line.slice(1, colon), pid, process });
    }
  }
  return found;
}

/** What listens on TCP, from `ss -Hltnp`, `lsof -F pcn`, /proc/net/tcp or `netstat -an`, whichever the machine had. */
export function readListeners(lines: readonly string[]): readonly Listener[] {
  if (lines[0]?.startsWith('p') && /^p\d+$/.test(lines[0])) return fromLsof(lines);
  return lines.flatMap(line => fromSs(line) ?? fromProc(line) ?? fromNetstat(line) ?? []);
}
