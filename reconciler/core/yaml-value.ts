// YAML nodes → plain values, with the node behind every part kept, so that each can be located later.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Diagnostic, DiagnosticCode, Position } from '../../schema/diagnostics.js';
import { shorten, type Path } from '../../schema/validate.js';
import { lookalike } from './yaml-lookalike.js';

const maxDepth = 64;
/** Values after aliases are expanded; a registry of 20 machines and 200 services has some 10,000. */
const maxValues = 200_000;

interface Place {
  readonly key?: Node;
  readonly node: Node | null;
}

type Entries = Map<string, Place>;
type Container = Record<string, unknown> | unknown[];

interface Result {
  readonly value: unknown;
  /** Values in it, and levels below it, when aliases are expanded. */
  readonly size: number;
  readonly depth: number;
}

export interface Conversion {
  readonly value: unknown;
  readonly diagnostics: readonly Diagnostic[];
  readonly context: Context;
}

interface Context {
  readonly file: string;
  readonly lines: LineCounter;
  readonly root: Node | null;
  readonly found: Diagnostic[];
  readonly anchors: Map<string, Node>;
  readonly done: Map<Node, Result>;
  readonly open: Set<Node>;
  readonly entries: WeakMap<object, Entries>;
}

export function toValue(root: Node | null, at: { readonly file: string; readonly lines: LineCounter }): Conversion {
  const context: Context = {
    ...at,
    root,
    found: [],
    anchors: new Map(),
    done: new Map(),
    open: new Set(),
    entries: new WeakMap(),
  };
  const { value, size, depth } = convert(root, context, 0);
  if (depth > maxDepth) report(context, root, 'the text is nested too deeply when its aliases are expanded');
  if (size > maxValues) report(context, root, 'the text grows too large when its aliases are expanded');
  return { value, diagnostics: context.found, context };
}

function position(context: Context, node: Node | null | undefined): Position {
  const { line, col } = context.lines.linePos(node?.range?.[0] ?? 0);
  return { file: context.file, line: Math.max(line, 1), column: Math.max(col, 1) };
}

function report(
  context: Context,
  node: Node | null,
  message: string,
  code: DiagnosticCode = 'yaml-syntax',
  more: Partial<Diagnostic> = {},
): void {
  context.found.push({ code, severity: 'error', ...position(context, node), path: '', message, ...more });
}

const nothing: Result = { value: null, size: 1, depth: 0 };

function convert(node: Node | null, context: Context, depth: number): Result {
  if (node === null) return nothing;
  const known = context.done.get(node);
  if (known !== undefined) return known;
  if (depth > maxDepth || context.open.has(node)) {
    report(context, node, depth > maxDepth ? 'the text is nested too deeply' : 'an alias stands within what it names');
    return nothing;
  }
  context.open.add(node);
  const result = convertNew(node, context, depth);
  context.open.delete(node);
  context.done.set(node, result);
  return result;
}

function convertNew(node: Node, context: Context, depth: number): Result {
  if (isAlias(node)) return convertAlias(node.source, node, context, depth);
  if ('anchor' in node && typeof node.anchor === 'string') context.anchors.set(node.anchor, node);
  if (isMap(node)) return convertMap(node, context, depth);
  if (isSeq(node)) return convertList(node, context, depth);
  return isScalar(node) ? convertScalar(node, context) : nothing;
}

function convertAlias(name: string, node: Node, context: Context, depth: number): Result {
  const target = context.anchors.get(name);
  if (target !== undefined) return convert(target, context, depth);
  report(context, node, `there is no anchor \`&${shorten(name)}\` above this alias`);
  return nothing;
}

function convertScalar(node: Scalar, context: Context): Result {
  const other = node.type === 'PLAIN' && node.source !== undefined ? lookalike(node.source) : undefined;
  if (other !== undefined && other !== String(node.value)) warnLookalike(node, other, context);
  return { value: node.value ?? null, size: 1, depth: 0 };
}

function warnLookalike(node: Scalar, other: string, context: Context): void {
  const here = typeof node.value === 'string' ? `the text "${node.value}"` : `the number ${String(node.value)}`;
  const message = `\`${shorten(node.source ?? '')}\` is ${here} here, but ${other} to readers of YAML 1.1`;
  report(context, node, message, 'yaml-lookalike', {
    severity: 'warning',
    hint: 'put it in quotes, or write what you mean',
  });
}

function convertList(node: YAMLSeq, context: Context, depth: number): Result {
  const value: unknown[] = [];
  const entries: Entries = new Map();
  let size = 1;
  let deepest = 0;
  for (const [index, item] of (node.items as (Node | null)[]).entries()) {
    const one = convert(item, context, depth + 1);
    value.push(one.value);
    entries.set(String(index), { node: item });
    size += one.size;
    deepest = Math.max(deepest, one.depth);
  }
  context.entries.set(value, entries);
  return { value, size, depth: deepest + 1 };
}

/** `__proto__` is a key like any other. */
function put(value: Record<string, unknown>, key: string, one: unknown): void {
  Object.defineProperty(value, key, { value: one, enumerable: true, configurable: true, writable: true });
}

function convertMap(node: YAMLMap, context: Context, depth: number): Result {
  const value: Record<string, unknown> = {};
  const entries: Entries = new Map();
  const merges: Node[] = [];
  let size = 1;
  let deepest = 0;
  for (const pair of node.items as { key: Node | null; value: Node | null }[]) {
    const key = keyText(pair.key);
    const one = convert(pair.value, context, depth + 1);
    size += one.size;
    deepest = Math.max(deepest, one.depth);
    if (isMergeKey(pair.key)) {
      if (pair.value !== null) merges.push(pair.value);
    } else if (entries.has(key)) {
      reportTwice(key, pair.key, entries.get(key), context);
    } else {
      put(value, key, one.value);
      entries.set(key, { ...(pair.key === null ? {} : { key: pair.key }), node: pair.value });
    }
  }
  context.entries.set(value, entries);
  for (const merge of merges) mergeInto(value, entries, merge, context);
  return { value, size, depth: deepest + 1 };
}

function keyText(key: Node | null): string {
  return isScalar(key) && typeof key.value === 'string' ? key.value : '';
}

function isMergeKey(key: Node | null): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function reportTwice(key: string, node: Node | null, first: Place | undefined, context: Context): void {
  const related = [{ ...position(context, first?.key), message: 'the first one' }];
  report(context, node, `the key \`${shorten(key)}\` stands here twice`, 'duplicate-key', {
    related,
    hint: 'keep one of them',
  });
}

/** Own keys win over merged ones, an earlier merge over a later one (https://yaml.org/type/merge.html). */
function mergeInto(value: Record<string, unknown>, entries: Entries, merge: Node, context: Context): void {
  const source = context.done.get(merge)?.value;
  const maps = Array.isArray(source) ? (source as unknown[]) : [source];
  for (const map of maps) {
    if (typeof map !== 'object' || map === null || Array.isArray(map)) {
      report(context, merge, 'only a map, or a list of maps, can be merged with `<<`');
      continue;
    }
    for (const [key, one] of Object.entries(map)) {
      if (entries.has(key)) continue;
      put(value, key, one);
      const place = context.entries.get(map)?.get(key);
      if (place !== undefined) entries.set(key, place);
    }
  }
}

interface Found {
  readonly place: Place;
  readonly complete: boolean;
}

/** The place of a part, or of its nearest parent that is there. */
function find({ value, context }: Conversion, path: Path): Found {
  let current = value;
  let place: Place = { node: context.root };
  for (const step of path) {
    const next = isContainer(current) ? context.entries.get(current)?.get(String(step)) : undefined;
    if (next === undefined) return { place, complete: false };
    place = next;
    current = (current as Record<string, unknown>)[String(step)];
  }
  return { place, complete: true };
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

export function placeOf(conversion: Conversion, path: Path, where: 'key' | 'value'): Position {
  const { place, complete } = find(conversion, path);
  const empty = isScalar(place.node) && place.node.type === 'PLAIN' && place.node.source === '';
  const atKey = where === 'key' || !complete || empty || place.node === null;
  return position(conversion.context, atKey ? (place.key ?? place.node) : place.node);
}

/** A number or boolean as it was written; undefined for everything else. */
export function writtenAs(conversion: Conversion, path: Path): string | undefined {
  const { place, complete } = find(conversion, path);
  if (!complete) return undefined;
  const node = isAlias(place.node) ? conversion.context.anchors.get(place.node.source) : place.node;
  return isScalar(node) && typeof node.value !== 'string' ? node.source : undefined;
}
