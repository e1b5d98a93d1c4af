// Setting and removing one value of a YAML text by its path, touching only its own lines.
import { isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { insertKey, putLines, removeKey, replaceValue } from './edit-block.js';
import { insertFlowKey, removeFlowKey } from './edit-flow.js';
import { renderInline, renderPair, type EditValue } from './edit-render.js';
import {
  colonOf,
  columnOf,
  isEmpty,
  isFlow,
  nextLine,
  pairOf,
  refuse,
  splice,
  startOf,
  topOf,
  type Place,
} from './edit-text.js';

/** Section, entry, fields: two levels get lines of their own. */
const levelsInLines = 2;

interface Found {
  readonly map: YAMLMap;
  /** The pair whose value the map is; undefined: the top. */
  readonly owner: Place | undefined;
}

function mapAt(text: string, path: readonly string[]): Found | undefined {
  let found: Found | undefined;
  let node: Node | null | undefined = topOf(text);
  let owner: Place | undefined;
  for (const step of [...path, undefined]) {
    if (isAlias(node)) throw refuse('it is an alias of something else');
    if (!isMap(node)) return undefined;
    found = { map: node, owner };
    if (step === undefined) return found;
    owner = pairOf(node, step);
    node = owner?.value;
  }
  return found;
}

/** The text with `value` at `path`; maps on the way are made. */
export function setIn(text: string, path: readonly string[], value: EditValue): string {
  const key = path.at(-1);
  if (key === undefined) throw refuse('the whole file cannot be replaced');
  const parents = path.slice(0, -1);
  const found = mapAt(text, parents);
  if (found === undefined)
    return parents.length === 0 ? startFile(text, key, value) : setIn(text, parents, { [key]: value });
  const pair = pairOf(found.map, key);
  if (pair === undefined) return insert(text, found, path, value);
  return isFlow(found.map) ? replaceInline(text, pair, value) : replace(text, pair, path, value);
}

/** Nothing but comments stands there. */
function startFile(text: string, key: string, value: EditValue): string {
  if (topOf(text) !== undefined) throw refuse('the top of the file is not a map');
  return putLines(text, text.length, renderPair(key, value, { indent: 0, step: 2, levels: levelsInLines }));
}

function insert(text: string, { map, owner }: Found, path: readonly string[], value: EditValue): string {
  const key = path.at(-1) ?? '';
  const levels = Math.max(0, levelsInLines + 1 - path.length);
  if (!isFlow(map)) return insertKey(text, { map, levels }, key, value);
  const reopened =
    map.items.length === 0 && owner !== undefined ? openEmpty(text, owner, map, key, value, levels) : undefined;
  return reopened ?? insertFlowKey(text, map, key, value);
}

/** `services: {}` on a line of its own becomes a map in lines; within braces it stays in braces. */
function openEmpty(
  text: string,
  owner: Place,
  map: YAMLMap,
  key: string,
  value: EditValue,
  levels: number,
): string | undefined {
  const top = topOf(text);
  if (isFlow(top) || levels === 0) return undefined;
  const colon = colonOf(text, owner);
  const emptied = splice(text, colon + 1, map.range?.[1] ?? colon + 1, '');
  const indent = columnOf(text, startOf(owner.key));
  return putLines(emptied, nextLine(emptied, colon), renderPair(key, value, { indent: indent + 2, step: 2, levels }));
}

function replaceInline(text: string, pair: Place, value: EditValue): string {
  const { value: old } = pair;
  if (old === null || isEmpty(old)) {
    const colon = colonOf(text, pair);
    return splice(text, colon + 1, colon + 1, ` ${renderInline(value)}`);
  }
  return splice(text, startOf(old), old.range?.[1] ?? startOf(old), renderInline(value));
}

function replace(text: string, pair: Place, path: readonly string[], value: EditValue): string {
  const levels = Math.max(0, levelsInLines + 1 - path.length);
  const { value: old } = pair;
  const nothing = old === null || (isScalar(old) && old.value === null);
  if (!nothing || levels === 0 || typeof value !== 'object') return replaceValue(text, pair, value);
  const colon = colonOf(text, pair);
  const end = old === null || isEmpty(old) ? colon + 1 : (old.range?.[1] ?? colon + 1);
  const emptied = splice(text, colon + 1, end, '');
  const style = { indent: columnOf(text, startOf(pair.key)), step: 2, levels };
  const [, ...lines] = renderPair(path.at(-1) ?? '', value, style);
  return putLines(emptied, nextLine(emptied, colon), lines);
}

/** The text without what stands at `path`. */
export function removeIn(text: string, path: readonly string[]): string {
  const found = mapAt(text, path.slice(0, -1));
  const pair = found === undefined ? undefined : pairOf(found.map, path.at(-1) ?? '');
  if (found === undefined || pair === undefined)
    throw refuse('it comes from somewhere else (an alias or a merged map)');
  return isFlow(found.map) ? removeFlowKey(text, found.map, pair) : removeKey(text, found.map, pair, found.owner);
}

/** The text with the first item `from` of the list at `path` being `to`; its line, and what else stands there, stay. */
export function replaceItem(text: string, path: readonly string[], from: string, to: string): string {
  const found = mapAt(text, path.slice(0, -1));
  const list = found === undefined ? undefined : pairOf(found.map, path.at(-1) ?? '')?.value;
  const item = isSeq(list) ? list.items.find(one => isScalar(one) && one.value === from) : undefined;
  if (!isScalar(item) || item.range === undefined || item.range === null)
    throw refuse(`\`${from}\` is not written out in that list`);
  return splice(text, item.range[0], item.range[1], renderInline(to));
}
