// The gates of one batch in rounds: what is found ill while others are still waited for is told at once.
import type { PlacementKey } from '../../schema/registry-types.js';
import type { MachineSeen } from '../../schema/state.js';
import { healthyOf } from '../core/stamps.js';
import { report } from '../core/machines.js';
import type { BatchRun, Prepared, Starting } from './batch-run.js';
import { isStart } from './batch-run.js';
import { gate } from './gate.js';
import type { GateResult } from '../core/verify.js';
import type { GateFailure } from './judge.js';
import { pause } from './pause.js';
import { timeOfDay } from './waits.js';

export interface Round {
  /** Those decided since the round before; undefined: it passed. */
  readonly gates: ReadonlyMap<PlacementKey, GateFailure | undefined>;
  /** Nothing is waited for any more. */
  readonly over: boolean;
}

export interface Gates {
  /** Resolves when all are decided, or soon after one failed that can go back. Not to be called after a round that is `over`. */
  next(): Promise<Round>;
}

/** What fails together (a dependency of both is gone) goes back together. */
const togetherMs = 2000;

/** Something healthy stood there, and policy wants it back. */
export function canGoBack(one: Prepared): boolean {
  return (
    isStart(one) &&
    one.placement.instead === undefined &&
    one.placement.spec.policy.onFailure === 'rollback' &&
    healthyOf(one.change.stamp).healthy !== undefined
  );
}

function failureOf(run: BatchRun, key: PlacementKey, result: GateResult): GateFailure | undefined {
  if (result.result === 'passed') return undefined;
  const judged = result.result === 'failed';
  const found = judged ? `${result.why}: ${result.found}` : result.why;
  const error =
    run.signal.aborted && !judged
      ? report('interrupted', `${key} was started, but nobody waited until it was healthy`)
      : report('gate-failed', `${key} did not become healthy: ${found}`);
  return { error, judged };
}

const tellWait = (run: BatchRun, key: PlacementKey, text: string): void =>
  run.emit?.({ kind: 'waiting', machine: run.machine.name, key, text });

/** `ill`: something of the batch has failed already that can go back. */
export function openGates(run: BatchRun, started: readonly Starting[], seen: MachineSeen, ill: boolean): Gates {
  const { clock } = run.ports;
  const returning = new Set(started.filter(canGoBack).map(one => one.change.key));
  const where = { machine: run.machine, cluster: run.desired.cluster, facts: seen.facts };
  let found = new AbortController();
  if (ill) found.abort();
  const fresh = new Map<PlacementKey, GateFailure | undefined>();
  const told = new Set<PlacementKey>();
  const decide = (key: PlacementKey, result: GateResult): void => {
    if (told.has(key)) return;
    told.add(key);
    tellWait(run, key, '');
    fresh.set(key, failureOf(run, key, result));
    if (result.result === 'failed' && returning.has(key)) found.abort();
  };
  // From here on, not from the begin of the change: its steps take as long as they may.
  for (const { change, placement } of started) {
    const until = timeOfDay(clock.now() + placement.spec.health.deadlineMs);
    tellWait(run, change.key, `that it is healthy, until about ${until}`);
  }
  let over = false;
  const all = gate(
    started.map(one => one.placement),
    where,
    run.lists,
    { ...run.ports },
    { signal: run.signal, onResult: decide },
  ).then(results => {
    for (const [key, result] of results) decide(key, result);
    over = true;
  });
  // Whoever waits for a round gets it; between rounds nobody does.
  all.catch(() => undefined);

  async function soonAfterFault(done: AbortSignal): Promise<void> {
    const { signal } = found;
    if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
    await pause(clock, togetherMs, done);
  }

  return {
    next: async () => {
      const done = new AbortController();
      try {
        await Promise.race([all, soonAfterFault(done.signal)]);
      } finally {
        done.abort();
      }
      const gates = new Map(fresh);
      fresh.clear();
      found = new AbortController();
      return { gates, over };
    },
  };
}
