// The state that people ask for, from plan, live state and one look at health: two axes, Sync and Health.
import type { LeftAlone, Plan } from '../../schema/plan.js';
import type { DesiredState, LiveState, Placement, Sighting, Verdict } from '../../schema/state.js';
import type { MachineStatus, PlacementStatus } from '../../schema/status.js';
import { withKnown } from './culprit-words.js';

export interface StatusParts {
  readonly desired: DesiredState;
  readonly live: LiveState;
  readonly plan: Plan;
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

type Axis<K extends 'sync' | 'health'> = PlacementStatus[K];

function syncLeftAlone({ state }: LeftAlone): Axis<'sync'> {
  switch (state) {
    case 'blocked':
    case 'unknown':
      return state;
    case 'held':
    case 'in-progress':
    case 'drifted':
      return 'differs';
    case 'suspended':
    case 'kept':
      return 'synced';
    default:
      return state satisfies never;
  }
}

function syncOf(key: string, parts: StatusParts): { readonly sync: Axis<'sync'>; readonly why?: string } {
  const change = parts.plan.waves.flat().find(one => one.key === key);
  if (change) return { sync: 'differs', why: withKnown(change.because, change.culprits) };
  const part = parts.plan.waiting?.find(one => one.changes.some(change => change.key === key));
  const waits = part?.changes.find(one => one.key === key);
  if (part !== undefined && waits !== undefined)
    return { sync: 'differs', why: withKnown(`${waits.because} (held: ${part.why})`, waits.culprits) };
  const left = parts.plan.leftAlone.find(one => one.key === key);
  if (left) return { sync: syncLeftAlone(left), why: withKnown(left.why, left.culprits) };
  const sighting = parts.live.sightings[key];
  return sighting?.state === 'unknown' ? { sync: 'unknown', why: sighting.error.message } : { sync: 'synced' };
}

/** What stands still is not asked: it does not answer, whatever a check might find at its port. */
function healthOf(
  sighting: Sighting | undefined,
  verdict: Verdict | undefined,
  suspended: boolean,
): { readonly health: Axis<'health'>; readonly found?: string } {
  if (suspended) return { health: 'suspended', ...(verdict === undefined ? {} : { found: verdict.found }) };
  if (sighting === undefined || sighting.state === 'unknown')
    return { health: 'unknown', ...(verdict === undefined ? {} : { found: verdict.found }) };
  if (sighting.state === 'absent') return { health: 'not-answering' };
  if (verdict === undefined) return { health: 'unknown' };
  if (verdict.state === 'fail' && sighting.run === 'starting') return { health: 'starting', found: verdict.found };
  const states = { pass: 'healthy', fail: 'not-answering', unknown: 'unknown' } as const;
  return { health: states[verdict.state], found: verdict.found };
}

const isSuspended = (placement: Placement, parts: StatusParts): boolean =>
  placement.spec.suspend !== undefined ||
  parts.plan.leftAlone.some(one => one.key === placement.key && one.state === 'suspended') ||
  parts.desired.machines.some(one => one.name === placement.spec.machine && one.suspend !== undefined);

function placementStatus(placement: Placement, parts: StatusParts): PlacementStatus {
  const { key, spec } = placement;
  const sighting = parts.live.sightings[key];
  const present = sighting?.state === 'present' ? sighting : undefined;
  return {
    key,
    service: spec.service,
    machine: spec.machine,
    ...syncOf(key, parts),
    ...healthOf(sighting, parts.verdicts.get(key), isSuspended(placement, parts)),
    ...(present === undefined ? {} : { run: present.run }),
    ...(present?.startedAt === undefined ? {} : { startedAt: present.startedAt }),
    ports: spec.ports,
    survivesReboot: spec.type !== 'local' || survives(placement, parts),
  };
}

/** The bare supervisor is gone after a reboot: where the stamp names it, or there is no service manager. */
function survives({ spec, key }: Placement, parts: StatusParts): boolean {
  const view = parts.live.machines[spec.machine];
  const seen = view?.state === 'reachable' ? view : undefined;
  const stamp = seen?.stamps.find(one => `${one.service}@${spec.machine}` === key);
  return (stamp?.scope ?? spec.scope) !== 'none' && seen?.facts.serviceManager !== 'none';
}

/** What is ours on a machine and no longer wanted there. */
function leaving(parts: StatusParts): readonly PlacementStatus[] {
  const wanted = new Set<string>(parts.desired.placements.map(one => one.key));
  return Object.entries(parts.live.machines).flatMap(([machine, view]) => {
    if (view.state !== 'reachable') return [];
    const gone = view.stamps.filter(
      stamp => stamp.prunedAt === undefined && !wanted.has(`${stamp.service}@${machine}`),
    );
    return gone.map((stamp): PlacementStatus => {
      const key = `${stamp.service}@${machine}` as const;
      const sighting = parts.live.sightings[key];
      const why = syncOf(key, parts).why ?? 'no longer in the registry';
      const run = sighting?.state === 'present' ? { run: sighting.run } : {};
      const { service, ports, scope } = stamp;
      return {
        key,
        service,
        machine,
        sync: 'leaving',
        why,
        health: 'unknown',
        ports,
        survivesReboot: scope !== 'none',
        ...run,
      };
    });
  });
}

/** Placements by service and machine, those that are leaving last. */
export function placementStatuses(parts: StatusParts): readonly PlacementStatus[] {
  return [...parts.desired.placements.map(one => placementStatus(one, parts)), ...leaving(parts)];
}

export function machineStatuses(parts: StatusParts): readonly MachineStatus[] {
  const names = [...new Set([...parts.desired.machines.map(one => one.name), ...Object.keys(parts.live.machines)])];
  return names.map((machine): MachineStatus => {
    const view = parts.live.machines[machine];
    const note = parts.plan.machines.find(one => one.machine === machine);
    const host = parts.desired.machines.find(one => one.name === machine)?.host ?? '';
    const facts = view?.state === 'reachable' ? { facts: view.facts } : {};
    if (note && note.state !== 'in-progress') return { machine, host, state: note.state, why: note.why, ...facts };
    if (view?.state === 'reachable')
      return { machine, host, state: 'reachable', ...(note ? { why: note.why } : {}), ...facts };
    return { machine, host, state: 'unknown', why: view?.error.message ?? 'it was not looked at' };
  });
}
