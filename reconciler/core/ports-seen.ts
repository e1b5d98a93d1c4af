// Who listens on the ports that a placement claims.
import type { LiveState, Placement } from '../../schema/state.js';

export interface PortSeen {
  readonly port: number;
  /** `unknown`: something listens, and the machine does not tell us who. */
  readonly owner: 'ours' | 'other' | 'nobody' | 'unknown';
  readonly pid?: number;
  readonly process?: string;
  readonly address?: string;
}

/** Docker's own proxy listens for its containers, so its pid is never among theirs. */
export const dockerProxy = /docker-prox|docker-pr|rootlesskit|com\.docker/;

export function portsSeen(placement: Placement, live: LiveState): readonly PortSeen[] {
  const view = live.machines[placement.spec.machine];
  if (view?.state !== 'reachable') return [];
  const sighting = live.sightings[placement.key];
  const pids = sighting?.state === 'present' ? sighting.pids : [];
  return placement.spec.ports.map((port): PortSeen => {
    const listener = view.listeners.find(one => one.port === port);
    if (listener === undefined) return { port, owner: 'nobody' };
    const { pid, process, address } = listener;
    const known = {
      port,
      address,
      ...(pid === undefined ? {} : { pid }),
      ...(process === undefined ? {} : { process }),
    };
    if (pid === undefined && process === undefined) return { ...known, owner: 'unknown' };
    const ours =
      (pid !== undefined && pids.includes(pid)) ||
      (placement.spec.type === 'docker' && dockerProxy.test(process ?? ''));
    return { ...known, owner: ours ? 'ours' : 'other' };
  });
}
