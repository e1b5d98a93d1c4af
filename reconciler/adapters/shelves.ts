// Shelves in the memory of this process: what was put there last, for so long as it may be kept, and never more than fits.

export interface Kept {
  readonly value: unknown;
  /** Milliseconds since 1970: when it was put there, and until when it counts. */
  readonly at: number;
  readonly until: number;
}

export interface Shelves {
  put(shelf: string, key: string, kept: Kept): void;
  all(shelf: string): ReadonlyMap<string, Kept>;
}

/** `most`: of all shelves together; what was put there longest ago makes room. */
export function openShelves(now: () => number, most = 1000): Shelves {
  const kept = new Map<string, { readonly shelf: string; readonly key: string; readonly kept: Kept }>();
  return {
    put: (shelf, key, one) => {
      const id = JSON.stringify([shelf, key]);
      kept.delete(id);
      kept.set(id, { shelf, key, kept: one });
      const [oldest] = kept.keys();
      if (kept.size > most && oldest !== undefined) kept.delete(oldest);
    },
    all: shelf => {
      const found = new Map<string, Kept>();
      for (const [id, one] of kept) {
        if (one.kept.until <= now()) kept.delete(id);
        else if (one.shelf === shelf) found.set(one.key, one.kept);
      }
      return found;
    },
  };
}

export const valuesOf = (kept: ReadonlyMap<string, Kept>): ReadonlyMap<string, unknown> =>
  new Map([...kept].map(([key, { value }]) => [key, value]));
