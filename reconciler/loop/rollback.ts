// Returns a service to what an earlier deployment left: worked out as data on the newest head, shown, and committed.
import { hash } from 'node:crypto';
import type { ParseResult } from '../../schema/registry-types.js';
import type { Placement } from '../../schema/state.js';
import { fieldChanges } from '../core/diff-fields.js';
import { type EditMap, restoreService } from '../core/edit.js';
import { parse } from '../core/parse.js';
import { type Pins, pinsOf } from '../core/rollback.js';
import type { Lists } from '../operations/operation.js';
import type { EditedContent, Ports, RepoEntry, RepoFiles } from '../ports.js';
import { desire } from './desired.js';
import { changedLines, checkEdited, type Editable, type EditedFile } from './edit.js';
import { registryTexts } from './registry-texts.js';
import type { Revision } from './rollback-revision.js';

export interface SourceChange {
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
}

/** What a rollback would do to one head of the branch. */
export interface Restoration {
  /** Lines of the registry. */
  readonly files: readonly EditedFile[];
  readonly sources: readonly SourceChange[];
  /** What of that deployment does not come back, each with why. */
  readonly notRestored: readonly string[];
  /** Services that take files from the same folder, and so change with it. */
  readonly alsoChanges: readonly string[];
  /** The placement as the head says it now; absent: it is not in the registry. */
  readonly now?: Placement;
}

const placementsOf = ({ registry, deployment }: Revision): number =>
  registry.placements.filter(one => one.service === deployment.service).length;

const pinned = (revision: Revision): Pins =>
  pinsOf(revision.deployment.images, revision.placement.spec, placementsOf(revision));

/** The entry with the images that ran then. */
function wantedEntry(revision: Revision): EditMap {
  const { images } = pinned(revision);
  return Object.keys(images).length === 0 ? revision.entry : { ...revision.entry, images };
}

/** New texts of the registry. Throws `registry-edit` where it stands there in a form that cannot be edited. */
export function restoreEntry(revision: Revision, { main, texts }: Editable): ReadonlyMap<string, string> {
  return restoreService({ main, files: texts }, revision.deployment.service, wantedEntry(revision));
}

interface Restored {
  readonly entry: RepoEntry;
  readonly bytes: Uint8Array;
}

/** Source files that differ between then and a head; undefined: was not there then. The registry's own files are not among them. */
async function differing(
  revision: Revision,
  head: RepoFiles,
  registryFiles: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Restored | undefined>> {
  const { source } = revision.placement.spec;
  if (source === undefined) return new Map();
  const [was, is] = await Promise.all([revision.files, head].map(async one => (await one.list(source)) ?? []));
  const there = new Map((is ?? []).map(one => [one.path, one]));
  const changes = new Map<string, Restored | undefined>();
  for (const entry of was ?? []) {
    const now = there.get(entry.path);
    there.delete(entry.path);
    const same = now?.kind === 'file' && now.oid === entry.oid && now.executable === entry.executable;
    if (same || registryFiles.has(entry.path)) continue;
    const bytes = await revision.files.read(entry.path);
    if (bytes !== undefined) changes.set(entry.path, { entry, bytes });
  }
  for (const path of there.keys()) if (!registryFiles.has(path)) changes.set(path, undefined);
  return changes;
}

/** The contents that bring the source files back on a head. */
export async function restoreFiles(
  ports: Ports,
  revision: Revision,
  head: RepoFiles,
): Promise<ReadonlyMap<string, EditedContent>> {
  const { texts } = await registryTexts(head, ports.source.path);
  const files = await differing(revision, head, new Set(texts.keys()));
  return contentsOf(files);
}

const contentsOf = (files: ReadonlyMap<string, Restored | undefined>): ReadonlyMap<string, EditedContent> =>
  new Map(
    [...files].map(([path, one]) => [
      path,
      one === undefined ? null : { bytes: one.bytes, executable: one.entry.executable },
    ]),
  );

/** The head's files as they will be. */
function after(
  head: RepoFiles,
  texts: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, Restored | undefined>,
): RepoFiles {
  const textEntry = (path: string, text: string, executable: boolean): RepoEntry => ({
    path,
    kind: 'file',
    executable,
    oid: `edited ${hash('sha256', text)}`,
  });
  return {
    revision: `${head.revision} edited`,
    read: async path => {
      const text = texts.get(path);
      if (text !== undefined) return Buffer.from(text);
      return files.has(path) ? files.get(path)?.bytes : await head.read(path);
    },
    list: async folder => {
      const kept = ((await head.list(folder)) ?? []).filter(one => !files.has(one.path));
      const listed = kept.map(one => {
        const text = texts.get(one.path);
        return text === undefined ? one : textEntry(one.path, text, one.executable);
      });
      const back = [...files.values()].flatMap(one => (one === undefined ? [] : [one.entry]));
      const all = [...listed, ...back.filter(one => folder === '' || one.path.startsWith(`${folder}/`))];
      if (all.length === 0 && folder !== '') return undefined;
      return all.toSorted((one, other) => (one.path < other.path ? -1 : 1));
    },
  };
}

async function placementIn(
  ports: Ports,
  lists: Lists,
  commit: string,
  files: RepoFiles,
  { registry, diagnostics }: ParseResult,
  key: string,
): Promise<Placement | undefined> {
  if (registry === undefined) return undefined;
  const desired = await desire(ports, lists, { commit, files, registry, diagnostics });
  return desired.placements.find(one => one.key === key);
}

/** Fields that come from outside the entry (variables, defaults) and are others by now. */
function otherFields(revision: Revision, then: Placement, next: Placement | undefined): readonly string[] {
  const { key } = revision.deployment;
  if (next === undefined) return [`${key}: the registry as it will be does not place it there`];
  const images = new Set(Object.keys(pinned(revision).images).map(inner => `image.${inner}`));
  return fieldChanges(then.fields, next.fields)
    .filter(one => !images.has(one.field))
    .map(
      ({ field, from, to }) =>
        `${field}: was ${from ?? 'absent'}, will be ${to ?? 'absent'} (set outside of its entry)`,
    );
}

function notOurs(revision: Revision): readonly string[] {
  const { spec } = revision.placement;
  const own =
    spec.source === undefined ? [`files in ${spec.path}: they are not kept in git, and stay as they are`] : [];
  const volumes = spec.docker === undefined ? '' : ' and in its volumes';
  return [...own, `data that ${spec.service} wrote in ${spec.path}${volumes}: it stays as it is`];
}

/** What going back to a revision means on a head of the branch. Throws what an edit throws that cannot be made. */
export async function considerRollback(
  ports: Ports,
  lists: Lists,
  revision: Revision,
  head: { readonly commit: string; readonly files: RepoFiles },
): Promise<Restoration> {
  const main = ports.source.path;
  const { key, service } = revision.deployment;
  const { texts, paths } = await registryTexts(head.files, main);
  const now = parse({ main, files: texts, paths });
  const editable = { main, texts, before: now, paths };
  const edited = restoreEntry(revision, editable);
  const files = await differing(revision, head.files, new Set(texts.keys()));
  const parsed = checkEdited(editable, edited, contentsOf(files));
  const nextFiles = after(head.files, edited, files);
  const [placementNow, next] = [
    await placementIn(ports, lists, head.commit, head.files, now, key),
    await placementIn(ports, lists, head.commit, nextFiles, parsed, key),
  ];
  const takes = (source: string | undefined): boolean =>
    source !== undefined && [...files.keys()].some(path => source === '' || path.startsWith(`${source}/`));
  const others = (parsed.registry?.placements ?? []).filter(one => one.service !== service && takes(one.source));
  const listed = new Set(((await head.files.list('')) ?? []).map(one => one.path));
  const changeOf = (path: string, one: Restored | undefined): SourceChange['change'] =>
    one === undefined ? 'removed' : listed.has(path) ? 'changed' : 'added';
  return {
    files: [...edited].map(([path, text]) => changedLines(path, texts.get(path) ?? '', text)),
    sources: [...files].map(([path, one]) => ({ path, change: changeOf(path, one) })),
    notRestored: [...otherFields(revision, revision.placement, next), ...pinned(revision).lost, ...notOurs(revision)],
    alsoChanges: [...new Set(others.map(one => one.service))],
    ...(placementNow === undefined ? {} : { now: placementNow }),
  };
}
