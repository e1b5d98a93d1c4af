// How often an edit is made anew when others were faster.
import type { Options } from 'p-retry';
import { hasCode } from './git-errors.js';

/** Five more tries (times in ms), each after a little longer; only for lost races. */
export const raceRetries: Options = {
  retries: 5,
  minTimeout: 25,
  maxTimeout: 1_000,
  randomize: true,
  shouldRetry: ({ error }) => hasCode(error, 'git-race'),
};
