// `policy.drift: adopt`: which of what was changed on a machine can stand in git instead, and where in the repository.
import type { FieldChange, Takeover } from '../../schema/plan.js';
import type { DriftAnswer } from '../../schema/registry-types.js';
import type { Stamp } from '../../schema/state.js';
import type { Case } from './diff-fields.js';

/** A file of `source` that was edited. What was removed, its mode and settings are no contents that git could keep. */
function takeover({ placement, sighting }: Case, stamp: Stamp, field: string): Takeover | undefined {
  const { source, path: folder } = placement.spec;
  const path = field.slice('file:'.length);
  const put = stamp.files.find(one => one.path === path && one.kind === 'source');
  const found = sighting.files[path];
  if (!field.startsWith('file:') || source === undefined || put === undefined || found === undefined) return undefined;
  const within = path.slice(folder.length + 1);
  const executable = placement.source.some(one => one.path === within && one.mode === 0o755);
  return {
    path,
    file: source === '' ? within : `${source}/${within}`,
    executable,
    found: found.sha256,
    was: put.sha256,
  };
}

/** Nobody approves what a controller writes into git by itself: only where everything is applied unasked. */
export function takeovers(one: Case, stamp: Stamp, fields: readonly FieldChange[]): readonly Takeover[] {
  if (one.placement.spec.policy.apply !== 'auto') return [];
  return fields.flatMap(({ field }) => takeover(one, stamp, field) ?? []);
}

/** The end of the sentence "changed by hand on m1: …; …". */
export function answerText(answer: DriftAnswer, fields: number, taken: number): string {
  if (answer.action !== 'adopt') return 'policy.drift leaves it so';
  if (taken === fields) return 'policy.drift takes it over into git';
  const rest = 'only edited files of `source`, under `policy.apply: auto`, can be taken over into git';
  return taken === 0 ? `it is left so: ${rest}` : `the rest is left so: ${rest}`;
}
