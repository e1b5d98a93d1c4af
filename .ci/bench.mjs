// npm run bench: the figures, on this machine; those of the lab where there can be one.
import { ready } from './install.mjs';
import { isDebianRoot, missing, prepareMachine } from './machine.mjs';
import { tool } from './programs.mjs';

/** Why there can be no lab here, or undefined. */
function obstacle() {
  if (!isDebianRoot) return 'the lab needs root on Debian';
  const programs = missing('lab');
  return programs.length > 0 ? `the lab needs ${programs.join(', ')}` : undefined;
}

await ready();
const words = process.argv.slice(2);
const local = words.includes('--help') || words.includes('here');
if (!local) await prepareMachine();
const why = local ? undefined : obstacle();
const env = why === undefined ? {} : { PORTOSER_BENCH_NO_LAB: why };
const { code } = await tool('tsx', ['test/bench/main.ts', ...words], { env });
process.exit(code);
