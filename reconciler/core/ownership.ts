// Stamps as text: one line a field, readable by people and by the probe's shell. A stamp alone decides what is ours.
import { createHash } from 'node:crypto';
import type { ServiceType } from '../../schema/registry-types.js';
import type { Stamp, StampFile } from '../../schema/state.js';

const header = 'portoser-stamp 1';

const optional = (key: string, value: string | number | undefined) => (value === undefined ? [] : [`${key} ${value}`]);

/** Values go in as JSON strings, since they may hold newlines; paths of files cannot (the registry refuses them). */
export function stampText(stamp: Stamp): string {
  const sorted = <T>(record: Readonly<Record<string, T>>) =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = [
    header,
    `service ${stamp.service}`,
    `driver ${stamp.driver}`,
    `scope ${stamp.scope}`,
    `path ${stamp.path}`,
    ...optional('unit', stamp.unit),
    ...optional('project', stamp.project),
    ...optional('fingerprint', stamp.fingerprint),
    ...optional('failed', stamp.failed),
    `commit ${stamp.commit}`,
    `adopted ${stamp.adopted ? 'yes' : 'no'}`,
    `stop-timeout-ms ${stamp.stopTimeoutMs}`,
    ...optional('pruned-at', stamp.prunedAt),
    ...stamp.ports.map(port => `port ${port}`),
    ...stamp.dependsOn.map(name => `depends-on ${name}`),
    ...sorted(stamp.fields).map(([name, value]) => `field ${name} ${JSON.stringify(value)}`),
    ...stamp.files.map(file => `file ${file.mode.toString(8)} ${file.sha256} ${file.kind} ${file.path}`),
    ...sorted(stamp.own).map(([path, sha256]) => `own ${sha256 === '' ? '-' : sha256} ${path}`),
    ...sorted(stamp.images).map(([inner, id]) => `image ${inner} ${id}`),
    'end',
  ];
  return `${rows.join('\n')}\n`;
}

interface Draft {
  one: Record<string, string>;
  ports: number[];
  dependsOn: string[];
  fields: Record<string, string>;
  files: StampFile[];
  own: Record<string, string>;
  images: Record<string, string>;
}

function cut(line: string): readonly [string, string] {
  const space = line.indexOf(' ');
  return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
}

function readFile(rest: string): StampFile | undefined {
  const match = /^([0-7]+) ([0-9a-f]{64}) (source|generated) (.+)$/.exec(rest);
  if (!match) return undefined;
  const [, mode = '', sha256 = '', kind, path = ''] = match;
  return { mode: Number.parseInt(mode, 8), sha256, kind: kind === 'source' ? 'source' : 'generated', path };
}

function readRow(draft: Draft, key: string, rest: string): void {
  const [first, second] = cut(rest);
  if (key === 'port') draft.ports.push(Number(rest));
  else if (key === 'depends-on') draft.dependsOn.push(rest);
  else if (key === 'field') draft.fields[first] = String(JSON.parse(second));
  else if (key === 'own') draft.own[second] = first === '-' ? '' : first;
  else if (key === 'image') draft.images[first] = second;
  else if (key === 'file') {
    const file = readFile(rest);
    if (file) draft.files.push(file);
  } else draft.one[key] = rest;
}

const drivers: readonly string[] = ['docker', 'local', 'native'] satisfies readonly ServiceType[];
const scopes: readonly string[] = ['system', 'user', 'none'];

function assemble(draft: Draft): Stamp | undefined {
  const { service, driver = '', scope = '', path, unit, project, fingerprint, failed, commit = '' } = draft.one;
  if (!service || !path || !drivers.includes(driver) || !scopes.includes(scope)) return undefined;
  const prunedAt = draft.one['pruned-at'];
  return {
    service,
    driver: driver as Stamp['driver'],
    scope: scope as Stamp['scope'],
    path,
    ...(unit === undefined ? {} : { unit }),
    ...(project === undefined ? {} : { project }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(failed === undefined ? {} : { failed }),
    commit,
    fields: draft.fields,
    files: draft.files,
    own: draft.own,
    images: draft.images,
    ports: draft.ports,
    dependsOn: draft.dependsOn,
    adopted: draft.one.adopted === 'yes',
    stopTimeoutMs: Number(draft.one['stop-timeout-ms'] ?? 10_000),
    ...(prunedAt === undefined ? {} : { prunedAt: Number(prunedAt) }),
  };
}

/** undefined: not a whole stamp of ours (never guessed at). Unknown keys are of a newer version and are passed over. */
export function parseStamp(text: string): Stamp | undefined {
  const rows = text.split('\n');
  if (rows[0] !== header || !rows.includes('end')) return undefined;
  const draft: Draft = { one: {}, ports: [], dependsOn: [], fields: {}, files: [], own: {}, images: {} };
  try {
    for (const row of rows.slice(1, rows.indexOf('end'))) readRow(draft, ...cut(row));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return assemble(draft);
}

/** Several stamps printed one after the other, as `cat` gives them. */
export function parseStamps(lines: readonly string[]): readonly (Stamp | undefined)[] {
  const starts = lines.flatMap((line, index) => (line.startsWith('portoser-stamp ') ? [index] : []));
  return starts.map((start, index) => parseStamp(lines.slice(start, starts[index + 1] ?? lines.length).join('\n')));
}

/** What a change assumes of the stamp it found: compared on the machine just before the change is made. */
export function basisOf(stamp: Stamp | undefined): string {
  return stamp === undefined ? '' : createHash('sha256').update(stampText(stamp)).digest('hex');
}
