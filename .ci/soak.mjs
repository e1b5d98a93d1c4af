// npm run soak: the stories that CI tells a part of, told whole. Takes tens of minutes.
import { ready } from './install.mjs';
import { prepareMachine } from './machine.mjs';
import { tool } from './programs.mjs';

await ready();
await prepareMachine();
const words = process.argv.slice(2);
const stories = words.length > 0 ? words : ['test/lab/stories/crash-points.test.ts'];
const { code } = await tool('vitest', ['run', '--project', 'lab', ...stories], { env: { PORTOSER_SOAK: '1' } });
process.exit(code);
