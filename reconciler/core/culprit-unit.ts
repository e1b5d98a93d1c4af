// How a unit came to stand still, or to be disabled or masked, by what systemd wrote of it and the links that were laid.
import type { Evidence, SudoLine, UnitEntry } from './culprit-read.js';
import { killsProcess, killsUnit, setsUnit, stopsUnit } from './culprit-commands.js';
import { sinceOf, type Suspect, unitLinks } from './culprit-suspect.js';
import { type Found, lastBefore } from './culprit-words.js';
import { optional } from './optional.js';

/** From a command in sudo's log to its effect in the journal. */
const nearMs = 10_000;

function ended({ exit, at }: UnitEntry): Found {
  if (exit?.how === 'killed' || exit?.how === 'dumped') return { what: `killed by signal ${exit.status}`, at };
  return { what: `ended with exit code ${exit?.status ?? '?'}`, at, nobody: true };
}

/** `entries`: since its last start. */
function happened(entries: readonly UnitEntry[]): Found {
  const memory = entries.find(one => one.failed === 'oom-kill');
  if (memory !== undefined) return { what: 'killed for want of memory', at: memory.at, nobody: true };
  const stop = entries.findLast(one => one.job === 'stop');
  if (stop !== undefined) return { what: 'stopped', at: stop.at };
  const exit = entries.find(one => one.exit !== undefined);
  if (exit !== undefined) return ended(exit);
  const [last] = entries;
  return last === undefined ? {} : { what: 'ended by itself', at: last.at, nobody: true };
}

/** Who sends a signal kills; who asks the manager stops: what else was asked for shortly before proves nothing. */
function didIt(what: string | undefined, unit: string, pid: number): (line: SudoLine) => boolean {
  const kills = (line: SudoLine) => killsUnit(line, unit) || killsProcess(line, pid);
  if (what === undefined) return line => stopsUnit(line, unit) || kills(line);
  return what === 'stopped' ? line => stopsUnit(line, unit) : kills;
}

export function endOfUnit({ stamp, target }: Suspect, evidence: Evidence): Found {
  const { unit = '' } = stamp;
  const { pid = 0, entries = [] } = evidence.units.get(target) ?? {};
  const start = entries.findIndex(one => one.job === 'start');
  const since = Math.max(sinceOf(stamp), entries[start]?.at ?? 0);
  const after = start < 0 ? entries : entries.slice(0, start);
  const found = happened(after.filter(one => one.at >= since));
  if (found.nobody !== undefined) return found;
  const { at, what } = found;
  const from = at === undefined ? since : Math.max(since, at - nearMs);
  const by = lastBefore(evidence, from, at ?? evidence.clock, didIt(what, unit, pid));
  if (at !== undefined) return { ...found, ...optional('by', by) };
  // Nothing tells when it stopped, or that this command is why: it is told, and no more.
  return by === undefined ? found : { ...found, seen: [by] };
}

/** A link that was laid (a mask) has a time; one that was taken away (of what was enabled) leaves that of its folder. */
export function settingOfUnit(suspect: Suspect, field: 'masked' | 'enabled', evidence: Evidence, home: string): Found {
  const { stamp, files } = suspect;
  const since = sinceOf(stamp);
  const links = unitLinks(stamp, home);
  const times =
    field === 'masked'
      ? evidence.files.get(files.get(links.unit) ?? -1)
      : evidence.folders.get(files.get(links.wants) ?? -1);
  const at = times !== undefined && times.modifiedAt >= since ? times.modifiedAt : undefined;
  const by = lastBefore(evidence, since, at ?? evidence.clock, line => setsUnit(line, stamp.unit ?? ''));
  return {
    field,
    what: field === 'masked' ? 'masked' : 'disabled',
    ...optional('at', at),
    ...(at === undefined || field === 'masked' ? {} : { atLatest: true }),
    ...optional('by', by),
  };
}
