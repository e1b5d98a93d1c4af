// Why a change may not begin: what it depends on failed, or is not healthy.
import type { Change } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import { isFirstStart, isStop } from '../core/plan.js';
import { lacks } from '../core/withdrawal.js';
import type { ApplyRun, Dependencies, Room } from './apply-room.js';
import { gate } from './gate.js';

export function askDependencies(run: ApplyRun): Dependencies {
  const asked = new Map<PlacementKey, Promise<string | undefined>>();
  const ask = async (key: PlacementKey): Promise<string | undefined> => {
    const placement = run.desired.placements.find(one => one.key === key);
    const machine = run.desired.machines.find(one => one.name === placement?.spec.machine);
    const seen = machine === undefined ? undefined : run.live.machines[machine.name];
    if (placement === undefined || machine === undefined) return `${key} is not in the registry`;
    if (seen?.state !== 'reachable') return `unknown: ${key} cannot be looked at`;
    const results = await gate(
      [placement],
      { machine, cluster: run.desired.cluster, facts: seen.facts },
      run.lists,
      { ...run.ports },
      { signal: run.signal },
    );
    const result = results.get(key);
    if (result?.result === 'passed') return undefined;
    if (run.signal.aborted) return 'interrupted';
    return result?.result === 'failed'
      ? `${key} is not healthy: ${result.found}`
      : `unknown: ${key} cannot be looked at`;
  };
  return key => {
    const known = asked.get(key) ?? ask(key);
    asked.set(key, known);
    return known;
  };
}

/** Why a change may not begin; undefined: it may. What it waits for in the plan is waited for here. */
export async function obstacle(room: Room, change: Change): Promise<string | undefined> {
  // Without its other half it would run on two machines.
  if (change.move !== undefined && !room.paired.has(change.key))
    return `what is on ${change.move.from} is not in the plan`;
  for (const key of change.after) {
    const before = await room.outcomes.get(key);
    if (before?.result === 'failed') return `${key} failed`;
    if (before?.result === 'skipped') return `${key} was skipped`;
    if (before !== undefined && lacks(change, before, room.desired)) return `${key} is stopped: it failed`;
    if (before !== undefined || isStop(change)) continue;
    const why = await room.dependencies(key);
    if (why === undefined) continue;
    // An unknown dependency holds back only what never ran: a restart of what runs is no worse than before.
    if (!why.startsWith('unknown: ') || isFirstStart(change)) return why.replace(/^unknown: /, '');
  }
  return undefined;
}
