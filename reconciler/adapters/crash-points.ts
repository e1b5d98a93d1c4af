// Ends this process at a numbered point, as a power cut would, because a test asks for it by its environment.
import { writeSync } from 'node:fs';
import { AppError } from '../../schema/errors.js';

const say = (line: string): void => void writeSync(process.stderr.fd, `${line}\n`);

/** Counts the points, and tells at the end of the process which ones it passed. */
function countPoints(): (name: string) => void {
  const passed: string[] = [];
  process.once('exit', () => passed.forEach((name, index) => say(`crash point ${index + 1}: ${name}`)));
  return name => void passed.push(name);
}

/**
 * `wish` is `count`, or a number from 1: at the n-th point that this process passes it kills itself, without any cleanup.
 * Throws `settings-invalid` for anything else.
 */
export function armCrashPoints(wish: string): (name: string) => void {
  if (wish === 'count') return countPoints();
  if (!/^[1-9]\d*$/.test(wish))
    throw new AppError('settings-invalid', `PORTOSER_CRASH_AT is ${wish}, which is neither a number nor count`);
  let left = Number(wish);
  return name => {
    left -= 1;
    if (left !== 0) return;
    say(`crash point ${wish}: ${name}`);
    process.kill(process.pid, 'SIGKILL');
  };
}
