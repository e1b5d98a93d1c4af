// npm run bench: the figures, on this machine.
import { ready } from './install.mjs';
import { tool } from './programs.mjs';

await ready();
const { code } = await tool('tsx', ['test/bench/main.ts', ...process.argv.slice(2)]);
process.exit(code);
