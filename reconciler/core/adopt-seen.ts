// What a machine said of all that runs there besides ours, read for `adopt`.
import type { Listener } from '../../schema/state.js';
import { readListeners } from './facts.js';

/** A container, as `lookAtAllContainers` prints it. */
export interface SurveyedContainer {
  readonly name: string;
  /** '' for one that Compose did not make. */
  readonly project: string;
  readonly inner: string;
  readonly oneOff: string;
  readonly folder: string;
  /** By commas. */
  readonly files: string;
  readonly envFiles: string;
  readonly hash: string;
  /** Swarm stack. */
  readonly stack: string;
  readonly status: string;
  readonly bindings: Readonly<Record<string, readonly { readonly HostPort?: string }[] | null>> | null;
}

export interface SurveyedUnit {
  /** With suffix. */
  readonly name: string;
  readonly load: string;
  /** As systemd prints it; '' when none is set. */
  readonly folder: string;
  /** Absolute path of the program, or ''. */
  readonly program: string;
  /** It came with a package, or copies a unit that did. */
  readonly system: boolean;
  readonly ports: readonly number[];
}

export interface Survey {
  readonly engine: 'ok' | 'missing' | 'down' | 'refused';
  readonly containers: readonly SurveyedContainer[];
  readonly units: readonly SurveyedUnit[];
  /** `unit NAME` or `project NAME` → the other cluster whose stamp names it. */
  readonly others: ReadonlyMap<string, string>;
}

export interface SurveySection {
  readonly name: string;
  readonly rest: string;
  readonly lines: readonly string[];
}

const linesOf = (sections: readonly SurveySection[], name: string): readonly string[] =>
  sections.filter(one => one.name === name).flatMap(one => one.lines);

function jsonOf(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const engines: readonly unknown[] = ['ok', 'missing', 'down', 'refused'];

/** Without the last line, or with one that cannot be read, the answer is not whole: then nothing is known of containers. */
function readContainers(lines: readonly string[]): Pick<Survey, 'engine' | 'containers'> {
  const rows = lines.filter(line => line.trim() !== '').map(jsonOf);
  const last: { readonly engine?: unknown } | undefined = rows.pop();
  if (!engines.includes(last?.engine) || rows.includes(undefined)) return { engine: 'down', containers: [] };
  return { engine: last?.engine as Survey['engine'], containers: rows as readonly SurveyedContainer[] };
}

function blocksOf(lines: readonly string[]): readonly Readonly<Record<string, string>>[] {
  const blocks: Record<string, string>[] = [{}];
  for (const line of lines) {
    const at = line.indexOf('=');
    if (line === '') blocks.push({});
    else if (at > 0) Object.assign(blocks.at(-1) ?? {}, { [line.slice(0, at)]: line.slice(at + 1) });
  }
  return blocks.filter(block => block['Id'] !== undefined);
}

/** Ports from here on are given out by the system, another one at each start (ip(7)). */
const firstEphemeral = 32_768;

function portsOf(
  unit: string,
  listening: readonly Listener[],
  cgroups: ReadonlyMap<number, string>,
): readonly number[] {
  const own = listening.filter(
    ({ pid, port }) => pid !== undefined && port < firstEphemeral && cgroups.get(pid)?.split('/').includes(unit),
  );
  return [...new Set(own.map(one => one.port))].toSorted((a, b) => a - b);
}

function readUnits(sections: readonly SurveySection[]): readonly SurveyedUnit[] {
  const system = new Set(linesOf(sections, 'whose').map(line => line.slice(line.indexOf(' ') + 1)));
  const listening = readListeners(linesOf(sections, 'listening'));
  const cgroups = new Map(
    linesOf(sections, 'cgroups').flatMap(line => {
      const [, pid, path] = /^cgroup (\d+) (.+)$/.exec(line) ?? [];
      return pid === undefined || path === undefined ? [] : [[Number(pid), path] as const];
    }),
  );
  return blocksOf(linesOf(sections, 'units')).map(block => {
    const name = block['Id'] ?? '';
    return {
      name,
      load: block['LoadState'] ?? '',
      folder: block['WorkingDirectory'] ?? '',
      program: /^\{ path=(\/[^ ]+) /.exec(block['ExecStart'] ?? '')?.[1] ?? '',
      system: system.has(name),
      ports: portsOf(name, listening, cgroups),
    };
  });
}

export function readSurvey(sections: readonly SurveySection[]): Survey {
  const others = linesOf(sections, 'others').flatMap(line => {
    const [, cluster, thing] = /^(\S+) ((?:unit|project) .+)$/.exec(line) ?? [];
    return cluster === undefined || thing === undefined ? [] : [[thing, cluster] as const];
  });
  return {
    ...readContainers(linesOf(sections, 'containers')),
    units: readUnits(sections),
    others: new Map(others),
  };
}

/** What Compose said of the files of one project. */
export interface ComposeSaid {
  /** Of the names that were asked for, those that are there. */
  readonly names: readonly string[];
  /** Hash of the configuration by inner service that would be brought up; absent: it refuses the files, and `said` is why. */
  readonly hashes?: ReadonlyMap<string, string>;
  readonly said: string;
}

export function readCompose(lines: readonly string[]): ComposeSaid {
  const rest = (word: string) =>
    lines.filter(line => line.startsWith(`${word} `)).map(line => line.slice(word.length + 1));
  const hashes = rest('hash').map(line => line.split(' ') as [string, string]);
  const whole = rest('code')[0] === '0';
  return { names: rest('file'), ...(whole ? { hashes: new Map(hashes) } : {}), said: rest('said')[0] ?? '' };
}
