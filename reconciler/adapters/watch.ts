// Watches the refs of a repository on this machine with chokidar.
import { join, sep } from 'node:path';
import { watch as watchFiles } from 'chokidar';
import type { Log } from '../ports.js';

/** Several files change in one `git push`; what comes within this time is one change. */
const settleMs = 15;

/**
 * Calls back soon after anything among HEAD, packed-refs and refs/ may have changed; the caller looks what. Answers when
 * watching has begun; the answer stops it.
 */
export async function watchRefs(
  gitDirs: readonly string[],
  changed: () => void,
  log: Log,
): Promise<() => Promise<void>> {
  const wanted = gitDirs.flatMap(dir => [dir, join(dir, 'HEAD'), join(dir, 'packed-refs'), join(dir, 'refs')]);
  const below = gitDirs.map(dir => join(dir, 'refs') + sep);
  const ignored = (path: string): boolean => !wanted.includes(path) && !below.some(start => path.startsWith(start));

  let timer: NodeJS.Timeout | undefined;
  function soon(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      changed();
    }, settleMs);
  }

  const watcher = watchFiles([...new Set(gitDirs)], { ignored, ignoreInitial: true, atomic: false, persistent: true });
  // `raw` tells of every event of the system, also of those that chokidar takes for nothing new.
  watcher.on('all', soon).on('raw', soon);
  watcher.on('error', error => log.warn({ err: error, gitDirs }, 'watching the repository failed; it is polled'));
  await new Promise<void>(ready => watcher.once('ready', ready));
  return async () => {
    clearTimeout(timer);
    await watcher.close();
  };
}
