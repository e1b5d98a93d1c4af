// Edits of maps whose keys stand on lines of their own.
import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { isEditMap, renderInline, renderPair, type EditValue } from './edit-render.js';
import {
  behindPair,
  colonOf,
  columnOf,
  endOfPair,
  isEmpty,
  isFlow,
  lineEnd,
  lineStart,
  refuse,
  splice,
  startOf,
  type Place,
} from './edit-text.js';

export interface BlockPlace {
  readonly map: YAMLMap;
  /** How many levels of a new value get lines of their own. */
  readonly levels: number;
}

/** Lines put where a line begins; a last line without an end gets one first. */
export function putLines(text: string, at: number, lines: readonly string[]): string {
  const end = lineEnd(text);
  const missing = at > 0 && text[at - 1] !== '\n' ? end : '';
  return splice(text, at, at, `${missing}${lines.map(line => `${line}${end}`).join('')}`);
}

/** A new key behind the last one, indented and spaced like it. */
export function insertKey(text: string, { map, levels }: BlockPlace, key: string, value: EditValue): string {
  const pairs = map.items as unknown as readonly Place[];
  const last = pairs.at(-1);
  if (last === undefined) throw refuse('an empty map stands there in a form that cannot be edited');
  const indent = columnOf(text, startOf(last.key));
  const inline =
    pairs.some(({ value: one }) => isFlow(one)) && !pairs.some(({ value: one }) => isMap(one) && !isFlow(one));
  const style = {
    indent,
    step: stepOf(text, pairs, indent),
    levels: inline ? 0 : levels,
    padded: isPadded(text, pairs),
  };
  const blank = spaced(text, pairs) ? [''] : [];
  return putLines(text, behindPair(text, last), [...blank, ...renderPair(key, value, style)]);
}

function isPadded(text: string, pairs: readonly Place[]): boolean {
  return pairs.some(
    ({ value }) => value !== null && isMap(value) && /^\{ +\S/.test(text.slice(startOf(value), startOf(value) + 20)),
  );
}

/** How much deeper the keys of its neighbours stand. */
function stepOf(text: string, pairs: readonly Place[], indent: number): number {
  for (const { value } of pairs) {
    const first = isMap(value) && !isFlow(value) ? (value.items[0] as unknown as Place | undefined) : undefined;
    if (first !== undefined) return Math.max(1, columnOf(text, startOf(first.key)) - indent);
  }
  return indent > 0 ? indent : 2;
}

/** The last two keys have an empty line between them. */
function spaced(text: string, pairs: readonly Place[]): boolean {
  const [before, last] = [pairs.at(-2), pairs.at(-1)];
  if (before === undefined || last === undefined) return false;
  return /\n[ \t]*\r?\n/.test(text.slice(endOfPair(before) - 1, startOf(last.key)));
}

/** The lines of a key taken out; comments above it stay. An emptied map becomes `{}`. */
export function removeKey(text: string, map: YAMLMap, pair: Place, owner: Place | undefined): string {
  const start = lineStart(text, startOf(pair.key));
  if (text.slice(start, startOf(pair.key)).trim() !== '') throw refuse('other things stand on the same line');
  const end = map.items.length > 1 ? behindRemoved(text, start, pair) : behindPair(text, pair);
  const without = splice(text, start, end, '');
  if (map.items.length > 1 || owner === undefined) return without;
  const colon = colonOf(text, owner);
  return splice(without, colon + 1, colon + 1, ' {}');
}

/** Of two empty lines that would meet, or one that would come first in its section, one goes. */
function behindRemoved(text: string, start: number, pair: Place): number {
  const end = behindPair(text, pair);
  const blank = /^[ \t]*\r?\n/.exec(text.slice(end))?.[0].length ?? 0;
  const above = text.slice(lineStart(text, Math.max(0, start - 1)), start).trim();
  return end + (above === '' || above.endsWith(':') ? blank : 0);
}

/** Another value for a key that is there; a comment behind a value in one line stays. */
export function replaceValue(text: string, pair: Place, value: EditValue): string {
  const { value: old } = pair;
  const colon = colonOf(text, pair);
  if (old === null || isEmpty(old)) return splice(text, colon + 1, colon + 1, ` ${renderInline(value)}`);
  const [start, end] = [startOf(old), endOfPair(pair)];
  if (isScalar(old) || isFlow(old))
    return splice(text, start, end, `${renderInline(value)}${text[end - 1] === '\n' ? lineEnd(text) : ''}`);
  const asLines = linesLike(text, old, value);
  return asLines === undefined
    ? splice(text, colon + 1, end, ` ${renderInline(value)}`)
    : splice(text, start, end, asLines);
}

/** A list for a list, a map for a map: in lines as before. */
function linesLike(text: string, old: Node, value: EditValue): string | undefined {
  const indent = columnOf(text, startOf(old));
  const glue = `${lineEnd(text)}${' '.repeat(indent)}`;
  if (isSeq(old) && Array.isArray(value) && value.length > 0)
    return value.map((one: EditValue) => `- ${renderInline(one)}`).join(glue);
  if (!isMap(old) || typeof value !== 'object' || !isEditMap(value) || Object.keys(value).length === 0)
    return undefined;
  return Object.entries(value)
    .map(([key, one]) => renderPair(key, one, { indent: 0, step: 2, levels: 0 }).join(''))
    .join(glue);
}
