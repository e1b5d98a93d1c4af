// Edits of maps in braces.
import type { YAMLMap } from 'yaml';
import { renderPair, type EditValue } from './edit-render.js';
import { columnOf, endOfPair, lineEnd, refuse, splice, startOf, type Place } from './edit-text.js';

function inline(key: string, value: EditValue): string {
  return renderPair(key, value, { indent: 0, step: 2, levels: 0 }).join('');
}

/** A new key behind the last one; on a line of its own where the others are. */
export function insertFlowKey(text: string, map: YAMLMap, key: string, value: EditValue): string {
  const pairs = map.items as unknown as readonly Place[];
  const [start, end] = [startOf(map), map.range?.[1] ?? 0];
  const last = pairs.at(-1);
  if (last === undefined) return splice(text, start, end, `{${inline(key, value)}}`);
  const at = endOfPair(last);
  const comma = /^\s*,/.exec(text.slice(at, end))?.[0].length ?? 0;
  const ownLines = text.slice(start, startOf(last.key)).includes('\n');
  const gap = ownLines ? `${lineEnd(text)}${' '.repeat(columnOf(text, startOf(last.key)))}` : ' ';
  const behind = comma > 0 ? commaEnd(text, at + comma) : at;
  return comma > 0
    ? splice(text, behind, behind, `${gap}${inline(key, value)},`)
    : splice(text, at, at, `,${gap}${inline(key, value)}`);
}

/** Behind a comma at the end of a line, its comment included. */
function commaEnd(text: string, at: number): number {
  const rest = /^[ \t]*#[^\n\r]*/.exec(text.slice(at))?.[0].length ?? 0;
  return at + rest;
}

/** A key taken out with one comma. */
export function removeFlowKey(text: string, map: YAMLMap, pair: Place): string {
  const pairs = map.items as unknown as readonly Place[];
  const index = pairs.indexOf(pair);
  if (index < 0) throw refuse('the key stands there in a form that cannot be edited');
  const before = pairs[index - 1];
  if (before !== undefined) return splice(text, endOfPair(before), endOfPair(pair), '');
  const next = pairs[index + 1];
  const end =
    next === undefined
      ? endOfPair(pair) + (/^\s*,/.exec(text.slice(endOfPair(pair)))?.[0].length ?? 0)
      : startOf(next.key);
  return splice(text, startOf(pair.key), end, '');
}
