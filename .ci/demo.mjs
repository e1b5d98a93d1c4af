// npm run demo: from a fresh clone to the demo in one command.
import { ready } from './install.mjs';
import { run } from './programs.mjs';

await ready();
const { code } = await run(process.execPath, ['dist/api/cli/main.js', 'demo', ...process.argv.slice(2)]);
process.exit(code);
