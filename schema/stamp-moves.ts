// What a stamp says of a move away from its machine, and of where its service came from.

/**
 * A move away from here that has begun. `going`: it is stopped here, and what it has is ours still; `handed`: it may have been
 * started there by now, and is never started here again before it was seen stopped there; `failed`: it runs here again, and
 * the move is not tried anew until git changes what is wanted there, or a person asks.
 */
export interface StampMove {
  readonly state: 'going' | 'handed' | 'failed';
  readonly to: string;
  /** Fingerprint that was wanted there. */
  readonly of: string;
}

/** A service that was brought up elsewhere while it stood there: the machine, and the basis of its stamp there. */
export interface CameFrom {
  readonly machine: string;
  readonly basis: string;
}
