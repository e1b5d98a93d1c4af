// Circles in a graph of names, each as the whole way around.

/** One way around for each knot, beginning and ending with the same name; names in order. Edges to unknown names are ignored. */
export function findCycles(edges: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const done = new Set<string>();
  const cycles: (readonly string[])[] = [];
  for (const start of [...edges.keys()].toSorted()) if (!done.has(start)) walk(start, edges, done, cycles);
  return cycles;
}

interface Stop {
  readonly name: string;
  readonly next: Iterator<string>;
}

/** Depth first with a stack of its own, so that a long chain cannot exhaust ours. */
function walk(
  start: string,
  edges: ReadonlyMap<string, readonly string[]>,
  done: Set<string>,
  cycles: (readonly string[])[],
): void {
  const way: Stop[] = [stop(start, edges)];
  const places = new Map([[start, 0]]);
  while (way.length > 0) {
    const here = way.at(-1) as Stop;
    const step = here.next.next();
    if (step.done === true) {
      done.add(here.name);
      places.delete(here.name);
      way.pop();
      continue;
    }
    const seenAt = places.get(step.value);
    if (seenAt !== undefined) cycles.push([...way.slice(seenAt).map(({ name }) => name), step.value]);
    else if (edges.has(step.value) && !done.has(step.value)) {
      places.set(step.value, way.length);
      way.push(stop(step.value, edges));
    }
  }
}

function stop(name: string, edges: ReadonlyMap<string, readonly string[]>): Stop {
  return { name, next: (edges.get(name) ?? [])[Symbol.iterator]() };
}
