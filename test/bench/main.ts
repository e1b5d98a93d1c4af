// npm run bench: every figure that this machine can take, each beside its reference of the same rounds.
import { parseArgs } from 'node:util';
import { type Figure, spread } from './figure.js';
import { openFleet } from './fleet.js';
import { measureController } from './controller.js';
import { measureDatabase } from './database.js';
import { measureDiary } from './diary.js';
import { measureFollowers } from './followers.js';
import { measureHelp } from './help.js';
import { measuredOn } from './measured-on.js';
import { measureStatus } from './status.js';
import { measureFirstApply, measureFresh, measureWarm } from './passes.js';
import { installPeers, measurePeers } from './peers.js';
import { asJson, figureText, headText, type LeftOut } from './print.js';
import { measureThinking } from './think.js';
import { measureUnderLoad } from './under-load.js';

const usage = `npm run bench -- [--rounds N] [--only here|lab] [--peers] [--json]
  --rounds N   how often each is measured (default 7; what changes all hosts at most 3, what goes on beside runs at most 5)
  --only       \`here\`: what needs no lab; \`lab\`: what does
  --peers      also pyinfra and Ansible (minutes)
  --json       the figures, with all values, as JSON`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string' },
    peers: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
if (!(Number.isInteger(rounds) && rounds > 0)) throw new TypeError(`--rounds ${values.rounds} is no number of rounds`);
const on = measuredOn();
const figures: Figure[] = [];
const leftOut: LeftOut[] = [];

function tell(...more: readonly Figure[]): void {
  figures.push(...more);
  if (!values.json) for (const figure of more) console.log(figureText(figure));
}

function leave(name: string, why: string): void {
  leftOut.push({ name, why });
  if (!values.json) console.log(`left out: ${name}: ${why}`);
}

async function here(): Promise<void> {
  tell(await measureHelp(3 * rounds));
  tell(...(await measureThinking(rounds)));
  tell(...(await measureDatabase(rounds, why => leave('the embedded PostgreSQL', why))));
  tell(...(await measureDiary(rounds)));
  tell(await measureFollowers(rounds));
  tell(...(await measureStatus(rounds, why => leave('`GET /api/status` under load', why))));
  tell(...(await measureUnderLoad(Math.min(rounds, 5), why => leave('the same beside runs and followers', why))));
}

async function inLab(): Promise<void> {
  const why = process.env['PORTOSER_BENCH_NO_LAB'];
  const peers = values.peers && why === undefined ? await installPeers(leave) : [];
  const fleet = why === undefined ? await openFleet().catch((error: Error) => error.message) : why;
  if (typeof fleet === 'string') return leave('the figures of 10 hosts with 5 units each', fleet);
  try {
    await fleet.commit('good day');
    const others = await measurePeers(fleet, peers, Math.min(rounds, 2));
    tell(await measureFirstApply(fleet, Math.min(rounds, 3), others.firstApply));
    tell(await measureFresh(fleet, rounds, others.noop));
    const warm = await measureWarm(fleet, 2 * rounds);
    tell(warm);
    tell(...(await measureController(fleet, Math.min(rounds, 5), spread(warm.reference?.values ?? []).median)));
  } finally {
    await fleet.remove();
  }
}

if (values.help) console.log(usage);
else {
  if (!values.json) console.log(headText(on));
  if (values.only !== 'lab') await here();
  if (values.only !== 'here') await inLab();
  if (values.json) console.log(asJson(on, figures, leftOut));
}
