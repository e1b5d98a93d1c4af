// Findings about a change by hand put into words: what, when, by which command, and what else went on then.
import type { Culprit, LoggedCommand } from '../../schema/plan.js';
import { opensShell } from './culprit-commands.js';
import { maskCommand } from './culprit-mask.js';
import type { Evidence, SudoLine } from './culprit-read.js';
import { sinceOf, type Suspect } from './culprit-suspect.js';
import { optional } from './optional.js';

/** What was found out of one thing, before it is put into words. */
export interface Found {
  readonly field?: string;
  /** What it happened to, where the field does not say it: a container's name. */
  readonly whom?: string;
  readonly what?: string;
  readonly at?: number;
  readonly atLatest?: true;
  readonly by?: SudoLine;
  /** Nobody did it: it ended by itself, or the machine ended it. */
  readonly nobody?: true | 'perhaps';
  /** Commands that may have to do with it, and need not. */
  readonly seen?: readonly SudoLine[];
  readonly hints?: readonly string[];
}

/** What is known of the machine besides. */
export interface Scene {
  /** The SSH user, as whom we log in ourselves, and that user's home folder. */
  readonly user: string;
  readonly home: string;
  /** Milliseconds since 1970 by the machine's clock. */
  readonly bootedAt: number;
}

/** A command is logged when it begins; what it does is noted at once, or by clocks that count whole seconds. */
const slackMs = 1000;
const halfHourMs = 1_800_000;

/** The newest command that `fits`, from `since` to just after `until`. */
export function lastBefore(
  evidence: Evidence,
  since: number,
  until: number,
  fits: (line: SudoLine) => boolean,
): SudoLine | undefined {
  const times = evidence.sudo.filter(line => line.at >= since && line.at <= until + slackMs);
  return times.filter(fits).toSorted((a, b) => b.at - a.at)[0];
}

/** To the second, and the same wherever it is read. */
export const instantText = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
const timeText = (at: number): string => new Date(at).toISOString().slice(11, 19);

const shown = ({ user, tty, at, command, log }: SudoLine): LoggedCommand => ({
  user,
  ...optional('tty', tty),
  at,
  command: maskCommand(command),
  log,
});

export function commandText({ user, command, tty, at, log }: LoggedCommand): string {
  const from = [tty, log === 'auth.log' ? log : undefined].filter(Boolean).join(', ');
  return `${user} ran \`${command}\` by sudo at ${timeText(at)}${from === '' ? '' : ` (${from})`}`;
}

/** Whoever comes from where we come from, as whom we come, cannot be told from us. */
function loginHints(evidence: Evidence, user: string, from: number, to: number): readonly string[] {
  const others = evidence.logins.filter(
    one =>
      one.at >= from &&
      one.at <= to &&
      !(one.user === user && (evidence.ours === undefined || one.from === evidence.ours)),
  );
  const newest = new Map(others.toSorted((a, b) => a.at - b.at).map(one => [`${one.user} ${one.from}`, one]));
  return [...newest.values()].slice(-3).map(one => `${one.user} logged in from ${one.from} at ${timeText(one.at)}`);
}

/** Root shells that were opened shortly before, and logins. */
function peopleThen(evidence: Evidence, user: string, at: number): readonly string[] {
  const [from, to] = [at - halfHourMs, at + slackMs];
  const shells = evidence.sudo.filter(line => line.at >= from && line.at <= to && opensShell(line));
  return [...shells.slice(0, 2).map(line => commandText(shown(line))), ...loginHints(evidence, user, from, to)];
}

function hintsOf(
  found: Found,
  evidence: Evidence,
  { user, bootedAt }: Scene,
  { down, stamp }: Suspect,
): readonly string[] {
  const { at, by, nobody, hints = [], seen = [] } = found;
  const booted = down && bootedAt > sinceOf(stamp) && at !== bootedAt;
  return [
    ...hints,
    ...seen.map(line => commandText(shown(line))),
    ...(booted ? [`the machine was booted at ${instantText(bootedAt)}`] : []),
    ...(at === undefined || by !== undefined || nobody === true ? [] : peopleThen(evidence, user, at)),
  ];
}

function whoText(found: Found, by: LoggedCommand | undefined): string {
  if (by !== undefined) return `: ${commandText(by)}`;
  if (found.nobody === 'perhaps') return ', whether anybody ended it is unknown';
  return found.nobody ? '' : ', by whom is unknown';
}

function sentence(found: Found, by: LoggedCommand | undefined): string {
  const { field = '', whom, what, at, atLatest, nobody } = found;
  const subject = whom ?? /^(?:file|mode|own):(.*)$/s.exec(field)?.[1];
  const happened = [subject, what].filter(Boolean).join(' ');
  if (at === undefined && by === undefined && !nobody)
    return `${happened === '' ? '' : `${happened}: `}when and by whom is unknown`;
  const when = at === undefined ? ', when is unknown' : ` at ${instantText(at)}${atLatest ? ' or earlier' : ''}`;
  return `${happened === '' ? 'changed' : happened}${when}${whoText(found, by)}`;
}

export function told(found: Found, evidence: Evidence, scene: Scene, suspect: Suspect): Culprit {
  const { field, what, at, atLatest } = found;
  const by = found.by === undefined ? undefined : shown(found.by);
  const hints = hintsOf(found, evidence, scene, suspect);
  return {
    ...optional('field', field),
    ...optional('what', what),
    ...optional('at', at),
    ...optional('atLatest', atLatest),
    ...optional('by', by),
    ...(hints.length === 0 ? {} : { hints }),
    text: `${sentence(found, by)}${hints.length === 0 ? '' : ` (no proof: ${hints.join(', ')})`}`,
  };
}

/** A sentence's part, and after it what is known of when and by whom; that nothing is known is not worth a word here. */
export function withKnown(text: string, culprits: readonly Culprit[] = []): string {
  const known = culprits.filter(one => one.at !== undefined || one.by !== undefined);
  const [first, ...more] = known.map(one => one.text);
  return first === undefined ? text : `${text}; ${first}${more.length === 0 ? '' : `, and ${more.length} more`}`;
}
