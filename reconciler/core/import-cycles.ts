// Which dependencies close a circle, so that the rest has an order.

/** By service, the needed ones that depend on it in turn, found from the first service on. */
export function cyclesOf(edges: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, ReadonlySet<string>> {
  const closing = new Map<string, Set<string>>();
  const state = new Map<string, 'open' | 'done'>();
  const walk = (name: string): void => {
    state.set(name, 'open');
    for (const next of edges.get(name) ?? []) {
      if (state.get(next) === 'open') closing.set(name, (closing.get(name) ?? new Set()).add(next));
      else if (state.get(next) === undefined && edges.has(next)) walk(next);
    }
    state.set(name, 'done');
  };
  for (const name of edges.keys()) if (state.get(name) === undefined) walk(name);
  return closing;
}
