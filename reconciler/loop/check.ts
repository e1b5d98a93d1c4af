// Checks every placement once, all machines in parallel: for `plan`, `status` and `run --once`, which say "not answering", never "unhealthy".
import { setMaxListeners } from 'node:events';
import { joinSignals } from '../../schema/joined-signal.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { Verdict } from '../../schema/state.js';
import { combine } from '../core/health.js';
import { askRound, type CheckPorts } from './ask.js';
import type { Checked, CheckedMachine, CheckLists, Sightings } from './look-checks.js';

export interface CheckOnceOptions {
  /** What the probe of this pass saw: process and docker checks are answered from it, without another exec. */
  readonly sightings?: Sightings;
  /** For everything together; what is not answered then is unknown. Default 15 s. */
  readonly timeLimitMs?: number;
  readonly signal?: AbortSignal;
}

/** One verdict per placement. Placements of machines that are not given are unknown. Never rejects for what machines do. */
export async function checkOnce(
  placements: readonly Checked[],
  machines: readonly CheckedMachine[],
  lists: CheckLists,
  ports: CheckPorts,
  options: CheckOnceOptions = {},
): Promise<ReadonlyMap<PlacementKey, Verdict>> {
  const { timeLimitMs = 15_000, sightings = {}, signal } = options;
  const limit = new AbortController();
  const { signal: stop, part } = joinSignals(limit.signal, ...(signal === undefined ? [] : [signal]));
  // One exec per machine listens.
  setMaxListeners(0, stop);
  const late: Verdict = { state: 'unknown', found: `not answered within ${timeLimitMs / 1000} s` };
  const over = ports.clock.sleep(timeLimitMs, stop).then(
    () => late,
    () => late,
  );
  const verdicts = machines.flatMap(where => {
    const own = placements.filter(placement => placement.spec.machine === where.machine.name);
    const answers = askRound(own, where, lists, ports, { sightings, signal: stop });
    return [...answers].map(async ([key, answer]) => [key, await Promise.race([answer.then(combine), over])] as const);
  });
  const known = new Map<PlacementKey, Verdict>(
    placements.map(({ key }) => [key, { state: 'unknown', found: 'its machine was not looked at' }]),
  );
  for (const [key, verdict] of await Promise.all(verdicts)) known.set(key, verdict);
  limit.abort();
  part();
  return known;
}
