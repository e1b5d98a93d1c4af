// The machines of the registry: defaults merged, templates filled, jumps known and without a circle.
import { didYouMean } from '../../schema/closest.js';
import type { Machine, Platform } from '../../schema/registry-types.js';
import type { MachineText } from '../../schema/registry.js';
import { findCycles } from './cycles.js';
import { listed, optional } from './optional.js';
import { checkEntry, fillEntry, isTextMap, overDefaults, type Layered, type TextMap } from './parse-entry.js';
import type { Entry, RegistryFiles } from './parse-files.js';
import { absent, lookupIn, type Answer } from './parse-lookup.js';
import type { Report } from './parse-report.js';
import { hasTemplate, type Lookup } from './templates.js';

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** A machine with what parse alone needs of it. */
export interface MachineDraft {
  readonly machine: Machine;
  readonly vars: TextMap;
  readonly autoPorts: PortRange;
  readonly layered: Layered;
}

export interface Machines {
  /** Every name that was written, also of machines that are faulty. */
  readonly names: readonly string[];
  readonly byName: ReadonlyMap<string, MachineDraft>;
}

export interface RegistryScope {
  readonly vars: TextMap;
  readonly cluster: string;
}

export function parseMachines(files: RegistryFiles, scope: RegistryScope, report: Report): Machines {
  const defaults = machineDefaults(files);
  const byName = new Map<string, MachineDraft>();
  for (const [name, own] of files.named.machines) {
    const layered = overDefaults(['machines', name], own, defaults);
    const draft = layered === undefined ? reportNoMap(name, own, report) : draftMachine(name, layered, scope, report);
    if (draft !== undefined) byName.set(name, draft);
  }
  const machines = { names: [...files.named.machines.keys()], byName };
  checkJumps(machines, report);
  return machines;
}

export function machineDefaults(files: RegistryFiles) {
  const section = files.sections.get('defaults');
  const value = section !== undefined && isTextMap(section.value) ? section.value['machine'] : undefined;
  return section !== undefined && isTextMap(value) ? { ...section, value, base: ['defaults', 'machine'] } : undefined;
}

/** Text, a list or nothing where a machine should stand: the schema's check says so. */
function reportNoMap(name: string, own: Entry, report: Report): undefined {
  checkEntry(
    'machine',
    { base: ['machines', name], value: {}, locate: own.locate, sourceOf: own.sourceOf },
    own.value as TextMap,
    true,
    report,
  );
  return undefined;
}

function draftMachine(name: string, layered: Layered, scope: RegistryScope, report: Report): MachineDraft | undefined {
  const written = checkEntry('machine', layered, layered.value, true, report);
  const vars = isTextMap(written.value['vars']) ? written.value['vars'] : {};
  const filled = fillEntry(layered, written.value, machineLookup(name, written.value, vars, scope), report);
  const checked = checkEntry(
    'machine',
    layered,
    filled.value,
    false,
    silenced(report, [...written.faulty, ...filled.faulty]),
  );
  const machine = readMachine(name, layered, checked.value);
  return machine === undefined
    ? undefined
    : { machine, vars, autoPorts: readRange(checked.value, layered, report), layered };
}

/** Keys that were already reported are missing now; that is no news. */
export function silenced(report: Report, known: readonly string[]): Report {
  return {
    ...report,
    add: one =>
      one.code === 'missing-field' && known.some(key => one.message === `\`${key}\` is missing`)
        ? undefined
        : report.add(one),
  };
}

function machineLookup(name: string, value: TextMap, vars: TextMap, scope: RegistryScope): Lookup {
  const builtins = new Map<string, Answer>([
    ['cluster', { value: scope.cluster }],
    ['machine.name', { value: name }],
  ]);
  for (const key of ['host', 'platform', 'arch']) {
    const written = value[key];
    const known = typeof written === 'string' && !hasTemplate(written);
    builtins.set(
      `machine.${key}`,
      known ? { value: written } : absent(`\`machine.${key}\` is not known while the machine itself is filled`),
    );
  }
  return lookupIn({ vars: [vars, scope.vars], builtins });
}

function readMachine(name: string, layered: Layered, text: Partial<MachineText>): Machine | undefined {
  const { host, user, platform } = text;
  if (host === undefined || user === undefined || platform === undefined) return undefined;
  return {
    name,
    host,
    port: text.port ?? 22,
    user,
    platform: platform satisfies Platform,
    ...optional('sshKey', text.ssh_key),
    hostKeys: listed(text.host_key),
    jump: listed(text.jump),
    sudo: text.sudo ?? 'auto',
    ...optional('arch', text.arch),
    ...optional('description', text.description),
    tags: text.tags ?? [],
    ...optional('suspend', readSuspend(text.suspend)),
    at: layered.locate(layered.base, 'key'),
  };
}

/** An empty reason counts as none. */
export function readSuspend(written: boolean | string | undefined): string | true | undefined {
  if (written === undefined || written === false) return undefined;
  return written === '' ? true : written;
}

const defaultRange: PortRange = { low: 20_000, high: 29_999 };

function readRange(value: TextMap, layered: Layered, report: Report): PortRange {
  const written = value['auto_ports'];
  if (typeof written !== 'string') return defaultRange;
  const [low = 0, high = 0] = written.split('-').map(Number);
  if (low >= 1 && low <= high && high <= 65_535) return { low, high };
  const message = `\`${written}\` is not a range of ports`;
  report.at(layered.locate, [...layered.base, 'auto_ports'], 'invalid-port', message, {
    expected: 'a range such as 20000-29999',
  });
  return defaultRange;
}

function checkJumps({ names, byName }: Machines, report: Report): void {
  for (const [name, { machine, layered }] of byName) {
    for (const jump of machine.jump) {
      if (names.includes(jump)) continue;
      const hint = didYouMean(jump, names);
      report.at(layered.locate, ['machines', name, 'jump'], 'unknown-machine', `there is no machine \`${jump}\``, {
        hint,
      });
    }
  }
  const ways = new Map([...byName].map(([name, { machine }]) => [name, machine.jump]));
  for (const cycle of findCycles(ways)) {
    const { layered } = byName.get(cycle[0] ?? '') ?? {};
    if (layered === undefined) continue;
    const message = `the way to \`${cycle[0] ?? ''}\` leads back to itself: ${cycle.join(' → ')}`;
    report.at(layered.locate, [...layered.base, 'jump'], 'circular-dependency', message, {
      hint: 'take one of the jumps away',
    });
  }
}
