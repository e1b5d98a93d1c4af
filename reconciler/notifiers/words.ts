// A message in words: a title of one line, and below it what, why, since when, and what to do.
import { notifyKinds, type Message, type Telling } from '../../schema/notify.js';

export interface Words {
  readonly title: string;
  readonly lines: readonly string[];
  /** How bad it is: `bad` something is amiss, `good` it is over, `plain` neither. */
  readonly mood: 'bad' | 'good' | 'plain';
}

const unitsMs = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** `2 h`, `12 min`. */
function lasted(ms: number): string {
  const [unit, size] = unitsMs.find(([, size]) => ms >= size) ?? ['s', 1000];
  return `${Math.max(0, Math.floor(ms / size))} ${unit}`;
}

const instant = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

function headOf({ subject, what }: Telling): string {
  return subject === '' ? what : `${subject} ${what}`;
}

function stateOf({ state, sinceAt, at, times }: Telling): string {
  switch (state) {
    case 'open':
      return times === undefined ? '' : ` (again, ${times} times by now)`;
    case 'again':
      return ` (for ${lasted(at - sinceAt)} now${times === undefined ? '' : `, came and went ${times} times`})`;
    case 'over':
      return `: over after ${lasted(at - sinceAt)}`;
    case 'notice':
      return '';
    default:
      return state satisfies never;
  }
}

/** Names at its beginning stay as they are. */
const sentence = (text: string): string =>
  /^[a-z]+[ ,:]/.test(text) ? `${text.slice(0, 1).toUpperCase()}${text.slice(1)}` : text;

function detailLines(one: Telling): readonly string[] {
  const { state, why, commit, todo, sinceAt } = one;
  return [
    ...(why === '' ? [] : [sentence(why)]),
    ...(state === 'open' || state === 'again' ? [`Since ${instant(sinceAt)}`] : []),
    ...(commit === undefined || commit === '' ? [] : [`Commit ${commit.slice(0, 12)}`]),
    ...(todo === undefined || todo === '' ? [] : [`What to do: ${todo}`]),
  ];
}

const lineOf = (one: Telling): string => {
  const todo = one.todo === undefined || one.todo === '' ? '' : ` ${one.todo}`;
  return `- ${headOf(one)}${stateOf(one)}: ${one.why}${todo}`;
};

function moodOf({ state, items }: Message): Words['mood'] {
  if (state === 'over') return 'good';
  if (state === 'open' || state === 'again') return 'bad';
  return state === 'digest' && items.some(one => one.state === 'open' || one.state === 'again') ? 'bad' : 'plain';
}

const several: Readonly<Record<'open' | 'again' | 'over' | 'notice', string>> = {
  open: '',
  again: 'still: ',
  over: 'over: ',
  notice: '',
};

function titleOf({ state, kind, items }: Message): string {
  const [first] = items;
  if (state === 'test') return 'this is a test';
  if (state === 'digest') return `${items.length} ${items.length === 1 ? 'thing' : 'things'} during quiet hours`;
  if (first === undefined) return kind ?? '';
  if (items.length === 1) return `${headOf(first)}${stateOf(first)}`;
  return `${several[state]}${first.subject} and ${items.length - 1} more: ${kind === undefined ? '' : notifyKinds[kind].what}`;
}

export function wordsOf(message: Message): Words {
  const { state, items, cluster, kind } = message;
  const title = `[${cluster}] ${titleOf(message)}`;
  const mood = moodOf(message);
  if (state === 'test') return { title, mood, lines: ['Portoser can tell you here. Nothing is amiss.'] };
  const [first] = items;
  const alone = items.length === 1 && first !== undefined && state !== 'digest';
  const lines = alone ? detailLines(first) : [...items.map(lineOf), ...commitLine(items)];
  return { title, mood, lines: [...lines, ...(kind === undefined ? [] : [`(${kind})`])] };
}

/** What came of one commit says so once. */
function commitLine(items: readonly Telling[]): readonly string[] {
  const commits = [...new Set(items.flatMap(one => one.commit ?? []))];
  return commits.length === 0 ? [] : [`Commit ${commits.map(one => one.slice(0, 12)).join(', ')}`];
}

/** No longer than `most` UTF-16 units, cut at its end, and never within a character. */
export function clip(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
