// How a container came to stand still, or to be gone: by the engine's events, while it has them, else by what it keeps of the container.
import { endsContainer } from './culprit-commands.js';
import type { ContainerEnd, ContainerEvent, Evidence } from './culprit-read.js';
import { sinceOf, type Suspect } from './culprit-suspect.js';
import { type Found, lastBefore } from './culprit-words.js';
import { optional } from './optional.js';

/** From a command in sudo's log to its effect, besides the time that a container has to stop. */
const nearMs = 10_000;

interface Ended extends Found {
  readonly id: string;
  readonly at: number;
  /** Its last start, where that is told. */
  readonly startedAt?: number;
}

/** Of one container, oldest first: what came after its last start. A signal long before its end (`docker kill -s HUP`) did not end it. */
function byEvents(all: readonly ContainerEvent[]): Ended | undefined {
  const start = all.findLastIndex(one => one.action === 'start');
  const events = all.slice(start + 1);
  const last = events.at(-1);
  if (last === undefined) return undefined;
  const find = (action: string) => events.findLast(one => one.action === action);
  const [memory, stop, kill, gone, die] = ['oom', 'stop', 'kill', 'destroy', 'die'].map(find);
  const ended = (one: ContainerEvent | undefined) =>
    one !== undefined && die !== undefined && die.at - one.at <= nearMs;
  const base = { id: last.id, whom: last.name, ...optional('startedAt', all[start]?.at) };
  if (gone !== undefined) return { ...base, what: 'removed', at: gone.at };
  if (die === undefined) return { ...base, what: 'paused', at: last.at };
  const { at } = die;
  if (ended(memory)) return { ...base, what: 'killed for want of memory', at, nobody: true };
  if (stop !== undefined) return { ...base, what: 'stopped', at };
  if (ended(kill)) return { ...base, what: `killed by signal ${kill?.signal ?? '?'}`, at };
  return { ...base, what: `ended with exit code ${die.exitCode ?? '?'}`, at, nobody: 'perhaps' };
}

/** Whether somebody asked for it, the engine does not keep. */
function byEnd({ id, name, at, exitCode, oomKilled }: ContainerEnd): readonly Ended[] {
  if (at === undefined) return [];
  const base = { id, whom: name, at };
  if (oomKilled) return [{ ...base, what: 'killed for want of memory', nobody: true }];
  return [{ ...base, what: `ended with exit code ${exitCode}`, nobody: 'perhaps' }];
}

/** The last of its containers that ended, as far as is known. */
export function endOfProject(suspect: Suspect, evidence: Evidence): Found {
  const { stamp, target } = suspect;
  const since = sinceOf(stamp);
  const project = stamp.project ?? stamp.service;
  const left = evidence.containers.get(target) ?? [];
  const events = evidence.events
    .filter(one => one.project === project && one.at >= since)
    .toSorted((a, b) => a.at - b.at);
  const told = [...new Set(events.map(one => one.id))].flatMap(
    id => byEvents(events.filter(one => one.id === id)) ?? [],
  );
  const kept = left.filter(one => !told.some(other => other.id === one.id)).flatMap(byEnd);
  const [last] = [...told, ...kept].filter(one => one.at >= since).toSorted((a, b) => b.at - a.at);
  if (last === undefined) return {};
  const { id, startedAt = 0, ...found } = last;
  if (found.nobody === true) return found;
  const container = { id, name: found.whom ?? '' };
  const from = Math.max(since, startedAt, found.at - nearMs - stamp.stopTimeoutMs);
  const by = lastBefore(evidence, from, found.at, line => endsContainer(line, container, project, stamp.path));
  return { ...found, ...optional('by', by) };
}
