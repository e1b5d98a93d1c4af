// What must hold of history once the world has come to rest, wherever controllers were killed: whole, one deployment a change, none open, none twice.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment, HistoryRecord } from '../schema/history.js';
import { createFakeStore } from './fakes/store.js';

/** How a placement's changes must have ended in all. */
export interface HistoryWish {
  /** How often a change of it came to its end; several numbers: one of them. */
  readonly applied: number | readonly number[];
  /** How many of its revisions failed by their own fault. Default: none. */
  readonly held?: number;
  /** At most so many may have been interrupted: one for each kill. Default: one. */
  readonly kills?: number;
}

const shown = (all: readonly Deployment[]): string =>
  all.map(one => `${one.runId.slice(0, 8)} ${one.kind} ${one.result} ${one.error?.code ?? one.why ?? ''}`).join('; ');

const isInterrupted = (one: Deployment): boolean => one.result === 'failed' && one.error?.code === 'interrupted';

/** Nothing is still going on, and no run tells a change of a placement twice. */
export function openOrTwice(all: readonly Deployment[]): readonly string[] {
  const names = all.map(one => `${one.runId} ${one.key}`);
  return [
    ...all.filter(one => one.result === 'in-progress').map(one => `open in history: ${one.key} of run ${one.runId}`),
    ...names.filter((name, index) => names.indexOf(name) < index).map(name => `twice in history: ${name}`),
  ];
}

/** No revision was brought up twice because git had changed, with nothing in between: there was nothing to change. */
export function changedTwice(all: readonly Deployment[]): readonly string[] {
  const begun = all.filter(one => one.result !== 'skipped').toSorted((one, other) => one.startedAt - other.startedAt);
  return begun.flatMap((one, index) => {
    const before = begun.slice(0, index).findLast(other => other.key === one.key);
    const done = before?.result === 'applied' && one.result === 'applied' && one.reason === 'changed';
    const same = one.fingerprint !== undefined && before?.fingerprint === one.fingerprint;
    return done && same ? [`changed twice in history: ${one.key}: ${shown([before, one])}`] : [];
  });
}

/** Told by who never lived to tell it, a deployment says all that any other does. */
function halfTold(one: Deployment): readonly string[] {
  const { runId, commit, actor, trigger, because, reason, fields, startedAt, endedAt } = one;
  const whole =
    runId !== '' &&
    commit !== undefined &&
    trigger !== '' &&
    actor.name !== '' &&
    because !== '' &&
    startedAt <= endedAt;
  const named = reason !== 'changed' || fields.length > 0;
  return whole && named ? [] : [`half told in history: ${JSON.stringify(one)}`];
}

function troublesOf(key: string, own: readonly Deployment[], { applied, held = 0, kills = 1 }: HistoryWish) {
  const count = (is: (one: Deployment) => boolean): number => own.filter(is).length;
  const done = count(one => one.result === 'applied');
  const failed = count(one => one.result === 'failed' && !isInterrupted(one));
  const cut = count(isInterrupted);
  const allowed = typeof applied === 'number' ? [applied] : applied;
  return [
    ...(allowed.includes(done) ? [] : [`${done} times applied, not ${allowed.join(' or ')}`]),
    ...(failed === held ? [] : [`${failed} times failed, not ${held}`]),
    ...(cut <= kills ? [] : [`${cut} times interrupted by ${kills} kills`]),
  ].map(trouble => `history of ${key}: ${trouble}: ${shown(own)}`);
}

/** Everything that is wrong with it; `wishes`: by placement. */
export function brokenHistory(
  all: readonly Deployment[],
  wishes: Readonly<Record<string, HistoryWish>>,
): readonly string[] {
  const strange = all.filter(one => wishes[one.key] === undefined).map(one => `history of ${one.key}: not wanted`);
  const own = Object.entries(wishes).flatMap(([key, wish]) =>
    troublesOf(
      key,
      all.filter(one => one.key === key),
      wish,
    ),
  );
  return [...openOrTwice(all), ...changedTwice(all), ...all.flatMap(halfTold), ...strange, ...own];
}

/** A process that was killed in the middle of a line had not kept it. */
function parseLine(line: string): readonly HistoryRecord[] {
  try {
    return [JSON.parse(line) as HistoryRecord];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** As a database would have it, of what waits for one in that state folder. */
export async function waitingHistory(stateDir: string): Promise<readonly Deployment[]> {
  const folder = join(stateDir, 'history');
  const names = existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('.jsonl')) : [];
  const store = createFakeStore();
  for (const name of names.toSorted((one, other) => (one < other ? -1 : 1))) {
    const lines = readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean);
    for (const record of lines.flatMap(parseLine)) store.record(record);
  }
  return await store.deployments({ limit: 10_000 });
}
