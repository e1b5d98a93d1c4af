// The program as it is built: many starts from source would take minutes.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const project = fileURLToPath(new URL('../../', import.meta.url));

export interface Built {
  /** For `node`. */
  readonly main: string;
  remove(): Promise<void>;
}

/** Types are checked elsewhere. */
export async function buildProgram(): Promise<Built> {
  const folder = await mkdtemp(join(project, 'node_modules/.portoser-cli-'));
  await cp(join(project, 'package.json'), join(folder, 'package.json'));
  const words = ['-p', join(project, 'tsconfig.build.json'), '--outDir', join(folder, 'dist'), '--noCheck'];
  await promisify(execFile)(join(project, 'node_modules/.bin/tsc'), words);
  return {
    main: join(folder, 'dist/api/cli/main.js'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
