// Tells history of a run whose process was killed: one deployment for each of its changes, by what the machines show.
import { asAppError } from '../../schema/errors.js';
import type { IntendedChange, IntendedRun } from '../../schema/intended.js';
import type { LeftIntent, Settled } from '../../schema/journal.js';
import type { Change, Next } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { LiveState } from '../../schema/state.js';
import { type Became, becameOf, overtakenEnd } from '../core/became.js';
import { optional } from '../core/optional.js';
import type { Ports } from '../ports.js';
import { deploymentOf } from './record.js';
import { sessionOf } from './session.js';

/** What nobody can say for so long is not asked for any more: history keeps that it was interrupted. */
const longestWaitMs = 3_600_000;

const next: Next = { next: 'again', afterMs: 0, why: 'its controller was killed' };

/** As far as the intent has it: stamps and what it waited for are not in it. */
function changeOf(one: IntendedChange): Change {
  const { key, machine, service, kind, reason, because, fields, basis } = one;
  const more = { ...optional('move', one.move), ...optional('resumes', one.resumes) };
  return {
    key,
    machine,
    service,
    kind,
    reason,
    because,
    fields,
    basis,
    after: [],
    ...more,
    ...optional('culprits', one.culprits),
  };
}

/** The same ids whenever it is told, so that history has it once; an end that is known later takes the place of none. */
function tell(
  ports: Ports,
  left: LeftIntent,
  intends: IntendedRun,
  became: readonly Became[],
  kept?: () => void,
): void {
  const { changes, plan, ...rest } = intends;
  const run = { id: left.id, ...rest, endedAt: ports.clock.now(), next };
  const waves = [changes.map(changeOf)];
  const deployments = changes.flatMap((change, index) => {
    const end = became[index]?.end;
    return end === undefined ? [] : [deploymentOf(run, change, end)];
  });
  ports.crashPoint?.('before a killed run is noted');
  ports.store.record(
    { kind: 'run', run: { ...run, plan: { ...plan, waves, leftAlone: [], machines: [] } }, deployments },
    kept,
  );
  ports.crashPoint?.('after a killed run is noted');
}

async function close(ports: Ports, id: string): Promise<void> {
  ports.crashPoint?.('after a killed run is kept');
  try {
    await ports.journal.settle([id]);
  } catch (thrown) {
    ports.log.warn({ id, code: asAppError(thrown).code }, 'earlier intents not closed');
  }
  ports.crashPoint?.('after a killed run is closed');
}

function textOf(became: readonly Became[]): string {
  const count = (result: string): number => became.filter(one => one.end.result === result).length;
  const counts = [
    [count('applied'), 'done'],
    [count('failed'), 'failed or interrupted'],
    [count('skipped'), 'not begun'],
  ].flatMap(([of, what]) => (of === 0 ? [] : [`${of} ${what}`]));
  return `an earlier run was killed; history has what became of its changes: ${counts.join(', ')}`;
}

/** What is not left any more is closed: it is not told again. */
export function forgetRuns(ports: Ports, left: ReadonlySet<string>): void {
  const { toldRuns } = sessionOf(ports);
  for (const id of toldRuns.keys()) if (!left.has(id)) toldRuns.delete(id);
}

/**
 * undefined: it is told already, or cannot be told whole yet; what is known of it is in history by then. The intent is
 * closed when history has all of it for good.
 */
export function settleRun(
  ports: Ports,
  left: LeftIntent,
  intends: IntendedRun,
  { live, overtaken }: { readonly live: LiveState; readonly overtaken: (key: PlacementKey) => boolean },
): Settled | undefined {
  const { toldRuns } = sessionOf(ports);
  const became = intends.changes.map(change => (overtaken(change.key) ? overtakenEnd(change) : becameOf(change, live)));
  const over = became.every(one => one.open === undefined) || ports.clock.now() - left.at > longestWaitMs;
  const ends = JSON.stringify([over, became.map(one => one.end.result)]);
  const before = toldRuns.get(left.id);
  if (before === 'over' || before === ends) return undefined;
  toldRuns.set(left.id, over ? 'over' : ends);
  const done = (): void => void close(ports, left.id);
  const changed = became.some(one => one.end.result !== 'skipped');
  if (changed) tell(ports, left, intends, became, over ? done : undefined);
  else done();
  if (!over) return undefined;
  const text = changed ? textOf(became) : 'an earlier run was killed before it changed anything';
  const { id, to, where, what, keys, at, process } = left;
  return { id, to, where, what, keys, at, process, ...optional('run', left.run), end: 'done', text };
}
