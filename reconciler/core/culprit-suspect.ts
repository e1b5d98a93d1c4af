// One placement that is not as we left it: what is looked into, and from when on it is nobody of ours who changed it.
import type { FieldChange } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { Stamp } from '../../schema/state.js';

export interface Suspect {
  readonly key: PlacementKey;
  readonly fields: readonly FieldChange[];
  /** It does not run, or is gone. */
  readonly down: boolean;
  readonly stamp: Stamp;
  /** Whose its files are as we write them. */
  readonly owner: string;
  /** Its place among the targets that were asked. */
  readonly target: number;
  /** Places of its files among those that were asked, by path. */
  readonly files: ReadonlyMap<string, number>;
}

/** Milliseconds since 1970 by the machine's clock. The stamp knows whole seconds: what we did ourselves comes before. */
export const sinceOf = ({ finishedAt = 0 }: Pick<Stamp, 'finishedAt'>): number => (finishedAt + 1) * 1000;

/** Where the links stand that enable a unit of ours, and that mask it. */
export function unitLinks(
  { scope, unit = '' }: Stamp,
  home: string,
): { readonly wants: string; readonly unit: string } {
  const [folder, target] =
    scope === 'user' ? [`${home}/.config/systemd/user`, 'default'] : ['/etc/systemd/system', 'multi-user'];
  return { wants: `${folder}/${target}.target.wants/${unit}`, unit: `${folder}/${unit}` };
}
