// A diagnostic: what is wrong with a text that a person wrote, where, and what was expected.

/** A place in a file; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Permanent codes; each has its table row in the reference and at least one test. */
export type DiagnosticCode =
  | 'yaml-syntax'
  | 'file-too-large'
  | 'duplicate-key'
  | 'duplicate-name'
  | 'wrong-type'
  | 'unknown-key'
  | 'missing-field'
  | 'empty-entry'
  | 'invalid-name'
  | 'invalid-value'
  | 'invalid-path'
  | 'invalid-port'
  | 'invalid-service-type'
  | 'unknown-machine'
  | 'unknown-service'
  | 'unknown-group'
  | 'circular-dependency'
  | 'port-conflict'
  | 'hostname-conflict'
  | 'path-conflict'
  | 'unit-conflict'
  | 'project-conflict'
  | 'no-free-port'
  | 'health-without-port'
  | 'unknown-variable'
  | 'ambiguous-variable'
  | 'dollar-variable'
  | 'two-compose-files'
  | 'secret-in-plain-text'
  | 'not-applicable'
  | 'yaml-lookalike'
  | 'include-missing'
  | 'source-missing'
  | 'source-unusable'
  | 'compose-service-unclear'
  | 'not-supported-yet';

export interface Diagnostic extends Position {
  readonly code: DiagnosticCode;
  readonly severity: 'error' | 'warning';
  /** Where in the registry, such as `services.web.port`. */
  readonly path: string;
  readonly message: string;
  /** What would have been right. */
  readonly expected?: string;
  /** What to do; a did-you-mean stands here. */
  readonly hint?: string;
  /** Other places that belong to it, such as the first of two declarations. */
  readonly related?: readonly (Position & { readonly message: string })[];
}
