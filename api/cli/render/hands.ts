// Suspending and resuming, machine by machine, for people; and the options by which both name their places.
import type { ErrorReport } from '../../../schema/errors.js';
import type { Call, Options } from '../command.js';
import { given } from '../command.js';

export const placeOptions = {
  machine: { type: 'string', value: 'name', summary: 'a whole machine' },
  all: { type: 'boolean', summary: 'all machines of the registry' },
} as const satisfies Options;

export function placeOf({ words, values }: Pick<Call<typeof placeOptions>, 'words' | 'values'>) {
  return { services: [...words], ...given({ machine: values.machine, all: values.all }) };
}

interface Handled<T> {
  readonly machine: string;
  readonly services: readonly string[];
  readonly done?: T;
  readonly error?: ErrorReport;
}

/** What was done there, one line each, or why nothing was. */
export function handledText<T>(one: Handled<T>, said: (done: T) => readonly string[]): string {
  const where = one.services.length === 0 ? one.machine : one.services.map(name => `${name}@${one.machine}`).join(', ');
  if (one.done !== undefined)
    return said(one.done)
      .map(line => `${where}: ${line}`)
      .join('\n');
  const { error } = one;
  return `${where}: ${error === undefined ? 'nothing was done' : `${error.message}\n  ${error.hint} [${error.code}]`}`;
}
