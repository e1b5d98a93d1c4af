// What happened and is over: what a run changed, and drift that was put back. Told once, without a recovery.
import { everyChange } from '../../schema/holds.js';
import type { Telling } from '../../schema/notify.js';
import type { Change, ChangeKind } from '../../schema/plan.js';
import type { Seen } from './amiss-pass.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import { withKnown } from './culprit-words.js';
import { repeatMs } from './incidents.js';
import { optional } from './optional.js';

const done: Readonly<Record<ChangeKind, string>> = {
  create: 'was created',
  update: 'was updated',
  restart: 'was restarted',
  repair: 'was repaired',
  replace: 'was replaced',
  stop: 'was stopped',
  remove: 'was removed',
  release: 'was released',
};

function putBack(change: Change, at: number): Telling {
  const { key, because, culprits } = change;
  const what = 'was changed by hand, and put back';
  return {
    state: 'notice',
    kind: 'drift',
    key: `put-back:${key}`,
    subject: key,
    what,
    why: withKnown(because, culprits),
    sinceAt: at,
    at,
  };
}

/** `late`: what outlasted an earlier pass and has come up since. */
export function noticesOf(report: Seen, late: readonly string[], at: number): readonly Telling[] {
  const applied = new Set<string>(report.outcomes.flatMap(one => (one.result === 'applied' ? [one.key] : [])));
  // Of what failed, the way back came up as well.
  const ended = new Set<string>(report.outcomes.flatMap(one => (one.result === 'in-progress' ? [] : [one.key])));
  // Going back from what failed is told with the failure.
  const held = new Set(report.plan?.leftAlone.flatMap(one => (one.state === 'held' ? [one.key] : [])));
  const changes =
    report.plan === undefined ? [] : everyChange(report.plan).filter(one => applied.has(one.key) && !held.has(one.key));
  const told = (key: string, what: string, why: string): Telling => ({
    state: 'notice',
    kind: 'deploy.done',
    key: `done:${key}`,
    subject: key,
    what,
    why,
    ...optional('commit', report.commit),
    sinceAt: at,
    at,
  });
  return [
    ...changes.filter(one => one.reason === 'drifted').map(one => putBack(one, at)),
    ...changes.filter(one => one.reason !== 'drifted').map(one => told(one.key, done[one.kind], one.because)),
    ...late
      .filter(key => !ended.has(key) && !held.has(key as PlacementKey))
      .map(key => told(key, 'came up', 'it outlasted the pass that changed it')),
  ];
}

/** When which notice was told, for an hour: somebody who changes the same thing again and again is told of hourly. */
export type Noted = Readonly<Record<string, number>>;

export function notYetTold(
  noted: Noted,
  notices: readonly Telling[],
  now: number,
): { readonly noted: Noted; readonly fresh: readonly Telling[] } {
  const recent = Object.fromEntries(Object.entries(noted).filter(([, at]) => now - Math.min(at, now) < repeatMs));
  // Every run is news; so is not every edit.
  const fresh = notices.filter(one => one.kind === 'deploy.done' || recent[one.key] === undefined);
  const own = fresh.filter(one => one.kind !== 'deploy.done').map(one => [one.key, now] as const);
  return { noted: { ...recent, ...Object.fromEntries(own) }, fresh };
}
