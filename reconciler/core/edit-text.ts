// The registry's text as an edit sees it: nodes with their ranges, lines and their ends.
import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, type YAMLMap } from 'yaml';
import { AppError } from '../../schema/errors.js';
import { composeDocument } from './yaml-document.js';

export type Place = Pair<Node, Node | null>;

export function refuse(message: string): AppError {
  return new AppError('registry-edit', message);
}

/** The top of a text; undefined: there is nothing but comments. */
export function topOf(text: string): Node | undefined {
  const composed = composeDocument(text, new LineCounter());
  if ('problem' in composed || composed.document.errors.length > 0) throw refuse('the file is not valid YAML');
  const { contents } = composed.document;
  return contents === null || (isScalar(contents) && contents.value === null) ? undefined : contents;
}

/** The pair of a key in a map; merged keys (`<<`) do not count. */
export function pairOf(map: YAMLMap, key: string): Place | undefined {
  return map.items.find((pair): pair is Place => isPair(pair) && isScalar(pair.key) && pair.key.value === key);
}

export function lineEnd(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

/** Offset of the first character of the line. */
export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** Offset behind the line's end. */
export function nextLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}

export function columnOf(text: string, offset: number): number {
  return offset - lineStart(text, offset);
}

export function isFlow(node: unknown): boolean {
  return (isMap(node) || isSeq(node)) && node.flow === true;
}

/** `key:` with nothing behind it. */
export function isEmpty(node: Node): boolean {
  return isScalar(node) && node.type === 'PLAIN' && node.source === '';
}

export function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

/** Offset behind the last character of what a pair holds, without comments and blank lines after it. */
export function endOfPair({ key, value }: Place): number {
  return value === null ? (key.range?.[1] ?? 0) : endOfNode(value, key);
}

function endOfNode(node: Node, key: Node): number {
  if (isFlow(node) || !(isMap(node) || isSeq(node))) return Math.max(node.range?.[1] ?? 0, key.range?.[1] ?? 0);
  const last = node.items.at(-1);
  if (isPair(last)) return endOfPair(last as Place);
  return last === undefined ? (node.range?.[1] ?? 0) : endOfNode(last as Node, key);
}

/** Offset of the `:` behind a key. */
export function colonOf(text: string, { key }: Place): number {
  const colon = text.indexOf(':', key.range?.[1] ?? 0);
  if (colon < 0) throw refuse('a key stands there in a form that cannot be edited');
  return colon;
}

/** Offset behind the last line of a pair, and behind comments that are indented deeper than it and so belong to it. */
export function behindPair(text: string, pair: Place): number {
  const end = endOfPair(pair);
  let at = end > 0 && text[end - 1] === '\n' ? end : nextLine(text, end);
  const indent = columnOf(text, startOf(pair.key));
  while (at < text.length) {
    const next = nextLine(text, at);
    const comment = /^( *)#/.exec(text.slice(at, next));
    if (comment === null || (comment[1] ?? '').length <= indent) break;
    at = next;
  }
  return at;
}

export function splice(text: string, start: number, end: number, put: string): string {
  return text.slice(0, start) + put + text.slice(end);
}
