// Chance that can be repeated: the same seed throws the same dice (mulberry32).

export interface Dice {
  /** 0 … count - 1. */
  below(count: number): number;
  /** Throws for an empty list. */
  pick<T>(list: readonly T[]): T;
}

/** Every round has dice of its own, so that what one throws moves nothing in the others. */
export function diceOf(seed: number, round = 0): Dice {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(round, 0x85ebca6b)) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number): number => Math.floor(next() * count);
  return {
    below,
    pick<T>(list: readonly T[]): T {
      const picked = list[below(list.length)];
      if (picked === undefined) throw new RangeError('nothing to pick from');
      return picked;
    },
  };
}
