// One placement: its templates filled, its values read, everything settled that the registry alone can settle.
import type { DockerOptions, PlacementKey, ServiceSpec, ServiceType } from '../../schema/registry-types.js';
import type { PolicyText, ServiceText } from '../../schema/registry.js';
import { durationMs } from './durations.js';
import { listed, optional } from './optional.js';
import { readCommand } from './parse-command.js';
import { checkEntry, fillEntry, isTextMap, type Layered, type TextMap } from './parse-entry.js';
import { readHealth, type HealthContext } from './parse-health.js';
import { readSuspend, silenced } from './parse-machines.js';
import { checkPolicy, readPolicy } from './parse-policy.js';
import { readPorts, type ClaimedPorts } from './parse-ports.js';
import { readResources } from './parse-resources.js';
import type { Report } from './parse-report.js';
import type { PlacementDraft } from './parse-settle.js';
import type { Lookup } from './templates.js';
import { unsupportedKeys } from './parse-unsupported.js';
import { isSystemFolder, normalPath } from './paths.js';

/** A spec, and where each of its claims was written. */
export interface PlacedSpec {
  readonly spec: ServiceSpec;
  readonly claims: ClaimedPorts;
  readonly layered: Layered;
}

export interface SpecContext {
  readonly lookup: Lookup;
  readonly registryPolicy: PolicyText;
  readonly groups: readonly string[];
  readonly report: Report;
}

/** undefined where type or path is not known; the reason was reported. */
export function readSpec(draft: PlacementDraft, context: SpecContext): PlacedSpec | undefined {
  const { layered, value: written, faulty: known } = draft.service;
  const { report } = context;
  const fillable = Object.fromEntries(Object.entries(written).filter(([key]) => !draft.faulty.has(key)));
  const filled = fillEntry(layered, fillable, context.lookup, report);
  const settled = withSettled(filled.value, draft);
  const faulty = new Set([...known, ...draft.faulty, ...filled.faulty]);
  const checked = checkEntry('service', layered, settled, false, silenced(report, [...faulty]));
  const text = checked.value as Partial<ServiceText>;
  const reading: Reading = { draft, text, layered, report, faulty: new Set([...faulty, ...checked.faulty]) };
  const path = text.path === undefined ? undefined : readPath(text.path, reading);
  return text.type === undefined || path === undefined ? undefined : placed(text.type, path, reading, context);
}

/** Port, path and host name are what was settled before. */
function withSettled(value: TextMap, draft: PlacementDraft): TextMap {
  const settled = Object.entries({ port: draft.port, path: draft.path }).filter(
    ([key, one]) => one !== undefined && Object.hasOwn(value, key),
  );
  return { ...value, ...Object.fromEntries(settled) };
}

interface Reading {
  readonly draft: PlacementDraft;
  readonly text: Partial<ServiceText>;
  readonly layered: Layered;
  readonly report: Report;
  readonly faulty: ReadonlySet<string>;
}

function readPath(written: string, { layered, report }: Reading): string | undefined {
  const path = normalPath(written);
  if (!isSystemFolder(path)) return path;
  const hint = 'give the service a folder of its own, such as /opt/my-service';
  report.at(layered.locate, [...layered.base, 'path'], 'invalid-path', `\`${path}\` belongs to the system`, { hint });
  return undefined;
}

function placed(type: ServiceType, path: string, reading: Reading, context: SpecContext): PlacedSpec {
  const { draft, text, layered } = reading;
  const claims = readPorts(reading);
  checkPolicy(text.policy ?? {}, layered.locate, [...layered.base, 'policy'], reading.report);
  const policy: PolicyText = { ...context.registryPolicy, ...text.policy };
  const service = draft.service.name;
  const machine = draft.machine.machine.name;
  const spec: ServiceSpec = {
    key: `${service}@${machine}` satisfies PlacementKey,
    service,
    machine,
    type,
    path,
    ...readRunning(type, path, reading, claims),
    ...optional('port', draft.port ?? (typeof text.port === 'number' ? text.port : undefined)),
    ports: [...new Set(claims.map(({ port }) => port))].toSorted((a, b) => a - b),
    env: readEnv(reading),
    envFiles: listed(text.env_file).map(normalPath),
    resources: readResources(reading),
    dependsOn: [...new Set(listed(text.depends_on))],
    health: readHealth(text.health ?? {}, healthContext(type, path, reading, claims)),
    ...optional('hostname', draft.hostname),
    stateful: text.stateful ?? false,
    copies: text.data === 'copy',
    critical: text.critical ?? false,
    groups: context.groups,
    tags: text.tags ?? [],
    ...optional('description', text.description),
    ...optional('suspend', readSuspend(text.suspend)),
    policy: readPolicy(policy),
    unsupported: unsupportedKeys(text, policy),
    at: layered.locate(layered.base, 'key'),
  };
  return { spec, claims, layered };
}

type Running = Pick<
  ServiceSpec,
  'source' | 'docker' | 'command' | 'stopTimeoutMs' | 'logFile' | 'unitName' | 'user' | 'scope'
>;

/** What is run, from which files, as whom. */
function readRunning(type: ServiceType, path: string, reading: Reading, claims: ClaimedPorts): Running {
  const { draft, text, layered, report } = reading;
  const command = type === 'docker' ? undefined : readCommand(text.command, path, layered, ['command'], report);
  return {
    ...optional('source', text.source === undefined ? undefined : normalPath(text.source)),
    ...optional('docker', type === 'docker' ? readDocker(text, claims) : undefined),
    ...optional('command', command),
    stopTimeoutMs: durationMs(text.stop_timeout ?? 10) ?? 10_000,
    logFile: readLogFile(text.log_file, path),
    unitName: (text.service_name ?? draft.service.name).replace(/\.service$/, ''),
    ...optional('user', text.user),
    scope: text.scope ?? 'system',
  };
}

function healthContext(type: ServiceType, folder: string, reading: Reading, claims: ClaimedPorts): HealthContext {
  const { text, layered, report, faulty } = reading;
  return {
    type,
    folder,
    port: typeof text.port === 'number' ? text.port : undefined,
    ports: claims.map(({ port }) => port),
    portFaulty: ['port', 'ports', 'port_mapping'].some(key => faulty.has(key)) || text.port === 'auto',
    entry: layered,
    report,
  };
}

function readLogFile(written: string | undefined, path: string): string {
  const file = normalPath(written ?? '.portoser/log');
  return file.startsWith('/') ? file : `${path}/${file}`;
}

function readDocker(text: Partial<ServiceText>, claims: ClaimedPorts): DockerOptions {
  return {
    ...optional('composeFile', text.compose_file === undefined ? undefined : normalPath(text.compose_file)),
    ...optional('project', text.compose_project),
    ...optional('composeService', text.compose_service),
    images: text.images ?? {},
    pull: text.pull ?? 'missing',
    build: text.build === true,
    portMapping: claims.flatMap(({ port, container }) => (container === undefined ? [] : [{ host: port, container }])),
  };
}

/** Numbers and booleans are taken as they were written: `1.10` stays `1.10`. */
function readEnv({ draft, text, layered }: Reading): Readonly<Record<string, string>> {
  const written = draft.service.value['env'];
  const asWritten = (key: string, value: unknown): string => {
    const literal = isTextMap(written) && Object.hasOwn(written, key) && typeof written[key] !== 'string';
    return (literal ? layered.sourceOf([...layered.base, 'env', key]) : undefined) ?? String(value);
  };
  return Object.fromEntries(Object.entries(text.env ?? {}).map(([key, value]) => [key, asWritten(key, value)]));
}
