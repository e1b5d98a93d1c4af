// The controller is killed after a plain move failed and before the ill one is stopped again: the next start does that, and the old one serves on.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { brokenHistory } from '../history-law.js';
import { program } from '../program.js';
import { createCrashWorld, type CrashWorld, type Placed } from './crash-world.js';

const on = (machine: string, health: object = {}): Placed => ({
  web: { machine, folder: '{{ machine.name }}/web', ...health },
});
const ill = { health: { type: 'command', command: ['test', '-e', '/nowhere/at/all'], deadline: '1s' } };

/** The process that a machine keeps for it, while it lives. */
function livingPid(world: CrashWorld, machine: string): number | undefined {
  const record = join(world.state, '../machines', machine, 'state/portoser/clusters/crash/supervise/web');
  const pid = existsSync(record) ? Number.parseInt(readFileSync(record, 'utf8'), 10) : undefined;
  const stat = `/proc/${pid}/stat`;
  return pid !== undefined && existsSync(stat) && !readFileSync(stat, 'utf8').includes(') Z') ? pid : undefined;
}

async function withMove<T>(work: (world: CrashWorld, old: number | undefined) => Promise<T>): Promise<T> {
  const world = await createCrashWorld(program);
  try {
    await world.push(on('m1'));
    await world.converge();
    const old = livingPid(world, 'm1');
    await world.push(on('m2', ill));
    return await work(world, old);
  } finally {
    await world.close();
  }
}

const first = 'before a move is withdrawn';

/** Every fourth crash point from the verdict on: its number and name. */
const points = (): Promise<readonly (readonly [number, string])[]> =>
  withMove(async world => {
    const { code, err } = await world.once('count');
    expect(code, err).toBe(1);
    const names = err.split('\n').flatMap(line => /^crash point \d+: (.*)$/.exec(line)?.[1] ?? []);
    expect(names).toContain(first);
    const all = names.map((name, index) => [index + 1, name] as const).slice(names.indexOf(first));
    return all.filter((_, index) => index % 4 === 0);
  });

/** Everything that is wrong after a kill at this point and what follows. */
const troublesAt = (at: number, name: string): Promise<readonly string[]> =>
  withMove(async (world, old) => {
    const killed = await world.once(String(at));
    const troubles = killed.signal === 'SIGKILL' ? [] : [`it was not killed: ${killed.err}`];
    if (name === first && livingPid(world, 'm2') === undefined) troubles.push('it does not run on m2 after the kill');
    await world.converge(2);
    if (old === undefined || livingPid(world, 'm1') !== old) troubles.push('it does not run on m1 as it did');
    if (livingPid(world, 'm2') !== undefined) troubles.push('it runs on m2 still');
    const plan = await world.plan();
    if (plan === undefined || plan.waves.length > 0)
      troubles.push(`the next plan is not empty: ${JSON.stringify(plan)}`);
    const told = await world.history();
    troubles.push(...brokenHistory(told, { 'web@m1': { applied: 1 }, 'web@m2': { applied: [0, 1], held: 1 } }));
    const stop = told.find(one => one.key === 'web@m2' && one.kind === 'stop');
    if (name === first && stop?.result !== 'applied') troubles.push(`history has no stop: ${JSON.stringify(told)}`);
    troubles.push(...world.leftovers().map(path => `left behind: ${path}`));
    return troubles.map(trouble => `${at} ${name}: ${trouble}`);
  });

it('is whole wherever it is killed from the verdict on', async () => {
  const left = [...(await points())];
  const troubles: string[] = [];
  const lane = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) troubles.push(...(await troublesAt(...one)));
  };
  await Promise.all([lane(), lane()]);
  expect(troubles).toEqual([]);
}, 600_000);
