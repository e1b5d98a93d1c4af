// npm run soak: what CI does a part of, whole: the controller killed at thirty points, then an hour of disturbances by a seed.
import { parseArgs } from 'node:util';
import { ready } from './install.mjs';
import { isDebianRoot, missing, prepareMachine } from './machine.mjs';
import { tool } from './programs.mjs';

const usage = `npm run soak -- [--minutes N] [--seed S]
  --minutes N  how long (default 60); memory is judged when it is long enough
  --seed S     the same disturbances in the same order (default: one by chance, which is told)`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    help: { type: 'boolean', default: false },
  },
});

async function soak() {
  for (const [name, value] of Object.entries({ minutes: values.minutes, seed: values.seed }))
    if (!/^\d+$/.test(value)) throw new TypeError(`--${name} ${value} is no number`);
  await ready();
  await prepareMachine();
  const programs = missing('lab');
  if (!isDebianRoot || programs.length > 0)
    throw new Error(isDebianRoot ? `the lab needs ${programs.join(', ')}` : 'the lab needs root on Debian');
  const env = { PORTOSER_SOAK: '1', PORTOSER_SOAK_MINUTES: values.minutes, PORTOSER_SOAK_SEED: values.seed };
  const stories = ['crash-points', 'soak'].map(name => `test/lab/stories/${name}.test.ts`);
  return (await tool('vitest', ['run', '--project', 'lab', '--disable-console-intercept', ...stories], { env })).code;
}

if (values.help) console.log(usage);
else process.exitCode = await soak();
