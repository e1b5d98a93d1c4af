// Ports that a placement wants and a stranger holds.
import type { ErrorReport } from '../../schema/errors.js';
import type { Listener, MachineSeen, Placement, Sighting } from '../../schema/state.js';
import { stampOf } from './lookup.js';
import { report } from './machines.js';
import { dockerProxy } from './ports-seen.js';

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
 * Docker 20.10 brings the proxies of a container back that a crash of the machine cut off in its start, forgets whose they
 * are, and refuses the port to everybody (measured: neither Compose's `down` nor removing the network frees it).
 */
const whoseProxy = (port: number): string =>
  `A container has it: \`docker ps --filter publish=${port}\` there says which one. Where it says none, a crash of the machine made Docker keep it: restart Docker there.`;

/**
 * A port that the placement would newly bind and that is held by none of ours. What it already claims while it runs is
 * its own, also at the place that it `replaces`; what another stamp claims is settled between the two changes.
 */
export function strangerOnPort(
  placement: Placement,
  seen: MachineSeen,
  sighting: Sighting,
  replaces: boolean,
): ErrorReport | undefined {
  const { spec } = placement;
  const listening = seen.listeners.filter(one => spec.ports.includes(one.port));
  if (listening.length === 0) return undefined;
  const others = seen.stamps.filter(stamp => stamp.service !== spec.service && stamp.prunedAt === undefined);
  const ours = new Set(others.flatMap(stamp => stamp.ports));
  const running = sighting.state === 'present' && ['running', 'starting', 'crash-looping'].includes(sighting.run);
  if (running || replaces) for (const port of stampOf(seen, spec.service)?.ports ?? []) ours.add(port);
  // Compose services of one project share its ports: a container that runs holds them while another is down.
  const published = sighting.state === 'present' ? (sighting.settings.published ?? '').split(/[ ,]+/) : [];
  for (const port of published) ours.add(Number(port));
  const adopted = running && spec.type === 'native' && spec.command === undefined;
  const taken = adopted ? undefined : listening.find(one => !ours.has(one.port));
  if (taken === undefined) return undefined;
  const refusal = report(
    'port-taken',
    `port ${taken.port} on ${spec.machine} is taken by ${named(taken)}, which is not ours; ${freePort(seen, taken.port)} is free`,
  );
  return dockerProxy.test(taken.process ?? '') ? { ...refusal, hint: whoseProxy(taken.port) } : refusal;
}
