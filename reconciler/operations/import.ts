// Turns a registry of the older form into one of the present form, as text; nothing is written.
import type { Diagnostic } from '../../schema/diagnostics.js';
import { type Imported, importOld } from '../core/import.js';
import type { Operation } from './operation.js';
import { object } from './parts/shape.js';

const input = object(
  {
    file: { type: 'string', minLength: 1, description: 'Name of the file, for messages' },
    text: { type: 'string', description: 'Its text' },
  } as const,
  ['file', 'text'],
);

export type Importing = Imported | { readonly diagnostics: readonly Diagnostic[] };

export const importRegistry: Operation<typeof input, Importing> = {
  name: 'import',
  summary: 'Take over a registry of the older form',
  effect: 'reads',
  role: 'viewer',
  bare: true,
  input,
  run: async (_, { file, text }) => importOld(file, text),
};
