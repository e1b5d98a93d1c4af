// Explains a service: what is decided for each of its placements, which lines and commits that follows from, and what would be run.
import type { FieldChange } from '../../schema/plan.js';
import type { Machine, PlacementKey, Registry } from '../../schema/registry-types.js';
import type { DesiredState, Placement, Verdict } from '../../schema/state.js';
import type { Blame, FieldWhy, Origin, PlacementWhy } from '../../schema/why.js';
import { includePatterns } from '../core/includes.js';
import { lookupOf } from '../core/lookup.js';
import { optional } from '../core/optional.js';
import { standingOf } from '../core/origin-paths.js';
import { type Place, placesOfKey, placesOfMachine, type WrittenRegistry } from '../core/origins.js';
import { readFiles } from '../core/parse-files.js';
import { decide, type Decided, type Known, placementsOf } from '../core/why.js';
import type { Lists } from '../operations/operation.js';
import type { Ports, RepoFiles } from '../ports.js';
import { fileWords, type Historian, openHistorian } from './blame.js';
import { checkOnce } from './check.js';
import type { Considered } from './preview.js';
import { registryTexts } from './registry-texts.js';
import type { Synced } from './sync.js';
import { wordsThere } from './words-there.js';

/** A preview of a valid registry, and the desired state of git itself. */
export interface Explaining extends Considered {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly synced: Synced & { readonly registry: Registry };
  readonly newest: DesiredState;
  readonly verdicts: ReadonlyMap<PlacementKey, Verdict>;
}

export interface Explained {
  readonly placements: readonly PlacementWhy[];
  /** Absent: the registry names it. */
  readonly removed?: Blame;
}

interface Room {
  readonly asked: Explaining;
  readonly known: Known;
  readonly written: WrittenRegistry;
  readonly historian: Historian;
}

async function mainAlone(files: RepoFiles, path: string): Promise<ReadonlyMap<string, string>> {
  const text = Buffer.from((await files.read(path)) ?? '').toString('utf8');
  // To list a work tree is to hash every file of it.
  return includePatterns(text).length === 0 ? new Map([[path, text]]) : (await registryTexts(files, path)).texts;
}

/** What it depends on was looked at only where it is left as it is; an answer is wanted for all that is not changed. */
async function dependencies(asked: Explaining): Promise<ReadonlyMap<PlacementKey, Verdict>> {
  const { plan, desired, live, lists, ports, verdicts } = asked;
  const changes = plan.waves.flat();
  const wanted = new Set(changes.flatMap(change => change.after));
  for (const { key } of changes) wanted.delete(key);
  const open = desired.placements.filter(one => wanted.has(one.key) && !verdicts.has(one.key));
  const machines = desired.machines.flatMap(machine => {
    const view = live.machines[machine.name];
    return view?.state === 'reachable' ? [{ machine, cluster: desired.cluster, facts: view.facts }] : [];
  });
  const answers =
    open.length === 0 ? [] : await checkOnce(open, machines, lists, { ...ports }, { sightings: live.sightings });
  return new Map([...verdicts, ...answers]);
}

async function openRoom(asked: Explaining): Promise<Room> {
  const { ports, synced, newest } = asked;
  const { path } = ports.source;
  const texts = await mainAlone(synced.files, path);
  const files = newest.placements.flatMap(({ spec, source }) =>
    source.map(
      file => [fileIn(spec.source, file.path), fileWords({ ...file, executable: file.mode === 0o755 })] as const,
    ),
  );
  const others = [...asked.plan.waves.flat(), ...(asked.plan.waiting ?? []).flatMap(part => part.changes)].flatMap(
    ({ key, fields }) => removedFiles(lookupOf(newest).byKey.get(key), fields),
  );
  return {
    asked,
    known: { ...asked, verdicts: await dependencies(asked) },
    written: { files: readFiles(path, texts), registry: synced.registry },
    historian: openHistorian(ports, { files: synced.files, texts, there: new Map(files), others }),
  };
}

const fileIn = (source: string | undefined, path: string): string =>
  source === undefined || source === '' ? path : `${source}/${path}`;

/** Files that left the source have no entry in it any more. */
function removedFiles(placement: Placement | undefined, fields: readonly FieldChange[]): readonly string[] {
  return fields.flatMap(({ field }) => {
    const standing = placement === undefined ? undefined : standingOf(field, placement);
    return standing?.at === 'file' ? [standing.path] : [];
  });
}

function placesOf({ written, asked }: Room, placement: Placement, field: string): readonly Place[] {
  const { service, machine } = placement.spec;
  const standing = standingOf(field, placement);
  switch (standing.at) {
    case 'nowhere':
      return [];
    case 'service':
      return placesOfKey(written, service, machine, standing.path);
    case 'machine':
      return placesOfMachine(written, machine, standing.path);
    case 'file': {
      const { path } = standing;
      const there = lookupOf(asked.newest).byKey.get(placement.key)?.source;
      const is = there?.some(file => fileIn(placement.spec.source, file.path) === path) === true;
      const where = is ? { where: { file: path, line: 1, column: 1 } } : {};
      return [{ path, how: is ? 'file' : 'gone', ...where, subjects: [{ of: 'file', path }] }];
    }
    default:
      return standing satisfies never;
  }
}

async function originsOf(room: Room, places: readonly Place[]): Promise<readonly Origin[]> {
  const origins: Origin[] = [];
  for (const { subjects, ...place } of places) origins.push({ ...place, last: await room.historian.last(subjects) });
  return origins;
}

async function whyOf(room: Room, key: PlacementKey, { field, from, to }: FieldChange): Promise<FieldWhy> {
  const { newest } = room.asked;
  const service = key.slice(0, key.indexOf('@'));
  // What moved away or left has no placement there: its successor, or the missing entry, says why.
  const placement = lookupOf(newest).byKey.get(key) ?? lookupOf(newest).byService.get(service)?.[0];
  const keyPath = field.startsWith('policy.') ? field.split('.') : [];
  const places =
    placement === undefined
      ? placesOfKey(room.written, service, key.slice(key.indexOf('@') + 1), keyPath)
      : placesOf(room, placement, field);
  const origins = await originsOf(room, places);
  return { field, ...optional('wanted', to), ...optional('found', from), origins };
}

async function workOf({ asked }: Room, { change }: Decided): Promise<Pick<PlacementWhy, 'work' | 'workUnknown'>> {
  if (change === undefined) return {};
  const { desired, leaving, synced } = asked;
  const machines = new Map([...leaving, ...desired.machines].map((one): [string, Machine] => [one.name, one]));
  const work = await wordsThere({ ...asked, files: synced.files, machines }, change);
  return typeof work === 'string' ? { workUnknown: work } : { work };
}

async function explainPlacement(room: Room, key: PlacementKey): Promise<PlacementWhy> {
  const one = decide(room.known, key);
  const { fields, rules, change, ...decided } = one;
  const [service = '', machine = ''] = key.split('@');
  const explained: FieldWhy[] = [];
  for (const field of fields) explained.push(await whyOf(room, key, field));
  const ruled: FieldWhy[] = [];
  for (const field of rules) ruled.push(await whyOf(room, key, { field }));
  const kind = optional('kind', change?.kind);
  return { key, service, machine, ...decided, ...kind, fields: explained, rules: ruled, ...(await workOf(room, one)) };
}

/** Only reads. `service`: its name, or `service@machine`. Empty `placements`: nothing of it is wanted or seen. */
export async function explain(asked: Explaining, service: string): Promise<Explained> {
  const room = await openRoom(asked);
  const [name = '', machine] = service.split('@');
  const keys = placementsOf(room.known, name).filter(key => machine === undefined || key === `${name}@${machine}`);
  const placements: PlacementWhy[] = [];
  for (const key of keys) placements.push(await explainPlacement(room, key));
  if (lookupOf(asked.newest).byService.has(name)) return { placements };
  return { placements, removed: await room.historian.last([{ of: 'entry', path: ['services', name] }]) };
}
