// Tries again, within one pass, what failed for a cause that may pass; for who waits for the pass.
import type { Change, Outcome } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, Instead } from '../../schema/state.js';
import { lookupOf } from '../core/lookup.js';
import { withUndone } from '../core/undone.js';
import { isWithdrawal } from '../core/withdrawal.js';
import type { Lists, Progress } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { pause } from './pause.js';
import { type Considered, consider } from './preview.js';
import { noteTries } from './retries.js';
import { sessionOf } from './session.js';
import type { Synced } from './sync.js';
import { timeOfDay } from './waits.js';
import { serviceOf } from '../core/placement-key.js';

export interface Persisting {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly emit: (progress: Progress) => void;
  readonly signal: AbortSignal;
  readonly synced: Synced;
  readonly ask: { readonly from: 'commit' | 'files'; readonly again?: boolean; readonly toTheEnd?: boolean };
  readonly carryOut: (considered: Considered) => Promise<readonly Outcome[]>;
}

/** A fresh plan, cut down to what failed and what was left out because of it; undefined: nothing of that may go on. */
async function planAgain(run: Persisting, keys: ReadonlySet<PlacementKey>): Promise<Considered | undefined> {
  const { ports, lists, synced, ask } = run;
  const services = [...new Set([...keys].map(serviceOf))];
  const wanted = new Set(synced.registry?.placements.map(one => one.service));
  // What was removed cannot be asked for by its name.
  const only = services.every(name => wanted.has(name)) ? { only: services } : {};
  const considered = await consider(ports, lists, synced, { ...ask, ...only, noDeps: true });
  const { desired } = considered;
  // What is stopped again where it was to go is no other try of it, and nothing that this run could call done.
  const isTry = (change: Change): boolean => keys.has(change.key) && !isWithdrawal(change, desired);
  const waves = considered.plan.waves.map(wave => wave.filter(isTry));
  const plan = { ...considered.plan, waves: waves.filter(wave => wave.length > 0) };
  return plan.held === undefined && plan.waves.length > 0 ? { ...considered, plan } : undefined;
}

/** Sleeps until the last of them may be tried again, and says so; false: nobody waits any more. */
async function rest({ ports, emit, signal }: Persisting, keys: readonly PlacementKey[]): Promise<boolean> {
  const { retries } = sessionOf(ports);
  const at = Math.max(...keys.map(key => retries.get(key)?.at ?? 0));
  for (const key of keys) {
    const machine = key.slice(key.indexOf('@') + 1);
    emit({ kind: 'waiting', key, machine, text: `the next try, at about ${timeOfDay(at)}` });
  }
  return await pause(ports.clock, Math.max(0, at - ports.clock.now()), signal);
}

/**
 * What was made, where it was a try of what failed. Of a revision that failed and whose answer was lost the machine knows
 * better: then it was gone back from, and what failed before is told with that.
 */
function madeOf(
  first: DesiredState,
  { desired }: Considered,
  before: readonly Outcome[],
  made: readonly Outcome[],
): readonly Outcome[] {
  const insteadIn = (state: DesiredState, key: PlacementKey): Instead | undefined =>
    lookupOf(state).byKey.get(key)?.instead;
  return made.map(one => {
    const back = insteadIn(desired, one.key);
    if (back === undefined || insteadIn(first, one.key) !== undefined) return one;
    const [told] = withUndone(
      before.filter(({ key }) => key === one.key),
      [one],
      new Map([[one.key, back]]),
    );
    return told?.result === 'failed' && told.undone !== undefined ? told : one;
  });
}

/** As often as policy grants. The controller does not wait: it makes another pass. */
export async function persist(
  run: Persisting,
  desired: DesiredState,
  first: readonly Outcome[],
): Promise<readonly Outcome[]> {
  const { retries } = sessionOf(run.ports);
  noteTries(run.ports, desired, first);
  const outcomes = new Map(first.map(one => [one.key, one]));
  const keysOf = (result: Outcome['result']) =>
    [...outcomes.values()].filter(one => one.result === result).map(one => one.key);
  const granted = () => keysOf('failed').filter(key => retries.get(key)?.granted === true);
  for (let failed = granted(); failed.length > 0 && run.ask.toTheEnd !== false; failed = granted()) {
    if (!(await rest(run, failed))) break;
    const considered = await planAgain(run, new Set([...failed, ...keysOf('skipped')]));
    if (considered === undefined) break;
    const made = await run.carryOut(considered);
    noteTries(run.ports, considered.desired, made);
    const before = [...outcomes.values()];
    for (const one of madeOf(desired, considered, before, made)) outcomes.set(one.key, one);
    if (!made.some(one => failed.includes(one.key) && one.result !== 'skipped')) break;
  }
  return first.map(one => outcomes.get(one.key) ?? one);
}
