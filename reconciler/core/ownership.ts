// Stamps as text: one line a field, readable by people and by the probe's shell. A stamp alone decides what is ours.
import { createHash } from 'node:crypto';
import type { ServiceType } from '../../schema/registry-types.js';
import type { StampMove } from '../../schema/stamp-moves.js';
import type { HealthyRevision, Stamp, StampFile } from '../../schema/state.js';
import { optional as given } from './optional.js';

const header = 'portoser-stamp 1';

const optional = (key: string, value: string | number | undefined) => (value === undefined ? [] : [`${key} ${value}`]);

const healthyRow = ({ fingerprint, commit, pinned }: HealthyRevision): string =>
  `healthy ${fingerprint} ${pinned ? 'pinned' : 'tagged'} ${commit}`;

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
    ...(stamp.healthy === undefined ? [] : [healthyRow(stamp.healthy)]),
    ...sorted(stamp.healthy?.images ?? {}).map(([inner, id]) => `healthy-image ${inner} ${id}`),
    `commit ${stamp.commit}`,
    `adopted ${stamp.adopted ? 'yes' : 'no'}`,
    ...(stamp.stateful === undefined ? [] : ['stateful yes']),
    `stop-timeout-ms ${stamp.stopTimeoutMs}`,
    ...optional('finished-at', stamp.finishedAt),
    ...optional('pruned-at', stamp.prunedAt),
    ...(stamp.move === undefined ? [] : [`move ${stamp.move.state} ${stamp.move.to} ${stamp.move.of}`]),
    ...(stamp.from === undefined ? [] : [`from ${stamp.from.machine} ${stamp.from.basis}`]),
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

type Pair = readonly [string, string];

interface Draft {
  readonly one: Map<string, string>;
  readonly ports: number[];
  readonly dependsOn: string[];
  readonly fields: Pair[];
  readonly files: StampFile[];
  readonly own: Pair[];
  readonly images: Pair[];
  readonly healthyImages: Pair[];
}

/** A row that is not as we write it: then the whole stamp says nothing. */
const notOurs = (row: string): SyntaxError => new SyntaxError(`not a row of a stamp: ${row}`);

function cut(line: string): readonly [string, string] {
  const space = line.indexOf(' ');
  return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
}

function readFile(rest: string): StampFile {
  const match = /^([0-7]+) ([0-9a-f]{64}) (source|generated) (.+)$/.exec(rest);
  if (!match) throw notOurs(rest);
  const [, mode = '', sha256 = '', kind, path = ''] = match;
  return { mode: Number.parseInt(mode, 8), sha256, kind: kind === 'source' ? 'source' : 'generated', path };
}

function readNumber(text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw notOurs(text ?? '');
  return Number(text);
}

/**
 * `NAME "VALUE"`: the name may hold blanks and quotes (`file:my "best" file.txt`), so the value begins at the first
 * quote from which all the rest is one JSON string. There is only one: any earlier rest would hold a bare quote.
 */
function readField(rest: string): Pair {
  for (let at = rest.indexOf(' "'); at >= 0; at = rest.indexOf(' "', at + 1)) {
    const value = asString(rest.slice(at + 1));
    if (value !== undefined) return [rest.slice(0, at), value];
  }
  throw notOurs(rest);
}

function asString(json: string): string | undefined {
  try {
    return String(JSON.parse(json));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readRow(draft: Draft, key: string, rest: string): void {
  const [first, second] = cut(rest);
  if (key === 'port') draft.ports.push(readNumber(rest));
  else if (key === 'depends-on') draft.dependsOn.push(rest);
  else if (key === 'field') draft.fields.push(readField(rest));
  else if (key === 'own') draft.own.push([second, first === '-' ? '' : first]);
  else if (key === 'image') draft.images.push([first, second]);
  else if (key === 'healthy-image') draft.healthyImages.push([first, second]);
  else if (key === 'file') draft.files.push(readFile(rest));
  else draft.one.set(key, rest);
}

const drivers: readonly string[] = ['docker', 'local', 'native'] satisfies readonly ServiceType[];
const scopes: readonly string[] = ['system', 'user', 'none'];

function healthyOf({ one, healthyImages }: Draft): Pick<Stamp, 'healthy'> {
  const row = one.get('healthy');
  if (row === undefined) return {};
  const [, fingerprint = '', how, commit = ''] = /^([0-9a-f]{64}) (pinned|tagged) (.+)$/.exec(row) ?? [];
  if (fingerprint === '') throw notOurs(row);
  return { healthy: { fingerprint, commit, images: Object.fromEntries(healthyImages), pinned: how === 'pinned' } };
}

function moveOf({ one }: Draft): Pick<Stamp, 'move'> {
  const row = one.get('move');
  if (row === undefined) return {};
  const [, state, to = '', of = ''] = /^(going|handed|failed) ([a-z0-9-]+) ([0-9a-f]{64})$/.exec(row) ?? [];
  if (state === undefined) throw notOurs(row);
  return { move: { state: state as StampMove['state'], to, of } };
}

function fromOf({ one }: Draft): Pick<Stamp, 'from'> {
  const row = one.get('from');
  if (row === undefined) return {};
  const [, machine, basis = ''] = /^([a-z0-9-]+) ([0-9a-f]{64})$/.exec(row) ?? [];
  if (machine === undefined) throw notOurs(row);
  return { from: { machine, basis } };
}

function assemble(draft: Draft): Stamp {
  const { one, ...lists } = draft;
  const [service, driver = '', scope = '', path] = ['service', 'driver', 'scope', 'path'].map(key => one.get(key));
  if (!service || !path || !drivers.includes(driver) || !scopes.includes(scope)) throw notOurs(service ?? '');
  const [finishedAt, prunedAt] = ['finished-at', 'pruned-at'].map(key => {
    const at = one.get(key);
    return at === undefined ? undefined : readNumber(at);
  });
  return {
    service,
    driver: driver as Stamp['driver'],
    scope: scope as Stamp['scope'],
    path,
    ...given('unit', one.get('unit')),
    ...given('project', one.get('project')),
    ...given('fingerprint', one.get('fingerprint')),
    ...given('failed', one.get('failed')),
    ...healthyOf(draft),
    commit: one.get('commit') ?? '',
    fields: Object.fromEntries(lists.fields),
    files: lists.files,
    own: Object.fromEntries(lists.own),
    images: Object.fromEntries(lists.images),
    ports: lists.ports,
    dependsOn: lists.dependsOn,
    adopted: one.get('adopted') === 'yes',
    ...(one.get('stateful') === 'yes' ? { stateful: true } : {}),
    stopTimeoutMs: readNumber(one.get('stop-timeout-ms') ?? '10000'),
    ...given('finishedAt', finishedAt),
    ...given('prunedAt', prunedAt),
    ...moveOf(draft),
    ...fromOf(draft),
  };
}

/** undefined: not a whole stamp of ours (never guessed at). Unknown keys are of a newer version and are passed over. */
export function parseStamp(text: string): Stamp | undefined {
  const rows = text.split('\n');
  const end = rows.indexOf('end');
  if (rows[0] !== header || end < 0) return undefined;
  const draft: Draft = {
    one: new Map(),
    ports: [],
    dependsOn: [],
    fields: [],
    files: [],
    own: [],
    images: [],
    healthyImages: [],
  };
  try {
    for (const row of rows.slice(1, end)) readRow(draft, ...cut(row));
    const stamp = assemble(draft);
    const exact = `${rows.slice(0, end + 1).join('\n')}\n`;
    return exact === stampText(stamp) ? stamp : { ...stamp, basis: hashOf(exact) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Several stamps printed one after the other, as `cat` gives them. */
export function parseStamps(lines: readonly string[]): readonly (Stamp | undefined)[] {
  const starts = lines.flatMap((line, index) => (line.startsWith('portoser-stamp ') ? [index] : []));
  return starts.map((start, index) => parseStamp(lines.slice(start, starts[index + 1] ?? lines.length).join('\n')));
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What a change assumes of the stamp it found: compared on the machine just before the change is made. */
export function basisOf(stamp: Stamp | undefined): string {
  return stamp === undefined ? '' : (stamp.basis ?? hashOf(stampText(stamp)));
}
