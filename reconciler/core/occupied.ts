// Ports that a placement wants and a stranger holds.
import type { ErrorReport } from '../../schema/errors.js';
import type { Listener, MachineSeen, Placement, Sighting } from '../../schema/state.js';
import { report } from './machines.js';

const named = (listener: Listener) =>
  listener.process === undefined
    ? 'another program'
    : `${listener.process}${listener.pid === undefined ? '' : ` (pid ${listener.pid})`}`;

function freePort(seen: MachineSeen, from: number): number {
  const taken = new Set([...seen.listeners.map(one => one.port), ...seen.stamps.flatMap(stamp => stamp.ports)]);
  let port = from + 1;
  while (taken.has(port) && port < 65_535) port += 1;
  return port;
}

/**
 * A port that the placement would newly bind and that is held by none of ours. What it already claims while it runs is
 * its own; what another stamp claims is settled between the two changes.
 */
export function strangerOnPort(placement: Placement, seen: MachineSeen, sighting: Sighting): ErrorReport | undefined {
  const { spec } = placement;
  const others = seen.stamps.filter(stamp => stamp.service !== spec.service && stamp.prunedAt === undefined);
  const ours = new Set(others.flatMap(stamp => stamp.ports));
  const running = sighting.state === 'present' && ['running', 'starting', 'crash-looping'].includes(sighting.run);
  if (running)
    for (const port of seen.stamps.find(stamp => stamp.service === spec.service)?.ports ?? []) ours.add(port);
  const adopted = running && spec.type === 'native' && spec.command === undefined;
  const taken = adopted ? undefined : seen.listeners.find(one => spec.ports.includes(one.port) && !ours.has(one.port));
  if (taken === undefined) return undefined;
  return report(
    'port-taken',
    `port ${taken.port} on ${spec.machine} is taken by ${named(taken)}, which is not ours; ${freePort(seen, taken.port)} is free`,
  );
}
