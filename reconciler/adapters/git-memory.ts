// What is remembered on disk about one repository, between starts: which clone is good, the branch, the root commit.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readTextIfThere, writeAtomic } from './git-fs.js';
import { isOid } from './git-objects.js';
import { makeFolder } from './make-folder.js';

export interface GitMemory {
  readonly address: string;
  /** The remote's default branch when it was last seen. */
  readonly defaultBranch?: string;
  /** A commit and the root that its line of first parents ends in. */
  readonly root?: { readonly commit: string; readonly root: string };
  /** Name of the folder of the clone in use. */
  readonly clone?: string;
}

/** One folder per address. */
export function memoryFolder(stateDir: string, address: string): string {
  return join(stateDir, createHash('sha256').update(address).digest('hex').slice(0, 16));
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** What is damaged is forgotten: all of it can be found again. */
function parse(address: string, json: string): GitMemory {
  const found = JSON.parse(json) as Partial<Record<string, unknown>> | null;
  if (found?.['address'] !== address) return { address };
  const defaultBranch = text(found['defaultBranch']);
  const clone = text(found['clone']);
  const root = found['root'] as { commit?: unknown; root?: unknown } | undefined;
  const commit = text(root?.commit) ?? '';
  const oldest = text(root?.root) ?? '';
  return {
    address,
    ...(defaultBranch === undefined ? {} : { defaultBranch }),
    ...(clone === undefined || !/^clone-[0-9a-f]+$/.test(clone) ? {} : { clone }),
    ...(isOid(commit) && isOid(oldest) ? { root: { commit, root: oldest } } : {}),
  };
}

export async function readMemory(folder: string, address: string): Promise<GitMemory> {
  const json = await readTextIfThere(join(folder, 'repository.json'));
  if (json === undefined) return { address };
  try {
    return parse(address, json);
  } catch (error) {
    if (error instanceof SyntaxError) return { address };
    throw error;
  }
}

/** Changes what is named, keeps the rest, also what another process wrote meanwhile. */
export async function remember(folder: string, address: string, change: Partial<GitMemory>): Promise<void> {
  await makeFolder(folder);
  const memory: GitMemory = { ...(await readMemory(folder, address)), ...change };
  await writeAtomic(join(folder, 'repository.json'), `${JSON.stringify(memory, null, 2)}\n`, 0o600);
}
