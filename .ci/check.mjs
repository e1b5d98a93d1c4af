// npm run check: what a change must pass before it is committed, in under a minute. Everything runs at once.
import { install } from './install.mjs';
import { tool } from './programs.mjs';

const cache = ['--cache', '--cache-location', '.cache/prettier'];
// What the last run found of files that have not changed since.
const memory = ['--incremental', '--tsBuildInfoFile', '.cache/types.tsbuildinfo'];
const checks = [
  ['types', () => tool('tsc', ['--noEmit', ...memory], { quiet: true })],
  ['lint', () => tool('oxlint', ['--type-aware', '--deny-warnings'], { quiet: true })],
  ['format', () => tool('prettier', ['--check', '--log-level', 'warn', ...cache, '.'], { quiet: true })],
  ['unit tests', () => tool('vitest', ['run', '--project', 'unit', '--passWithNoTests'], { quiet: true })],
];

async function report([name, start]) {
  const startedAt = performance.now();
  const { code, output } = await start();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (code !== 0) console.log(output.trimEnd());
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  return code === 0;
}

await install();
const results = await Promise.all(checks.map(report));
process.exit(results.every(Boolean) ? 0 : 1);
