// Gathers what the registry names in the repository (source files and texts), then resolves the desired state.
import { createHash } from 'node:crypto';
import { AppError } from '../../schema/errors.js';
import type { PlacementKey, ServiceSpec } from '../../schema/registry-types.js';
import type { DesiredState, SourceFile } from '../../schema/state.js';
import { type Gathered, resolve } from '../core/resolve.js';
import type { Driver } from '../drivers/driver.js';
import type { Ports, RepoEntry, RepoFiles } from '../ports.js';
import { sessionOf, trimHashes } from './session.js';
import type { Synced } from './sync.js';

/** Texts that drivers read; larger ones are no configuration. */
const textNames = /^((docker-)?compose(\.override)?\.ya?ml|pyproject\.toml|requirements\.txt|uv\.lock)$/;
const textLimit = 524_288;

async function hashOf(
  ports: Ports,
  files: RepoFiles,
  entry: RepoEntry,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const { hashes } = sessionOf(ports);
  const known = files.revision === 'work-tree' ? undefined : hashes.get(entry.oid);
  if (known !== undefined) {
    const [sha256 = '', bytes = '0'] = known.split(' ');
    return { sha256, bytes: Number(bytes) };
  }
  const content = await files.read(entry.path);
  if (content === undefined)
    throw new AppError('file-missing', `${entry.path} cannot be read at ${files.revision.slice(0, 12)}`);
  const sha256 = createHash('sha256').update(content).digest('hex');
  hashes.set(entry.oid, `${sha256} ${content.length}`);
  return { sha256, bytes: content.length };
}

/** A path of the repository; `source: .` is its root. */
const within = (source: string, path: string): string => (source === '' ? path : `${source}/${path}`);

function unusable(entries: readonly RepoEntry[], source: string): string | undefined {
  const link = entries.find(entry => entry.kind !== 'file');
  if (link !== undefined)
    return `${link.path} is a ${link.kind === 'link' ? 'symbolic link' : 'submodule'}: \`source\` may hold plain files only`;
  // oxlint-disable-next-line no-control-regex -- a line of the probe's answer holds one name
  const odd = entries.find(entry => /[\u0000-\u001f\u007f\\]/.test(entry.path));
  if (odd !== undefined) return `a file below ${source || 'the root'} has a control character or backslash in its name`;
  const ours = entries.find(entry => entry.path.startsWith(within(source, '.portoser/')));
  return ours === undefined ? undefined : `${ours.path}: the folder .portoser belongs to Portoser`;
}

async function gatherOne(
  ports: Ports,
  files: RepoFiles,
  spec: ServiceSpec & { readonly source: string },
): Promise<Gathered> {
  const entries = await files.list(spec.source);
  if (entries === undefined)
    return { source: [], texts: {}, blocked: `there is no folder ${spec.source} in the repository` };
  const blocked = unusable(entries, spec.source);
  if (blocked !== undefined) return { source: [], texts: {}, blocked };
  const source = await Promise.all(
    entries.map(async (entry): Promise<SourceFile> => ({
      path: entry.path.slice(spec.source === '' ? 0 : spec.source.length + 1),
      mode: entry.executable ? 0o755 : 0o644,
      oid: entry.oid,
      ...(await hashOf(ports, files, entry)),
    })),
  );
  const wanted = source.filter(
    file =>
      (textNames.test(file.path) || file.path === spec.docker?.composeFile?.replace(/^(\.\/)+/, '')) &&
      file.bytes <= textLimit,
  );
  const texts = await Promise.all(
    wanted.map(
      async file => [file.path, new TextDecoder().decode(await files.read(within(spec.source, file.path)))] as const,
    ),
  );
  return { source, texts: Object.fromEntries(texts) };
}

async function gather(
  ports: Ports,
  synced: Synced,
  placements: readonly ServiceSpec[],
): Promise<ReadonlyMap<PlacementKey, Gathered>> {
  const withSource = placements.flatMap(spec => (spec.source === undefined ? [] : [{ ...spec, source: spec.source }]));
  const gathered = await Promise.all(
    withSource.map(async spec => [spec.key, await gatherOne(ports, synced.files, spec)] as const),
  );
  trimHashes(sessionOf(ports), new Set(gathered.flatMap(([, { source }]) => source.map(file => file.oid))));
  return new Map(gathered);
}

async function rootOf(ports: Ports, synced: Synced): Promise<string> {
  const { git } = ports.source;
  if (git === undefined) return '';
  return await git.rootCommit(synced.commit === 'work-tree' ? await git.remoteHead() : synced.commit);
}

/** Throws `registry-invalid` when there is no registry to go by. `rootCommit`: where it is known, and not the commit's own. */
export async function desire(
  ports: Ports,
  lists: { readonly drivers: Readonly<Record<string, Driver>> },
  synced: Synced,
  rootCommit?: string,
): Promise<DesiredState> {
  if (synced.registry === undefined) {
    const errors = synced.diagnostics.filter(one => one.severity === 'error').length;
    throw new AppError('registry-invalid', `${ports.source.path} has ${errors} ${errors === 1 ? 'error' : 'errors'}`);
  }
  const gathered = await gather(ports, synced, synced.registry.placements);
  return resolve(
    synced.registry,
    { commit: synced.commit, rootCommit: rootCommit ?? (await rootOf(ports, synced)), gathered },
    lists.drivers,
  );
}
