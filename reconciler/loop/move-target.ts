// The machine that a move goes to, before anything is stopped: claimed, with all there that can be had ahead; or given back, with why.
import { AppError } from '../../schema/errors.js';
import type { Change, Movement } from '../../schema/plan.js';
import type { MachineSeen, Placement, Stamp } from '../../schema/state.js';
import { groundOf } from '../core/ground.js';
import { stampText } from '../core/ownership.js';
import { arrivalStamp } from '../core/stamps.js';
import type { StartKind } from '../drivers/driver.js';
import type { BatchRun } from './batch-run.js';
import type { BatchReading } from './batch-result.js';
import { nobodysSighting } from './prepare.js';
import { finish, sendLocked } from './send.js';

/** The two changes of one move. */
export interface Pair {
  readonly arriving: Change & { readonly move: Movement };
  readonly leaving: Change & { readonly stamp: Stamp };
}

export interface Moving extends Pair {
  readonly placement: Placement;
  readonly from: BatchRun;
  readonly to: BatchRun;
  readonly seenFrom: MachineSeen;
  readonly seenTo: MachineSeen;
}

/** Throws why it was refused, or what of it failed. */
export function insist(reading: BatchReading): BatchReading {
  const error = reading.refused ?? reading.failures.get(0)?.error;
  if (error !== undefined) throw new AppError(error.code, error.message, { hint: error.hint });
  return reading;
}

/**
 * Takes the lock where it goes, notes there that what will stand at its path is ours and does not run, and does what
 * needs no file of it: a pull must not be waited for, or fail, while the service is stopped. Where some of that failed, the
 * lock is ours all the same.
 */
export async function claimTarget({ to, arriving, placement, seenTo }: Moving): Promise<BatchReading> {
  const driver = to.lists.drivers[placement.spec.type];
  if (driver === undefined) throw new AppError('internal', `there is no driver ${placement.spec.type}`);
  const identity = driver.identity(placement.spec, seenTo.facts);
  const claim = arriving.stamp ?? arrivalStamp(placement, identity, to.desired.commit, seenTo.facts.clock);
  const ground = groundOf(placement, seenTo, nobodysSighting, to.desired);
  const steps = driver.start(placement, arriving.kind as StartKind, ground).filter(step => step.ahead === true);
  const { service, basis } = arriving;
  const batch = { service, basis, claim: stampText(claim), folders: [], files: [], unlink: [], steps };
  return await sendLocked(to, [{ change: arriving, driver, ground, steps, batch, generated: [] }], seenTo);
}

/** `landed`: what came stays ours there; else nothing of ours is left. */
export async function giveBack({ to, arriving, seenTo }: Moving, target: BatchReading, landed: boolean): Promise<void> {
  const forget = arriving.stamp === undefined && !landed ? [arriving.service] : [];
  await finish(to, { stamps: [], forget }, target, seenTo).catch((error: unknown) =>
    to.ports.log.debug({ machine: to.machine.name, err: error }, 'claim not taken back'),
  );
}
