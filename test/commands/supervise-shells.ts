// The POSIX shells that are here, for what must run in each of them.
import { spawnSync } from 'node:child_process';

const known: readonly (readonly [string, ...string[]])[] = [['sh'], ['bash', '--posix'], ['busybox', 'sh']];

/** Each as the words that start it; `name` for people. */
export const shells = known
  .filter(([program]) => spawnSync(program, ['--help']).error === undefined)
  .map(words => ({ name: words.join(' '), program: words[0], words: words.slice(1) }));
