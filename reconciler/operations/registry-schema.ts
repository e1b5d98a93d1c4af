// The JSON Schema of registry.yml, for editors.
import { editorSchema } from '../../schema/editor-schema.js';
import { registrySchema } from '../../schema/registry.js';
import type { Operation } from './operation.js';
import { object } from './parts/shape.js';

const input = object({});

export const registrySchemaOperation: Operation<typeof input, object> = {
  name: 'registry.schema',
  summary: 'The JSON Schema of the registry, for editors',
  effect: 'reads',
  role: 'viewer',
  bare: true,
  input,
  run: async () => editorSchema(registrySchema),
};
