// Asks a machine by what names a registry would give the images again that were just brought up; history keeps them.
import { asAppError } from '../../schema/errors.js';
import type { Outcome } from '../../schema/plan.js';
import type { ImageSeen } from '../../schema/state.js';
import { lines } from '../commands/command.js';
import { prelude } from '../commands/prelude.js';
import type { Driver } from '../drivers/driver.js';
import type { BatchRun, Prepared } from './batch-run.js';

type Names = ReadonlyMap<string, string>;

async function askNames(run: BatchRun, driver: Driver, ids: readonly string[]): Promise<Names> {
  const { imageNames } = driver;
  if (imageNames === undefined || ids.length === 0) return new Map();
  try {
    const command = lines([prelude({ nonce: run.ports.newId(), sudo: run.machine.sudo }), imageNames.ask(ids)]);
    const { stdout } = await run.ports.shell.run(run.machine, command, { timeLimitMs: 20_000 });
    return imageNames.read(stdout);
  } catch (thrown) {
    // Only a later rollback is poorer for it: it then knows the id alone.
    run.ports.log.debug({ machine: run.machine.name, code: asAppError(thrown).code }, 'images not named');
    return new Map();
  }
}

const withName = (image: ImageSeen, names: Names): ImageSeen => {
  const digest = names.get(image.id);
  return digest === undefined ? image : { ...image, digest };
};

/** The same outcomes, with digests where there are any. */
export async function nameImages(
  run: BatchRun,
  prepared: readonly Prepared[],
  outcomes: readonly Outcome[],
): Promise<readonly Outcome[]> {
  const ran = outcomes.flatMap(one => (one.result === 'applied' ? Object.values(one.images ?? {}) : []));
  const driver = prepared.find(one => one.driver.imageNames !== undefined)?.driver;
  if (ran.length === 0 || driver === undefined) return outcomes;
  const names = await askNames(run, driver, [...new Set(ran.map(one => one.id))]);
  return outcomes.map(one => {
    if (one.result !== 'applied' || one.images === undefined) return one;
    const images = Object.entries(one.images).map(([inner, image]) => [inner, withName(image, names)] as const);
    return { ...one, images: Object.fromEntries(images) };
  });
}
