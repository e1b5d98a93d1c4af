// What other services may ask of a placement (port, path, host name) is settled first, `auto` ports last.
import type { Machine } from '../../schema/registry-types.js';
import { isTextMap, type TextMap } from './parse-entry.js';
import { absent, lookupIn, type Answer, type Scope } from './parse-lookup.js';
import type { MachineDraft, Machines, RegistryScope } from './parse-machines.js';
import type { Report } from './parse-report.js';
import type { ServiceDraft } from './parse-services.js';
import { assignPorts } from './ports-auto.js';
import { fill, hasTemplate } from './templates.js';

/** One placement on its way. */
export interface PlacementDraft {
  readonly service: ServiceDraft;
  readonly machine: MachineDraft;
  readonly port: number | undefined;
  readonly path: string | undefined;
  readonly hostname: string | undefined;
  /** Ports for `auto`: of `port` and of mappings, in their order. */
  readonly autoPorts: readonly number[];
  /** Of port, path and hostname: those that could not be filled (reported). */
  readonly faulty: ReadonlySet<string>;
}

export interface Settling {
  readonly scope: RegistryScope;
  readonly domain: string;
  /** Ports of ours on the controller's own machine. */
  readonly ownPorts: readonly number[];
}

interface Half extends Omit<PlacementDraft, 'port' | 'autoPorts'> {
  readonly port: number | 'auto' | undefined;
  /** Host ports that are written as numbers. */
  readonly claims: readonly number[];
  readonly wanted: number;
}

export function settle(
  services: readonly ServiceDraft[],
  machines: Machines,
  settling: Settling,
  report: Report,
): readonly PlacementDraft[] {
  const halves = services.flatMap(service =>
    service.machines.flatMap(name => {
      const machine = machines.byName.get(name);
      return machine === undefined ? [] : [settleHalf(service, machine, services, settling, report)];
    }),
  );
  const ports = autoPorts(halves, settling, report);
  return halves.map(({ claims: _claims, wanted: _wanted, ...half }) => {
    const own = ports.get(half.service.name) ?? [];
    return { ...half, port: half.port === 'auto' ? own[0] : half.port, autoPorts: own };
  });
}

export function machineBuiltins({ name, host, platform, arch }: Machine): readonly (readonly [string, Answer])[] {
  const archHint = 'write `arch` in the machine, so that the registry alone decides what the template becomes';
  return [
    ['machine.name', { value: name }],
    ['machine.host', { value: host === 'local' ? '127.0.0.1' : host }],
    ['machine.platform', { value: platform }],
    [
      'machine.arch',
      arch === undefined ? absent(`the registry does not say the arch of \`${name}\``, archHint) : { value: arch },
    ],
  ];
}

function literal(value: TextMap, key: string): unknown {
  const written = value[key];
  return (typeof written === 'string' && hasTemplate(written)) || written === 'auto' ? undefined : written;
}

/** Port, path and host name may ask each other only for what is written without a template. */
function earlyScope(
  service: ServiceDraft,
  machine: MachineDraft,
  services: readonly ServiceDraft[],
  { scope, domain }: Settling,
): Scope {
  const answer = (name: string, value: unknown): Answer =>
    value === undefined
      ? absent(
          `\`${name}\` is not known where ports, paths and host names are filled`,
          'write the value, or a variable',
        )
      : { value };
  const early = (one: ServiceDraft, key: string): unknown =>
    literal(one.value, key) ?? (key === 'hostname' ? internalName(one, domain) : undefined);
  return {
    vars: [service.vars, machine.vars, scope.vars],
    builtins: new Map([
      ['cluster', { value: scope.cluster }],
      ['service.name', { value: service.name }],
      ...['port', 'path', 'hostname'].map(
        key => [`service.${key}`, answer(`service.${key}`, early(service, key))] as const,
      ),
      ...machineBuiltins(machine.machine),
    ]),
    ofService: (name, field) => {
      const other = services.find(one => one.name === name);
      return other === undefined ? undefined : answer(`services.${name}.${field}`, early(other, field));
    },
  };
}

function internalName(service: ServiceDraft, domain: string): string | undefined {
  return service.value['expose'] === 'internal' && service.value['hostname'] === undefined
    ? `${service.name}.${domain}`
    : undefined;
}

function settleHalf(
  service: ServiceDraft,
  machine: MachineDraft,
  services: readonly ServiceDraft[],
  settling: Settling,
  report: Report,
): Half {
  const lookup = lookupIn(earlyScope(service, machine, services, settling));
  const { value, layered } = service;
  const faulty = new Set<string>();
  const told = fill(
    { port: value['port'], path: value['path'], hostname: value['hostname'] },
    lookup,
    (path, problem) => {
      faulty.add(String(path[0]));
      report.at(layered.locate, [...layered.base, ...path], problem.code, problem.message, { hint: problem.hint });
    },
  ) as TextMap;
  const rest = fill({ ports: value['ports'], port_mapping: value['port_mapping'] }, lookup, () => undefined) as TextMap;
  const port = told['port'] === 'auto' || typeof told['port'] === 'number' ? told['port'] : undefined;
  const mapped = mappedHosts(rest['port_mapping']);
  const autos = mapped.filter(one => one === 'auto').length;
  return {
    service,
    machine,
    port,
    path: typeof told['path'] === 'string' && !hasTemplate(told['path']) ? told['path'] : undefined,
    hostname: typeof told['hostname'] === 'string' ? told['hostname'] : internalName(service, settling.domain),
    claims: [port, ...(Array.isArray(rest['ports']) ? (rest['ports'] as unknown[]) : []), ...mapped].filter(
      one => typeof one === 'number',
    ),
    faulty,
    wanted: port === 'auto' ? Math.max(1, autos) : autos,
  };
}

function mappedHosts(written: unknown): readonly unknown[] {
  const mappings = Array.isArray(written) ? (written as unknown[]) : [written];
  return mappings.map(one => (isTextMap(one) ? one['host'] : undefined));
}

function autoPorts(
  halves: readonly Half[],
  { ownPorts }: Settling,
  report: Report,
): ReadonlyMap<string, readonly number[]> {
  const claimed = new Map<string, Set<number>>();
  for (const { machine, claims } of halves) {
    const taken = claimed.get(machine.machine.name) ?? new Set(machine.machine.host === 'local' ? ownPorts : []);
    for (const port of claims) taken.add(port);
    claimed.set(machine.machine.name, taken);
  }
  const wishes = new Map<string, Half[]>();
  for (const half of halves)
    if (half.wanted > 0) wishes.set(half.service.name, [...(wishes.get(half.service.name) ?? []), half]);
  const assigned = assignPorts(
    [...wishes].map(([service, all]) => ({
      service,
      count: Math.max(...all.map(({ wanted }) => wanted)),
      machines: all.map(({ machine }) => ({ name: machine.machine.name, range: machine.autoPorts })),
    })),
    claimed,
  );
  for (const [name, [first]] of wishes) if (first !== undefined && !assigned.has(name)) reportNoPort(first, report);
  return assigned;
}

function reportNoPort({ service, port }: Half, report: Report): void {
  const { layered } = service;
  const key = port === 'auto' ? 'port' : 'port_mapping';
  const hint = 'widen `auto_ports` of its machines, or write a port';
  report.at(
    layered.locate,
    [...layered.base, key],
    'no-free-port',
    'no port is free in the range common to its machines',
    { hint },
  );
}
