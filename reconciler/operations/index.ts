// The list of operations: everything that can be asked of the engine. Each is loaded when it is asked for.
import type { Static } from 'typebox';
import type { Operation } from './operation.js';

export const operations = {
  'config.show': async () => (await import('./config-show.js')).configShow,
} as const satisfies Record<string, () => Promise<Operation>>;

export type OperationName = keyof typeof operations;
type OperationOf<N extends OperationName> = Awaited<ReturnType<(typeof operations)[N]>>;
export type InputOf<N extends OperationName> = OperationOf<N> extends Operation<infer I> ? Static<I> : never;
export type OutputOf<N extends OperationName> = Awaited<ReturnType<OperationOf<N>['run']>>;
