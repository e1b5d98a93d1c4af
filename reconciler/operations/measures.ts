// What the controller of this process knows at this moment, as measures for Prometheus; nothing where none runs.
import type { Measure } from '../../schema/measures.js';
import { measuresOf } from '../loop/measures.js';
import { sessionOf } from '../loop/session.js';
import type { Operation } from './operation.js';
import { object } from './parts/shape.js';

const input = object({});

export const measures: Operation<typeof input, readonly Measure[]> = {
  name: 'measures',
  summary: 'What /metrics tells Prometheus, as JSON',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }) => {
    const { live } = sessionOf(ports);
    return live === undefined ? [] : measuresOf(live());
  },
};
