// Starts again, as it was, what was stopped for a move that came to nothing.
import { AppError, asAppError } from '../../schema/errors.js';
import type { Change, Outcome } from '../../schema/plan.js';
import type { RunState, Stamp } from '../../schema/state.js';
import { report } from '../core/machines.js';
import { basisOf, stampText } from '../core/ownership.js';
import { resumedStamp } from '../core/stamps.js';
import { type BatchRun, failed, type Prepared } from './batch-run.js';
import { look } from './look.js';
import { pause } from './pause.js';
import { emptyGround } from './prepare.js';
import { finish, sendLocked } from './send.js';

const looksAtMost = 10;
const lookAgainMs = 1000;
const up: readonly (RunState | 'absent')[] = ['running', 'starting'];

/** A change without files: only the stamp's claim and these steps of its driver. */
export function prepareSteps(run: BatchRun, change: Change, claim: Stamp, steps?: 'pause' | 'resume'): Prepared {
  const driver = run.lists.drivers[claim.driver];
  const seen = run.live.machines[run.machine.name];
  if (driver === undefined || seen?.state !== 'reachable')
    throw new AppError('internal', `${change.key} cannot be prepared`);
  const ground = emptyGround(seen, run.machine);
  const made = steps === undefined ? [] : driver[steps](claim, ground);
  const { service, basis } = change;
  const batch = { service, basis, claim: stampText(claim), folders: [], files: [], unlink: [], steps: made };
  return { change, driver, ground, steps: made, batch, generated: [] };
}

/** How it runs, by a fresh look; throws when nobody can look. */
export async function runStateOf(run: BatchRun, key: Change['key']): Promise<RunState | 'absent'> {
  const { ports, lists, desired, leaving, machine } = run;
  const after = await look(ports, lists, desired, { only: new Set([machine.name]), leaving });
  const view = after.machines[machine.name];
  const sighting = after.sightings[key];
  if (view?.state !== 'reachable' || sighting === undefined || sighting.state === 'unknown') {
    const error = view?.state === 'unknown' ? view.error : sighting?.state === 'unknown' ? sighting.error : undefined;
    throw new AppError(error?.code ?? 'not-converged', error?.message ?? `${key} could not be looked at`);
  }
  return sighting.state === 'absent' ? 'absent' : sighting.run;
}

async function untilUp(run: BatchRun, key: Change['key']): Promise<void> {
  for (let looks = 1; ; looks += 1) {
    const state = await runStateOf(run, key);
    if (up.includes(state)) return;
    if (looks === looksAtMost) throw new AppError('not-converged', `${key} was started again and is ${state}`);
    await pause(run.ports.clock, lookAgainMs, new AbortController().signal);
  }
}

/**
 * `stamp`: as it stands there now. `hold`: the move failed for a cause of its own, and is not tried again by itself. The
 * machine's lock is free afterwards.
 */
export async function resume(run: BatchRun, change: Change, stamp: Stamp, hold: boolean): Promise<Outcome> {
  const startedAt = run.ports.clock.monotonic();
  const seen = run.live.machines[run.machine.name];
  try {
    if (seen?.state !== 'reachable') throw new AppError('ssh-unreachable', `${run.machine.name} was not looked at`);
    const prepared = prepareSteps(run, { ...change, basis: basisOf(stamp) }, stamp, 'resume');
    const reading = await sendLocked(run, [prepared], seen);
    const refused = reading.refused ?? reading.failures.get(0)?.error;
    if (reading.refused === undefined && refused !== undefined)
      await finish(run, { stamps: [], forget: [] }, reading, seen);
    if (refused !== undefined) return failed(change, refused, reading.failures.get(0)?.output);
    await untilUp(run, change.key);
    const stamps = [{ service: change.service, text: stampText(resumedStamp(stamp, hold)) }];
    await finish(run, { stamps, forget: [] }, reading, seen);
    const durationMs = run.ports.clock.monotonic() - startedAt;
    return { key: change.key, result: 'applied', kind: change.kind, durationMs };
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') run.ports.log.error({ err: thrown, machine: run.machine.name }, 'resume broke');
    return failed(change, error.code === 'internal' ? report('internal', error.message) : error.report());
  }
}
