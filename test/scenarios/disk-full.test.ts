// The disk under the controller's state folder is full: what cannot be noted is not begun, it says so, and goes on by itself when there is room.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { filesBelow } from '../commands/batch-machine.js';
import { program } from '../program.js';
import { mountSmallDisk, type SmallDisk } from '../small-disk.js';
import { createCrashWorld, type CrashWorld, type Placed, wholeSize } from './crash-world.js';
import { until } from './until.js';

/** A file system of its own needs mount(8). */
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const soon = { interval: '1s' };

let world: CrashWorld;
let disk: SmallDisk;

beforeEach(async () => {
  world = await createCrashWorld(program);
  disk = mountSmallDisk(world.state, '1m');
});
afterEach(async () => {
  disk?.unmount();
  await world.close();
});

/** Documents that are no JSON, rows of journals and of waiting history that are none, files laid aside. */
function halfWritten(): readonly string[] {
  return filesBelow(world.state).filter(path => {
    if (path.endsWith('/filler') || path.includes('/git/')) return false;
    if (path.endsWith('.tmp') || path.endsWith('.new')) return true;
    try {
      if (path.endsWith('.json')) JSON.parse(readFileSync(path, 'utf8'));
      return false;
    } catch {
      return true;
    }
  });
}

const started = (): Readonly<Record<string, number>> =>
  Object.fromEntries(['db', 'web', 'api'].map(name => [name, world.starts(name).length]));

const placed = (version: number): Placed => ({
  db: { machine: 'm1', env: { VERSION: `v${version}` } },
  web: { machine: 'm2' },
  ...(version === 0 ? {} : { api: { machine: 'm2' } }),
});

it.skipIf(!isRoot)(
  'nothing is begun, nothing half written, and all of it done once when there is room again',
  async () => {
    await world.push(placed(0), 'x', soon);
    // Nobody answers there: history waits in the state folder.
    const controller = world.start({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    const waitFor = (what: string, met: () => boolean | Promise<boolean>) => until(what, met, () => controller.said());
    await waitFor('the first commit is applied', () => controller.said().includes('in force') && started()['db'] === 1);

    disk.fill();
    // Files end within a block: some rows find room yet, and what could be noted is done.
    const refused = () => /db@m1: failed: the journal in .*: no space is left there/.test(controller.said());
    let version = 0;
    while (!refused()) {
      version += 1;
      const before = started()['db'] ?? 0;
      await world.push(placed(version), 'x', soon);
      await waitFor(`version ${version} is begun or refused`, () => refused() || started()['db'] === before + 1);
    }
    expect(started()['db']).toBe(version);
    // What is being written just now stands under a name of its own; what cannot be written is taken away again.
    await waitFor('nothing is half written', () => halfWritten().length === 0);

    disk.free();
    await waitFor('the newest commit is applied', () => started()['db'] === version + 1 && started()['api'] === 1);
    await waitFor('the plan is empty', async () => (await world.plan())?.waves.length === 0);
    // A run that history can only keep in memory stays open: the next start would tell it.
    await waitFor('nothing else is open', async () => (await world.openIntents('history')).length === 0);
    expect(started()).toEqual({ db: version + 1, web: 1, api: 1 });
    expect(['db', 'web', 'api'].flatMap(name => world.starts(name)).every(size => size === wholeSize)).toBe(true);
    await waitFor('nothing is half written', () => halfWritten().length === 0);

    disk.fill();
    expect(await controller.stop()).toBe(0);
    disk.free();
    expect(halfWritten()).toEqual([]);
    const waiting = filesBelow(join(world.state, 'history')).map(path => readFileSync(path, 'utf8'));
    // One for each start that came to its end: of the newest at least.
    const applied = waiting.join('').split('"result":"applied"').length - 1;
    expect(applied, waiting.join('')).toBeGreaterThan(version);
  },
  240_000,
);
