// npm run soak: what npm test does a part of, whole: the controller killed at every point, a long cut, a database long away, a command long silent,
// every request that can be thought of, then an hour of disturbances by a seed.
import { parseArgs } from 'node:util';
import { ready } from './install.mjs';
import { isDebianRoot, missing, prepareMachine } from './machine.mjs';
import { tool } from './programs.mjs';

const usage = `npm run soak -- [--only PART]... [--points P] [--cut S] [--away S] [--silent S] [--fuzz N] [--minutes N] [--seed S] [--from-round R]
  --only PART   points, cut, store, silent, fuzz or disturbances (default: all of them, in this order)
  --points P    where the controller is killed: all (default), or numbers with commas
  --cut S       for how many seconds packets are dropped in the middle of a step (default 300)
  --away S      for how many seconds at least the database is away while changes are made (default 180)
  --silent S    for how many seconds a step of a deploy prints nothing (default 600)
  --fuzz N      for how many minutes the API gets whatever can be sent to it (default 5)
  --minutes N   how long the world is disturbed (default 60); memory is judged when it is long enough
  --seed S      the same disturbances in the same order (default: one by chance, which is told)
  --from-round R  the disturbances begin with that round, on services as the rounds before would have left them`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    points: { type: 'string', default: 'all' },
    cut: { type: 'string', default: '300' },
    away: { type: 'string', default: '180' },
    silent: { type: 'string', default: '600' },
    fuzz: { type: 'string', default: '5' },
    minutes: { type: 'string', default: '60' },
    'from-round': { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    help: { type: 'boolean', default: false },
  },
});

const { points, cut, away, silent, fuzz, minutes, seed, 'from-round': from } = values;
const parts = [
  {
    name: 'points',
    what: `the controller of nine services is killed at ${points === 'all' ? 'every crash point' : `crash points ${points}`}, and started anew`,
    files: ['lab/stories/crash-points'],
    env: { PORTOSER_CRASH_POINTS: points, PORTOSER_CRASH_SEED: seed },
  },
  {
    name: 'cut',
    what: `packets are dropped for ${cut} s in the middle of a step`,
    files: ['lab/stories/partition-step'],
    env: { PORTOSER_CUT_SECONDS: cut },
  },
  {
    name: 'store',
    what: `the database of history is away for ${away} s while changes are made, on embedded machines and on lab hosts`,
    rooms: ['scenarios', 'lab'],
    files: ['scenarios/store-away', 'lab/stories/store-away'],
    env: { PORTOSER_STORE_AWAY_SECONDS: away },
  },
  {
    name: 'silent',
    what: `a step of a deploy prints nothing for ${silent} s`,
    files: ['lab/stories/hanging-tools'],
    env: { PORTOSER_SILENT_SECONDS: silent },
  },
  {
    name: 'fuzz',
    what: `${fuzz} minutes of whatever can be sent to the API, seed ${seed}`,
    rooms: ['parts'],
    files: ['property/fuzz-api'],
    env: { PORTOSER_FUZZ_MINUTES: fuzz, PORTOSER_FUZZ_SEED: seed },
  },
  {
    name: 'disturbances',
    what: `${minutes} minutes of commits, ill revisions, moves, drift, kills, cuts and crashes, seed ${seed}, from round ${from}`,
    files: ['lab/stories/soak'],
    env: { PORTOSER_SOAK_MINUTES: minutes, PORTOSER_SOAK_SEED: seed, PORTOSER_SOAK_FROM: from },
  },
];

function chosenParts() {
  for (const [name, value] of Object.entries({ minutes, cut, away, silent, fuzz, seed, 'from-round': from }))
    if (!/^\d+$/.test(value)) throw new TypeError(`--${name} ${value} is no number`);
  if (!/^(all|\d+(,\d+)*)$/.test(points))
    throw new TypeError(`--points ${points} is neither all nor numbers with commas`);
  const names = parts.map(part => part.name);
  const unknown = values.only?.find(name => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`--only ${unknown} is none of ${names.join(', ')}`);
  return parts.filter(({ name }) => values.only?.includes(name) ?? true);
}

/** All are tried, also when one fails. */
async function soak() {
  const chosen = chosenParts();
  await ready();
  await prepareMachine();
  const inLab = chosen.some(({ rooms = ['lab'] }) => rooms.includes('lab'));
  const programs = inLab ? missing('lab') : [];
  if (inLab && !isDebianRoot) throw new Error('the lab needs root on Debian');
  if (programs.length > 0) throw new Error(`the lab needs ${programs.join(', ')}`);
  console.log(`seed ${seed}`);
  const told = [];
  for (const { name, what, rooms = ['lab'], files, env } of chosen) {
    console.log(`--- ${name}: ${what}`);
    const startedAt = Date.now();
    // The files before the flag, which would take them for its value.
    const paths = files.map(file => `test/${file}.test.ts`);
    const projects = rooms.flatMap(room => ['--project', room]);
    const words = ['run', ...paths, ...projects, '--disable-console-intercept'];
    const { code } = await tool('vitest', words, { env });
    const tookMin = ((Date.now() - startedAt) / 60_000).toFixed(1);
    told.push({ code, line: `${code === 0 ? 'held' : 'FAILED'}  ${name}: ${what} (${tookMin} min)` });
    if (code > 128) break; // by a signal
  }
  console.log(`--- seed ${seed}\n${told.map(one => one.line).join('\n')}`);
  return told.some(one => one.code !== 0) ? 1 : 0;
}

if (values.help) console.log(usage);
else process.exitCode = await soak();
