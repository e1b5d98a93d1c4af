// Judges changes after their commands: the gate, and a fresh look that must show what git says. Only that is success.
import { asAppError, type ErrorReport } from '../../schema/errors.js';
import type { Outcome } from '../../schema/plan.js';
import type { ImageSeen, LiveState, MachineSeen, Stamp } from '../../schema/state.js';
import { lines } from '../commands/command.js';
import { prelude } from '../commands/prelude.js';
import { cameFrom } from '../core/came-from.js';
import { report } from '../core/machines.js';
import { stampText } from '../core/ownership.js';
import { finalStamp, heldStamp, prunedStamp } from '../core/stamps.js';
import { type BatchRun, failed, type Prepared, type Starting } from './batch-run.js';
import type { Ended } from './send.js';
import { stillDiffers } from './verify.js';

export interface GateFailure {
  readonly error: ErrorReport;
  /** It was looked at and did not pass; else nobody could look, and the revision is not to blame. */
  readonly judged: boolean;
}

/** The end of a placement's log, for a failure's report; nothing when it cannot be had. */
export async function logTail(run: BatchRun, prepared: Prepared, stamp: Stamp, seen: MachineSeen): Promise<string> {
  try {
    const words = prepared.driver.logs(stamp, { follow: false, lines: 20 }, seen.facts);
    const command = lines([prelude({ nonce: run.ports.newId(), sudo: run.machine.sudo }), words]);
    const result = await run.ports.shell.run(run.machine, command, { timeLimitMs: 10_000, outputLimit: 8192 });
    return result.stdout;
  } catch (thrown) {
    return `(its log cannot be read: ${asAppError(thrown).message})`;
  }
}

/** `leave`: what came up stays as it is, as any service that became unhealthy later. */
function unhealthyStamp(one: Starting, stamp: Stamp): Stamp {
  return one.placement.spec.policy.onFailure === 'leave' ? stamp : heldStamp(stamp, one.change.stamp);
}

export async function judgeStart(
  run: BatchRun,
  one: Starting,
  after: LiveState,
  gateFailure: GateFailure | undefined,
  startedAt: number,
  ended: Ended,
): Promise<Outcome> {
  const seen = after.machines[run.machine.name];
  const sighting = after.sightings[one.change.key];
  if (seen?.state !== 'reachable' || sighting === undefined || sighting.state === 'unknown') {
    const error =
      seen?.state === 'unknown'
        ? seen.error
        : report('not-converged', `${one.change.key} could not be looked at after it was started`);
    return failed(one.change, error);
  }
  const stamp = finalStamp({
    placement: one.placement,
    identity: one.driver.identity(one.placement.spec, seen.facts),
    generated: one.generated,
    sighting,
    commit: one.placement.instead?.commit ?? run.desired.commit,
    replaced: one.change.stamp,
    from: cameFrom(one.placement, one.change.stamp, run.desired, run.live),
    clock: seen.facts.clock,
    ownFiles: one.driver.ownFiles(one.placement.spec).map(file => file.path),
  });
  if (gateFailure !== undefined) {
    if (gateFailure.judged)
      ended.stamps.push({ service: one.change.service, text: stampText(unhealthyStamp(one, stamp)) });
    return failed(one.change, gateFailure.error, await logTail(run, one, stamp, seen));
  }
  const amiss = stillDiffers(run.desired, after, run.lists.drivers, one.change.key, stamp);
  if (amiss !== undefined)
    return failed(one.change, report('not-converged', `${one.change.key}: every command succeeded, but ${amiss}`));
  ended.stamps.push({ service: one.change.service, text: stampText(stamp) });
  return {
    key: one.change.key,
    result: 'applied',
    kind: one.change.kind,
    durationMs: run.ports.clock.monotonic() - startedAt,
    ...imagesOf(stamp),
  };
}

function imagesOf({ images }: Stamp): { readonly images?: Readonly<Record<string, ImageSeen>> } {
  const seen = Object.entries(images).map(([inner, id]) => [inner, { id }] as const);
  return seen.length === 0 ? {} : { images: Object.fromEntries(seen) };
}

export function judgeStop(run: BatchRun, one: Prepared, after: LiveState, startedAt: number, ended: Ended): Outcome {
  const seen = after.machines[run.machine.name];
  const sighting = after.sightings[one.change.key];
  if (seen?.state !== 'reachable' || (sighting?.state ?? 'unknown') === 'unknown') {
    const unseen = seen?.state === 'unknown' ? seen : sighting?.state === 'unknown' ? sighting : undefined;
    const blind = report('not-converged', `${one.change.key} could not be looked at after it was stopped`);
    return failed(one.change, unseen?.error ?? blind);
  }
  const runs = sighting?.state === 'present' && ['running', 'starting', 'crash-looping'].includes(sighting.run);
  if (runs && one.change.kind !== 'release' && one.change.stamp?.adopted !== true) {
    return failed(
      one.change,
      report('not-converged', `${one.change.key}: every command succeeded, but it is still ${sighting.run}`),
    );
  }
  const stamp = one.change.stamp;
  if (one.change.kind === 'stop' && stamp !== undefined) {
    ended.stamps.push({ service: one.change.service, text: stampText(prunedStamp(stamp, seen.facts.clock)) });
  } else ended.forget.push(one.change.service);
  return {
    key: one.change.key,
    result: 'applied',
    kind: one.change.kind,
    durationMs: run.ports.clock.monotonic() - startedAt,
  };
}
