// The plan of a pull request as the text of its comment. Whatever strangers wrote stands in it as plain code, shortened.
import type { Diagnostic } from '../../schema/diagnostics.js';
import { type AppError, catalogue } from '../../schema/errors.js';
import { firstOf } from '../../schema/excerpt.js';
import { everyChange, heldOf, needsPerson } from '../../schema/holds.js';
import type { Change, LeftAlone, MachineNote, Plan } from '../../schema/plan.js';
import type { Review } from './review.js';

const longest = 160;
const mostLines = 60;
const mostFields = 12;

/**
 * One line, for where a forge shows a text as it stands: in code, or as the description of a status. In Markdown outside of code
 * it could still be a link, an image, a mention or emphasis.
 */
export function plain(text: string): string {
  const flat = text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll('`', "'")
    .replaceAll('<', '‹')
    .trim();
  return firstOf(flat, longest);
}

/** The one way that words of strangers stand in the text: no forge reads signs in code, and there is no backtick in it to end it. */
const code = (text: string): string => `\`${plain(text) || '(empty)'}\``;
const short = (commit: string): string => commit.slice(0, 12);

function bounded(lines: readonly string[], most = mostLines): readonly string[] {
  if (lines.length <= most) return lines;
  return [...lines.slice(0, most), `… and ${lines.length - most} more`];
}

const fence = (lines: readonly string[]): readonly string[] => ['```diff', ...lines, '```'];

const signs: Record<Change['kind'], string> = {
  create: '+',
  update: '!',
  restart: '!',
  repair: '!',
  replace: '!',
  stop: '-',
  remove: '-',
  release: '-',
};

function changeLines(change: Change, assumed: boolean): readonly string[] {
  const after = assumed ? '; what is there already is seen after the merge' : '';
  const head = `${signs[change.kind]} ${change.kind} ${plain(change.key)} (${change.reason}: ${plain(change.because)}${after})`;
  const fields = change.fields.map(
    ({ field, from = '(none)', to = '(none)' }) => `      ${plain(field)}: ${plain(from)} → ${plain(to)}`,
  );
  return [head, ...bounded(fields, mostFields)];
}

/** What machines say of themselves (output, values found there) is not for a page that others read. */
const standingLine = ({ kind, key, reason, fields }: Change): string => {
  const names = fields.map(({ field }) => plain(field)).join(', ');
  return `${signs[kind]} ${kind} ${plain(key)} (${reason}${names === '' ? '' : `: ${names}`})`;
};

/** An error by its title: its message may hold what a machine answered. */
const leftLine = ({ key, state, why, error }: LeftAlone): string =>
  `- ${code(key)} ${state}: ${error === undefined ? code(why) : catalogue[error.code].title}`;

const machineLine = ({ machine, state, why, error }: MachineNote): string =>
  `- ${code(machine)} ${state}: ${error === undefined ? code(why) : catalogue[error.code].title}`;

function section(heading: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', `**${heading}**`, '', ...bounded(lines)];
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** A machine that does not answer may hold what nobody thinks of. */
const isWhole = ({ plan, machines }: Review): boolean =>
  ![...plan.leftAlone, ...machines].some(one => one.state === 'unknown');

/** `3 changes on 2 machines`, and what they wait for. */
export function reviewSummary(review: Review): string {
  const { plan, unseen } = review;
  const changes = everyChange(plan);
  const machines = new Set(changes.map(one => one.machine)).size;
  const what =
    changes.length === 0
      ? isWhole(review)
        ? 'nothing changes on the machines'
        : 'nothing of what can be seen now changes'
      : `${counted(changes.length, 'change')} on ${counted(machines, 'machine')}`;
  const waits = heldOf(plan).some(needsPerson) ? '; waits for approval' : '';
  return `${what}${waits}${unseen.length === 0 ? '' : '; some of it is seen after the merge'}`;
}

function holdLines(plan: Plan, base: string): readonly string[] {
  return heldOf(plan).map(one => `- By the policy of ${code(base)} it does not go on by itself: ${code(one.why)}`);
}

function changeSection(review: Review): readonly string[] {
  const { plan, assumed } = review;
  const changes = everyChange(plan);
  if (changes.length === 0)
    return ['', isWhole(review) ? 'Nothing changes on the machines.' : 'Nothing of what can be seen now changes.'];
  const lines = changes.flatMap(one => changeLines(one, assumed.has(one.key)));
  return ['', '**From this pull request**', '', ...fence(bounded(lines, 4 * mostLines))];
}

function standingSection({ standing, drifted }: Review, base: string): readonly string[] {
  if (standing.length + drifted.length === 0) return [];
  const lines = [...standing.map(standingLine), ...drifted.map(one => `  ${plain(one.key)} drifted, and is left so`)];
  const heading = `Already so without it (${code(base)} against the machines)`;
  return ['', `**${heading}**`, '', ...fence(bounded(lines))];
}

const names = (keys: readonly string[]): string => bounded(keys.map(code), 20).join(', ');

function sidesSection({ behind, both, policy, keys }: Review, base: string): readonly string[] {
  return section('To know', [
    ...(behind.length === 0
      ? []
      : [`- ${code(base)} went on since: what it gained for ${names(behind)} is not taken back by a merge.`]),
    ...(both.length === 0 ? [] : [`- Changed on ${code(base)} since as well: ${names(both)}.`]),
    ...(policy.length === 0
      ? []
      : [
          `- It changes policy (${names(policy)}). This plan goes by that of ${code(base)}; the new one holds after the merge.`,
        ]),
    ...keys.map(
      one =>
        `- It changes ${one.names.map(code).join(', ')} of ${code(one.machine)}. This plan goes by those of ${code(base)}; the new ones hold after the merge.`,
    ),
  ]);
}

/** All but the heading. `base`: name of the branch. */
export function reviewText(review: Review, base: string): string {
  const { plan, unseen, machines } = review;
  return [
    ...changeSection(review),
    ...section('Held', holdLines(plan, base)),
    ...section('Left alone', plan.leftAlone.map(leftLine)),
    ...section(
      'Seen after the merge',
      unseen.map(({ what, why }) => `- ${code(what)}: ${code(why)}`),
    ),
    ...section('Machines', machines.map(machineLine)),
    ...standingSection(review, base),
    ...sidesSection(review, base),
  ].join('\n');
}

/** Why there is no plan: the registry of the head is not valid. */
export function refusedText(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(one => one.severity === 'error');
  const lines = errors.map(
    ({ file, line, column, code: of, message, hint }) =>
      `- ${code(`${file}:${line}:${column}`)} ${of}: ${code(message)}${hint === undefined ? '' : ` (${code(hint)})`}`,
  );
  return ['', `The registry is not valid: ${counted(errors.length, 'error')}.`, '', ...bounded(lines)].join('\n');
}

/** Why there is no plan: the head, or what it needs, cannot be had. A hint of the catalogue is ours, any other may name what a stranger named. */
export function noPlanText({ code: of, hint }: AppError): string {
  const entry = catalogue[of];
  return `\nThere is no plan: ${entry.title}.\n\n${hint === entry.hint ? hint : code(hint)}`;
}

export const heading = (head: string, base: string, baseCommit: string): string =>
  `### Portoser: plan of ${code(short(head))} on ${code(base)} at ${code(short(baseCommit))}`;
