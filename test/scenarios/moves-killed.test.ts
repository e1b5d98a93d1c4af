// The controller is killed anywhere in a move with data: the next start runs it where it was or finishes it; no written line is lost or twice.
import { expect, it } from 'vitest';
import { program } from '../program.js';
import { createCrashWorld, type CrashWorld, type Placed } from './crash-world.js';

/** Writes a number a line, ever on from where its file ends. */
const writer =
  'n=$(tail -n 1 starts 2>/dev/null); n=${n:-0}; while :; do n=$((n+1)); echo "$n" >>starts; sleep 0.05; done';

const on = (machine: string): Placed => ({
  db: { machine, folder: '{{ machine.name }}/db', command: ['sh', '-c', writer], stateful: true, data: 'copy' },
});

async function withWorld<T>(work: (world: CrashWorld) => Promise<T>): Promise<T> {
  const world = await createCrashWorld(program);
  try {
    await world.push(on('m1'));
    await world.converge();
    await world.push(on('m2'));
    return await work(world);
  } finally {
    await world.close();
  }
}

/** Names of all crash points of a move that nobody disturbs, in order. */
const points = (): Promise<readonly string[]> =>
  withWorld(async world => {
    const { code, err } = await world.once('count');
    expect(code, err).toBe(0);
    return err.split('\n').flatMap(line => /^crash point \d+: (.*)$/.exec(line)?.[1] ?? []);
  });

const counts = (written: readonly string[]): boolean => written.every((line, index) => line === String(index + 1));

/** Everything that is wrong after a kill at this point and what follows. */
async function troublesAt(at: number, name: string): Promise<readonly string[]> {
  return await withWorld(async world => {
    const killed = await world.once(String(at));
    const troubles = killed.signal === 'SIGKILL' ? [] : [`it was not killed: ${killed.err}`];
    if (name === 'while data are copied') {
      const next = await world.once();
      const back = next.report?.outcomes.some(one => one.key === 'db@m1' && one.result === 'applied');
      if (back !== true) troubles.push(`it does not run again on m1: ${JSON.stringify(next.report?.outcomes)}`);
    }
    const went = await world.converge().catch((cause: Error) => {
      throw new Error(`${at} ${name}: ${killed.err}\n${cause.message}`, { cause });
    });
    const failed = went.flatMap(one => one.report?.outcomes ?? []).filter(one => one.result === 'failed');
    if (failed.length > 0) troubles.push(`what was tried anew failed: ${JSON.stringify(failed)}`);
    const [old, now] = [world.starts('m1/db'), world.starts('m2/db')];
    if (!counts(old) || !counts(now)) troubles.push('lines are lost, or twice');
    if (now.length < old.length || old.length === 0) troubles.push(`${old.length} lines became ${now.length}`);
    const plan = await world.plan();
    if (plan === undefined || plan.waves.length + plan.leftAlone.length > 0)
      troubles.push(`the next plan is not empty: ${JSON.stringify(plan)}`);
    troubles.push(...world.leftovers().map(path => `left behind: ${path}`));
    const grew = world.starts('m1/db').length;
    if (grew !== old.length) troubles.push('it still runs on m1');
    return troubles.map(trouble => `${at} ${name}: ${trouble}`);
  });
}

it('is whole wherever it is killed', async () => {
  const names = await points();
  const moments = ['while data are copied', 'before it is handed over'].map(name => names.indexOf(name) + 1);
  expect(moments.every(at => at > 0)).toBe(true);
  const step = Math.ceil(names.length / 6);
  const sampled = names.map((_, index) => index + 1).filter(at => at % step === 0);
  const left = [...new Set([...moments, ...sampled])];
  const troubles: string[] = [];
  const lane = async (): Promise<void> => {
    for (let at = left.shift(); at !== undefined; at = left.shift())
      troubles.push(...(await troublesAt(at, names[at - 1] ?? '')));
  };
  await Promise.all([lane(), lane()]);
  expect(troubles).toEqual([]);
}, 600_000);
