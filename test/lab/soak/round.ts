// What a round is to be, thrown by its dice before anything of it is done: the same for a seed and a number, whoever runs it.
import type { Host } from '../harness.js';
import { type Dice, diceOf } from './dice.js';
import { type Disturbance, pickDisturbance } from './disturb.js';
import { type HostIndex, type Wanted, type Wants } from './services.js';

/** What is done to the world, in words and in deed. */
export interface Act {
  readonly what: string;
  readonly run: (ground: Ground) => Promise<unknown>;
}

/** Whom acts are done to. */
export interface Ground {
  readonly host: (index: HostIndex) => Host;
  /** Commits and pushes. */
  readonly push: (wants: Wants, message: string) => Promise<void>;
  readonly killController: () => Promise<void>;
  /** The controller is started anew, and kills itself at that crash point. */
  readonly armController: (point: number) => Promise<void>;
  /** Another controller works beside until the round ends. */
  readonly startRival: () => void;
  /** Until the round ends. */
  readonly suspend: (service: string) => Promise<void>;
  /** How what is suspended stands now: so it is to stay. */
  readonly remember: (service: string, host: HostIndex) => Promise<void>;
}

/** A round while its dice are thrown. */
export interface Draft {
  readonly dice: Dice;
  /** What the commit before the round wants. */
  readonly before: Wants;
  /** What the newest commit wants. */
  readonly wants: Map<string, Wanted>;
  /** Names of services that are disturbed on their machine, with how often. */
  readonly touched: Map<string, number>;
  /** Names of services of which ill revisions are committed, with how many. */
  readonly spoiled: Map<string, number>;
  /** Names of services that move to the other host, with how often. */
  readonly moved: Map<string, number>;
  /** Names of services whose revision before the round serves no more, or may not. */
  readonly renewed: Set<string>;
  /** Placements that are left alone until the round ends, by their service. */
  readonly suspended: Map<string, string>;
  readonly cut: Set<HostIndex>;
  readonly crashed: Set<HostIndex>;
}

export interface Round extends Omit<Draft, 'dice'> {
  readonly number: number;
  /** With how long is waited after each. */
  readonly acts: readonly (Act & { readonly pauseMs: number })[];
  readonly rivals: boolean;
}

const longestPauseMs = 1500;
const firstBlock = 8;

/**
 * Blocks of rounds with and without kills of the controller by turns, each pair twice as long as the one before: of a soak
 * of any length a third to a half is without, and one process lives through at least a sixth of it, so that its memory
 * can be judged. It goes by rounds, since a clock would have another round begin the block at each replay.
 */
export function blockOf(number: number): { readonly calm: boolean; readonly first: number } {
  for (let [first, length] = [1, firstBlock]; ; first += 2 * length, length *= 2) {
    if (number < first + length) return { calm: false, first };
    if (number < first + 2 * length) return { calm: true, first: first + length };
  }
}

export function draftRound(seed: number, number: number, wants: Wants, pick = pickDisturbance): Round {
  const dice = diceOf(seed, number);
  const draft: Draft = {
    dice,
    before: new Map(wants),
    wants: new Map(wants),
    touched: new Map(),
    spoiled: new Map(),
    moved: new Map(),
    renewed: new Set(),
    suspended: new Map(),
    cut: new Set(),
    crashed: new Set(),
  };
  const disturbances = Array.from({ length: 1 + dice.below(3) }, (): Disturbance => pick(dice, !blockOf(number).calm));
  const acts = disturbances.flatMap(disturb => {
    const act = disturb(draft);
    return act === undefined ? [] : [{ ...act, pauseMs: dice.below(longestPauseMs) }];
  });
  return { ...draft, number, acts, rivals: acts.some(one => one.what === 'start a rival') };
}
