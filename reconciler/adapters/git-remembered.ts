// Lists by id, up to so many entries in all: what was used longest ago is forgotten first.

export interface RememberedLists<T> {
  get(id: string): readonly T[] | undefined;
  /** The newest is kept whatever its length. */
  keep(id: string, list: readonly T[]): void;
  /** How much is remembered now: all entries, and each list as one more. */
  size(): number;
}

/** `most` may change from one call to the next. */
export function rememberLists<T>(most: () => number): RememberedLists<T> {
  const lists = new Map<string, readonly T[]>();
  let size = 0;

  function forget(id: string): void {
    const known = lists.get(id);
    if (known === undefined) return;
    lists.delete(id);
    size -= known.length + 1;
  }

  function keep(id: string, list: readonly T[]): void {
    forget(id);
    lists.set(id, list);
    size += list.length + 1;
    for (let [oldest] = lists.keys(); size > most() && oldest !== undefined && oldest !== id; [oldest] = lists.keys())
      forget(oldest);
  }

  return {
    keep,
    size: () => size,
    get: id => {
      const known = lists.get(id);
      if (known !== undefined) keep(id, known);
      return known;
    },
  };
}
