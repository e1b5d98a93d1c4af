// `port: auto` → ports: a pure function of the registry, so that it is the same everywhere and nothing has to be remembered.
import { createHash } from 'node:crypto';

interface Range {
  readonly low: number;
  readonly high: number;
}

export interface PortWish {
  readonly service: string;
  /** How many ports the service wants. */
  readonly count: number;
  readonly machines: readonly { readonly name: string; readonly range: Range }[];
}

/** A service's first choice depends on its name alone: what others are called or do moves it only when they take its port. */
function firstChoice(service: string, index: number, { low, high }: Range): number {
  const hash = createHash('sha256')
    .update(index === 0 ? service : `${service}/${index}`)
    .digest()
    .readUInt32BE(0);
  return low + (hash % (high - low + 1));
}

function common(wish: PortWish): Range {
  return {
    low: Math.max(...wish.machines.map(({ range }) => range.low)),
    high: Math.min(...wish.machines.map(({ range }) => range.high)),
  };
}

function choose(wish: PortWish, index: number, range: Range, taken: (port: number) => boolean): number | undefined {
  const size = range.high - range.low + 1;
  if (size <= 0) return undefined;
  const first = firstChoice(wish.service, index, range);
  for (let step = 0; step < size; step += 1) {
    const port = range.low + ((first - range.low + step) % size);
    if (!taken(port)) return port;
  }
  return undefined;
}

/**
 * Ports by service, in the order of wishes' names. `claimed`: by machine, what the registry says anyway. One port serves
 * all placements of a service, so it must be free on each of its machines. A service that gets none is missing.
 */
export function assignPorts(
  wishes: readonly PortWish[],
  claimed: ReadonlyMap<string, ReadonlySet<number>>,
): ReadonlyMap<string, readonly number[]> {
  const used = new Map([...claimed].map(([machine, ports]) => [machine, new Set(ports)]));
  const assigned = new Map<string, readonly number[]>();
  for (const wish of wishes.toSorted((a, b) => (a.service < b.service ? -1 : 1))) {
    const ports = assignOne(wish, used);
    if (ports !== undefined) assigned.set(wish.service, ports);
  }
  return assigned;
}

function assignOne(wish: PortWish, used: Map<string, Set<number>>): readonly number[] | undefined {
  if (wish.machines.length === 0) return undefined;
  const range = common(wish);
  const ports: number[] = [];
  for (let index = 0; index < wish.count; index += 1) {
    const port = choose(
      wish,
      index,
      range,
      one => ports.includes(one) || wish.machines.some(({ name }) => used.get(name)?.has(one) === true),
    );
    if (port === undefined) return undefined;
    ports.push(port);
  }
  for (const { name } of wish.machines) {
    const taken = used.get(name) ?? new Set();
    for (const port of ports) taken.add(port);
    used.set(name, taken);
  }
  return ports;
}
