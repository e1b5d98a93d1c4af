// What a machine said of its past, read into facts: entries of units, commands in sudo's log, logins, containers, times of files.
import type { LoggedCommand } from '../../schema/plan.js';
import { optional } from './optional.js';

/** A command as sudo logged it, not yet fit to be shown. Instants are milliseconds since 1970 by the machine's clock. */
export interface SudoLine extends LoggedCommand {
  readonly folder: string;
}

export interface UnitEntry {
  readonly at: number;
  /** Of the manager's job that it is about: `start`, `stop`; absent: about none. */
  readonly job?: string;
  /** How the unit failed, such as `oom-kill`. */
  readonly failed?: string;
  /** `exited`, `killed` or `dumped`, with the exit code or the signal. */
  readonly exit?: { readonly how: string; readonly status: string };
}

export interface ContainerEnd {
  readonly id: string;
  readonly name: string;
  readonly at?: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
}

export interface ContainerEvent {
  readonly at: number;
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly exitCode?: string;
  readonly signal?: string;
}

export interface FileTimes {
  readonly modifiedAt: number;
  readonly changedAt: number;
  readonly owner: string;
}

export interface Login {
  readonly at: number;
  readonly user: string;
  readonly from: string;
}

/** Lists by the place of their target, or file, in what was asked. */
export interface Evidence {
  readonly clock: number;
  /** Address that we come from ourselves. */
  readonly ours?: string;
  readonly units: ReadonlyMap<number, { readonly pid?: number; readonly entries: readonly UnitEntry[] }>;
  readonly processes: ReadonlyMap<number, number>;
  readonly containers: ReadonlyMap<number, readonly ContainerEnd[]>;
  readonly events: readonly ContainerEvent[];
  readonly files: ReadonlyMap<number, FileTimes>;
  /** Of the folder that a file stood in, where the file is gone. */
  readonly folders: ReadonlyMap<number, FileTimes>;
  readonly sudo: readonly SudoLine[];
  readonly logins: readonly Login[];
}

/** As `readProbe` cuts an answer. */
interface Section {
  readonly name: string;
  readonly rest: string;
  readonly lines: readonly string[];
}

type Row = Readonly<Record<string, unknown>>;

function parseRow(line: string): readonly Row[] {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === 'object' && row !== null ? [row as Row] : [];
  } catch {
    return []; // cut short by its time limit, or something else spoke: it tells nothing
  }
}

/** journalctl gives what is not UTF-8 as numbers, and what is too long as null (man journalctl, JSON). */
function textAt(row: Row, name: string): string {
  const value = row[name];
  if (Array.isArray(value)) return Buffer.from(value as number[]).toString('utf8');
  return typeof value === 'string' ? value : '';
}

const instantOf = (row: Row): number => Math.floor(Number(textAt(row, '__REALTIME_TIMESTAMP')) / 1000);

function unitEntry(row: Row): UnitEntry {
  const how = textAt(row, 'EXIT_CODE');
  return {
    at: instantOf(row),
    ...optional('job', textAt(row, 'JOB_TYPE') || undefined),
    ...optional('failed', textAt(row, 'UNIT_RESULT') || undefined),
    ...(how === '' ? {} : { exit: { how, status: textAt(row, 'EXIT_STATUS') } }),
  };
}

function readUnit(lines: readonly string[]): { readonly pid?: number; readonly entries: readonly UnitEntry[] } {
  const pid = Number(/^ExecMainPID=(\d+)$/m.exec(lines.join('\n'))?.[1] ?? 0);
  const entries = lines.flatMap(parseRow).map(unitEntry);
  return { ...(pid > 0 ? { pid } : {}), entries: entries.toSorted((a, b) => b.at - a.at) };
}

/** Where sudo stands when it is sudo: a program of that name elsewhere is somebody's own. */
const isSudo = (path: string): boolean =>
  path === '' || /^(\/usr(\/local)?\/s?bin|\/s?bin|\/run\/wrappers\/bin)\/sudo(-rs|\.ws)?$/.test(path);

/**
 * `deploy : TTY=pts/1 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/bin/systemctl stop web`; one that was refused has its
 * reason before TTY, and was not run.
 */
function sudoLine(message: string, at: number, log: LoggedCommand['log']): readonly SudoLine[] {
  const match = /^\s*(\S+) : ((?:[A-Z]+=.*? ; )+)COMMAND=(.+)$/.exec(message);
  if (match === null) return [];
  const [, user = '', pairs = '', command = ''] = match;
  const said = (name: string) => new RegExp(`(?:^| ; )${name}=(.*?) ; `).exec(pairs)?.[1];
  const tty = said('TTY');
  return [
    { user, at, command, log, folder: said('PWD') ?? '', ...(tty === undefined || tty === 'unknown' ? {} : { tty }) },
  ];
}

const login = (message: string, at: number): readonly Login[] => {
  const [, user, from] = /Accepted \S+ for (\S+) from (\S+) port/.exec(message) ?? [];
  return user === undefined || from === undefined ? [] : [{ at, user, from }];
};

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Nov 28 09:11:27` in the machine's own time and without a year (never in the future), or ISO 8601. */
function syslogInstant(stamp: string, clock: number, offsetMs: number): number {
  const match = /^(\w{3}) +(\d+) (\d\d):(\d\d):(\d\d)$/.exec(stamp);
  if (match === null) return Date.parse(stamp);
  const [day, hour, minute, second] = match.slice(2).map(Number);
  const year = new Date(clock + offsetMs).getUTCFullYear();
  const [now, last] = [year, year - 1].map(
    one => Date.UTC(one, months.indexOf(match[1] ?? ''), day, hour, minute, second) - offsetMs,
  );
  return now !== undefined && now <= clock + 86_400_000 ? now : (last ?? Number.NaN);
}

function syslogLine(line: string, clock: number, offsetMs: number): Pick<Evidence, 'sudo' | 'logins'> {
  const match = /^(\w{3} +\d+ \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ (sudo|sshd|sshd-session)(?:\[\d+\])?: (.*)$/.exec(
    line,
  );
  const at = match === null ? Number.NaN : syslogInstant(match[1] ?? '', clock, offsetMs);
  if (match === null || Number.isNaN(at)) return { sudo: [], logins: [] };
  const message = match[3] ?? '';
  return match[2] === 'sudo'
    ? { sudo: sudoLine(message, at, 'auth.log'), logins: [] }
    : { sudo: [], logins: login(message, at) };
}

function readEnd(line: string): readonly ContainerEnd[] {
  const [id = '', finished = '', code, oom, status, ...name] = line.split(' ');
  if (name.length === 0 || status === 'running') return [];
  const at = Date.parse(finished);
  return [
    {
      id,
      name: name.join(' ').replace(/^\//, ''),
      exitCode: Number(code),
      oomKilled: oom === 'true',
      ...(at > 0 ? { at } : {}),
    },
  ];
}

function readEvent(row: Row): readonly ContainerEvent[] {
  const actor = row['Actor'] as
    { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> } | undefined;
  const attributes = actor?.Attributes ?? {};
  const at = Math.floor(Number(row['timeNano']) / 1e6) || Number(row['time']) * 1000;
  if (actor?.ID === undefined || !Number.isFinite(at)) return [];
  return [
    {
      at,
      action: String(row['Action']),
      id: actor.ID,
      name: attributes['name'] ?? '',
      project: attributes['com.docker.compose.project'] ?? '',
      ...optional('exitCode', attributes['exitCode']),
      ...optional('signal', attributes['signal']),
    },
  ];
}

/** `INDEX MTIME CTIME OWNER`, in seconds. */
function readTimes(rest: string): readonly (readonly [number, FileTimes])[] {
  const [index, modified, changed, ...owner] = rest.split(' ');
  const times = { modifiedAt: Number(modified) * 1000, changedAt: Number(changed) * 1000, owner: owner.join(' ') };
  return Number.isFinite(times.modifiedAt) && Number.isFinite(times.changedAt) ? [[Number(index), times]] : [];
}

const offsetOf = (zone: string): number => {
  const [, sign, hours, minutes] = /^([+-])(\d\d)(\d\d)$/.exec(zone) ?? [];
  return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
};

/** undefined: it does not even tell its time. */
export function readEvidence(sections: readonly Section[]): Evidence | undefined {
  const of = (name: string) => sections.filter(one => one.name === name);
  const rows = (name: string) => of(name).flatMap(one => one.lines.flatMap(parseRow));
  const [seconds, zone = ''] = of('clock')[0]?.rest.split(' ') ?? [];
  if (seconds === undefined || !/^\d+$/.test(seconds)) return undefined;
  const clock = Number(seconds) * 1000;
  const syslog = of('authlog').flatMap(one => one.lines.map(line => syslogLine(line, clock, offsetOf(zone))));
  const sudo = rows('sudo')
    .filter(row => isSudo(textAt(row, '_EXE')))
    .flatMap(row => sudoLine(textAt(row, 'MESSAGE'), instantOf(row), 'journal'));
  const logins = rows('logins').flatMap(row => login(textAt(row, 'MESSAGE'), instantOf(row)));
  const ours = /^\S+ \d/.exec(of('ours')[0]?.rest ?? '')?.[0].split(' ')[0];
  return {
    clock,
    ...optional('ours', ours),
    units: new Map(of('unit').map(one => [Number(one.rest), readUnit(one.lines)])),
    processes: new Map(
      of('process').flatMap(({ rest }) => {
        const [index, pid] = rest.split(' ');
        return /^\d+$/.test(pid ?? '') ? [[Number(index), Number(pid)] as const] : [];
      }),
    ),
    containers: new Map(of('containers').map(one => [Number(one.rest), one.lines.flatMap(readEnd)])),
    events: rows('events').flatMap(readEvent),
    files: new Map(of('file').flatMap(one => readTimes(one.rest))),
    folders: new Map(of('folder').flatMap(one => readTimes(one.rest))),
    sudo: [...sudo, ...syslog.flatMap(one => one.sudo)],
    logins: [...logins, ...syslog.flatMap(one => one.logins)],
  };
}
