// What a placement's health shows to be amiss, and to be over.
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, HealthState } from '../../schema/state.js';
import type { Amiss, Look } from './incidents.js';
import { lookupOf } from './lookup.js';

export interface Turned {
  readonly key: PlacementKey;
  readonly to: HealthState;
  readonly found: string;
  /** A change of ours, or a suspend. */
  readonly planned: boolean;
}

/** Whether it is well after its start, its gate tells, and whether it is well while it soaks, the pass. */
export function lookOfHealth({ key, to, found, planned }: Turned, desired: DesiredState | undefined): Look {
  const spec = desired === undefined ? undefined : lookupOf(desired).byKey.get(key)?.spec;
  const service = key.slice(0, key.indexOf('@'));
  const ill: Amiss = {
    key: `service.down:${key}`,
    kind: 'service.down',
    subject: key,
    what: 'is unhealthy',
    why: found,
    todo: `Look at it: \`portoser observe ${service}\`, \`portoser logs ${service}\`.`,
    ...(spec?.critical === true ? { urgent: true } : {}),
  };
  return {
    seen: to === 'unhealthy' && !planned ? [ill] : [],
    ended: ({ kind, subject }) => {
      if (to !== 'healthy' || subject !== key) return undefined;
      // What failed at its gate and was left so counts as applied: that it is well at last is its recovery.
      const left = kind === 'deploy.failed' && spec?.policy.onFailure === 'leave';
      return kind === 'service.down' || left ? 'it is healthy again' : undefined;
    },
  };
}
