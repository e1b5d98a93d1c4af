// When a file was changed, by its own times, and which command in sudo's log wrote it.
import type { FieldChange } from '../../schema/plan.js';
import { changesFile, opensEditor } from './culprit-commands.js';
import type { Evidence, FileTimes, SudoLine } from './culprit-read.js';
import { sinceOf, type Suspect } from './culprit-suspect.js';
import { type Found, lastBefore } from './culprit-words.js';
import { optional } from './optional.js';

/** An editor may be open that long before its file is saved. */
const longestEditMs = 1_800_000;
/** Whatever else writes, writes at once. */
const nearMs = 10_000;

type When = Pick<Found, 'at' | 'atLatest'>;

/** Who writes a file can give it any time of modification; the time of its last change is the system's own. */
function whenEdited({ modifiedAt, changedAt }: FileTimes, since: number): When {
  if (modifiedAt >= since && modifiedAt <= changedAt) return { at: modifiedAt };
  return changedAt >= since ? { at: changedAt, atLatest: true } : {};
}

function whatHappened(kind: string, times: FileTimes | undefined, folder: FileTimes | undefined, since: number): Found {
  if (times === undefined) {
    const at = folder !== undefined && folder.modifiedAt >= since ? folder.modifiedAt : undefined;
    return { what: 'removed', ...(at === undefined ? {} : { at, atLatest: true }) };
  }
  if (kind !== 'mode') return { what: 'edited', ...whenEdited(times, since) };
  return { what: 'given another mode', ...(times.changedAt >= since ? { at: times.changedAt, atLatest: true } : {}) };
}

/** What another user made anew is that user's from then on; a file that root wrote into stays whose it was. */
const ownerHint = (times: FileTimes | undefined, owner: string): Pick<Found, 'hints'> =>
  times === undefined || times.owner === owner || times.owner === ''
    ? {}
    : { hints: [`the file is ${times.owner}'s now`] };

function writerOf(found: Found, path: string, kind: string, since: number, evidence: Evidence): Pick<Found, 'by'> {
  const { at, atLatest, what } = found;
  if (at === undefined) return {};
  const how = what === 'removed' ? 'removed' : kind === 'mode' ? 'mode' : 'edited';
  const from = (line: SudoLine) => (atLatest ? since : at - (opensEditor(line) ? longestEditMs : nearMs));
  const fits = (line: SudoLine) => line.at >= from(line) && changesFile(line, path, how);
  return optional('by', lastBefore(evidence, since, at, fits));
}

export function fileCulprit(suspect: Suspect, { field }: FieldChange, evidence: Evidence): Found {
  const [, kind = '', path = ''] = /^(file|mode|own):(.*)$/s.exec(field) ?? [];
  const since = sinceOf(suspect.stamp);
  const index = suspect.files.get(path) ?? -1;
  const times = evidence.files.get(index);
  const found = whatHappened(kind, times, evidence.folders.get(index), since);
  const owner = path.startsWith('/etc/') ? 'root' : suspect.owner;
  return { field, ...found, ...ownerHint(times, owner), ...writerOf(found, path, kind, since, evidence) };
}
