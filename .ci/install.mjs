// Makes the project's folder ready: packages as the lock says, and the built program. Does nothing when both are fresh.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { retry, root, run, tool } from './programs.mjs';

const changedAt = path => (existsSync(path) ? statSync(path).mtimeMs : 0);

/** `npm ci` when node_modules is missing or older than the lock. Throws with npm's output. */
export async function install() {
  const stamp = join(root, 'node_modules/.package-lock.json'); // npm writes it last
  if (changedAt(stamp) >= changedAt(join(root, 'package-lock.json'))) return;
  console.log('installing packages');
  const { code, output } = await retry(3, () => run('npm', ['ci', '--no-audit', '--no-fund'], { quiet: true }));
  if (code !== 0) throw new Error(`npm ci failed:\n${output}`);
}

/** Compiles to dist/ when a source is newer than the last build. Throws with the compiler's words. */
export async function build() {
  const sources = ['schema', 'reconciler', 'api'].flatMap(room => files(join(root, room)));
  const configs = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].map(name => join(root, name));
  const newest = Math.max(...[...sources, ...configs].map(changedAt));
  if (changedAt(join(root, 'dist/api/cli/main.js')) > newest) return;
  const { code, output } = await tool('tsc', ['-p', 'tsconfig.build.json'], { quiet: true });
  if (code !== 0) throw new Error(`the build failed:\n${output}`);
}

function files(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true }).map(name => join(folder, name));
}

/** Both, for a script that cannot go on without: ends it with the reason. */
export async function ready() {
  try {
    await install();
    await build();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await ready();
