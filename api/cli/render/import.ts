// What was carried over from a registry of the older form, and each thing that was not, with its line.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Paint } from '../paint.js';
import { count } from './diagnostics.js';

type Imported = Extract<OutputOf<'import'>, { readonly text: string }>;

export function remarksText({ machines, services, remarks }: Imported, paint: Paint): string {
  const head = `${count(machines, 'machine')} and ${count(services, 'service')} were carried over.`;
  if (remarks.length === 0) return head;
  return [
    head,
    `${count(remarks.length, 'thing')} to see to:`,
    ...remarks.map(one => `  ${paint.strong(`${one.file}:${one.line}:${one.column}`)} ${one.path}: ${one.text}`),
  ].join('\n');
}
