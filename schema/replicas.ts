// What several controllers of one fleet have in common beside git and the machines, and how it stands with that.
import type { Told } from './live.js';

/** `alone`: no Redis is configured, and everything stays in this process. */
export type ReplicasState =
  | { readonly state: 'alone' }
  | { readonly state: 'starting' }
  | { readonly state: 'shared' }
  /** What is told reaches nobody else, and what is read is what this process put there itself. */
  | { readonly state: 'away'; readonly why: string };

const kinds: ReadonlySet<string> = new Set<Told['kind']>([
  'event',
  'samples',
  'transition',
  'run.planned',
  'run.ended',
  'deployment.told',
  'deployment.ended',
  'step.begun',
  'step.line',
  'step.ended',
]);

/** What others are told: how things go. Records for history go to its database, and a controller's note is its own. */
export const concernsOthers = ({ kind }: Pick<Told, 'kind'>): boolean => kinds.has(kind);
