// Values as YAML text for an edit: plain where that is safe, quoted where not, collections in one line.
import { isScalar, LineCounter } from 'yaml';
import { composeDocument } from './yaml-document.js';
import { lookalike } from './yaml-lookalike.js';

/** What an edit can write. */
export type EditValue = string | number | boolean | readonly EditValue[] | { readonly [key: string]: EditValue };

export type EditMap = { readonly [key: string]: EditValue };

export function isEditMap(value: EditValue): value is EditMap {
  return typeof value === 'object' && !Array.isArray(value);
}

const plainForm = /^[A-Za-z0-9_./~][A-Za-z0-9_./@+=~:<> -]*$/;

/** Reads as the same text again, also within `[…]` and to readers of YAML 1.1. */
function isPlain(text: string): boolean {
  if (!plainForm.test(text) || text.endsWith(' ') || lookalike(text) !== undefined) return false;
  const composed = composeDocument(text, new LineCounter());
  if ('problem' in composed || composed.document.errors.length > 0) return false;
  const { contents } = composed.document;
  return isScalar(contents) && contents.value === text;
}

function renderText(text: string): string {
  return isPlain(text) ? text : JSON.stringify(text);
}

/** In one line; `padded`: `{ a: 1 }` instead of `{a: 1}`. */
export function renderInline(value: EditValue, padded = false): string {
  if (typeof value === 'string') return renderText(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (!isEditMap(value)) return `[${value.map(one => renderInline(one, padded)).join(', ')}]`;
  const pairs = Object.entries(value).map(([key, one]) => `${renderText(key)}: ${renderInline(one, padded)}`);
  return padded && pairs.length > 0 ? `{ ${pairs.join(', ')} }` : `{${pairs.join(', ')}}`;
}

export interface BlockStyle {
  /** Blanks before the key. */
  readonly indent: number;
  /** Blanks that each further level adds. */
  readonly step: number;
  /** How many levels below the key get lines of their own; what is deeper stands in one line. */
  readonly levels: number;
  /** Braces with a blank inside. */
  readonly padded?: boolean;
}

/** `key: value` as lines without their ends. */
export function renderPair(key: string, value: EditValue, style: BlockStyle): readonly string[] {
  const head = `${' '.repeat(style.indent)}${renderText(key)}:`;
  const asLines = style.levels > 0 && typeof value === 'object' && isEditMap(value) && Object.keys(value).length > 0;
  if (!asLines) return [`${head} ${renderInline(value, style.padded)}`];
  const below = { ...style, indent: style.indent + style.step, levels: style.levels - 1 };
  return [head, ...Object.entries(value).flatMap(([inner, one]) => renderPair(inner, one, below))];
}
