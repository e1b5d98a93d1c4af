// The registry as it would be with what was found on a machine: each thing in the first form that fits what is there.
import type { ParseResult } from '../../schema/registry-types.js';
import type { Wish } from './adopt.js';
import type { NotAdoptable } from './adopt-projects.js';
import { type EditMap, type RegistryTexts, setService } from './edit.js';
import { parse } from './parse.js';

export interface Drafted {
  /** Absent: nothing was added. */
  readonly parsed?: ParseResult;
  readonly wishes: readonly (Wish & { readonly entry: EditMap; readonly path: string })[];
  readonly refused: readonly NotAdoptable[];
}

interface Draft extends Drafted {
  readonly files: ReadonlyMap<string, string>;
}

export interface Before extends RegistryTexts {
  /** All plain files of the repository. */
  readonly paths: readonly string[];
}

const firstError = (result: ParseResult): string | undefined =>
  result.diagnostics.find(one => one.severity === 'error')?.message;

/** Its folder; undefined where it would come out as another one, as a path with `{{` does. */
function pathOf({ registry }: ParseResult, { service }: Wish, entry: EditMap): string | undefined {
  return registry?.placements.find(one => one.service === service && one.path === entry['path'])?.path;
}

function add(draft: Draft, wish: Wish, { main, paths }: Before): Draft {
  let why: string | undefined;
  for (const entry of wish.entries) {
    const files = new Map([...draft.files, ...setService({ main, files: draft.files }, wish.service, entry)]);
    const parsed = parse({ main, files, paths });
    const path = pathOf(parsed, wish, entry);
    if (path !== undefined) return { ...draft, files, parsed, wishes: [...draft.wishes, { ...wish, entry, path }] };
    why ??= firstError(parsed);
  }
  const { what, name } = wish;
  return { ...draft, refused: [...draft.refused, { what, name, why: why ?? 'the registry cannot hold its folder' }] };
}

/** Throws `registry-edit` where the registry cannot be edited at all. */
export function draftWith(wishes: readonly Wish[], before: Before): Drafted {
  const empty: Draft = { files: before.files, wishes: [], refused: [] };
  const { parsed, wishes: added, refused } = wishes.reduce((draft, wish) => add(draft, wish, before), empty);
  return { ...(parsed === undefined ? {} : { parsed }), wishes: added, refused };
}
