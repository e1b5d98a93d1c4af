// A file system of its own for a folder, small enough to be filled; needs root on Linux, for mount(8).
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SmallDisk {
  /** Not a byte is left. */
  fill(): void;
  free(): void;
  unmount(): void;
}

/** `size`: as tmpfs(5) has it. The folder is made where it is missing. */
export function mountSmallDisk(folder: string, size: string): SmallDisk {
  const filler = join(folder, 'filler');
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'small', folder]);
  return {
    fill() {
      for (const bytes of [65_536, 4096, 1]) {
        try {
          for (;;) writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
    },
    free: () => rmSync(filler),
    unmount: () => void execFileSync('umount', ['--lazy', folder]),
  };
}
