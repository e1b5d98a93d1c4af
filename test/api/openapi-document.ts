// The OpenAPI document as tests read it: its operations as a list, and whether an error is told as it says.
import { Ajv2020 } from 'ajv/dist/2020.js';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Readonly<Record<string, unknown>>;
}

export interface Described {
  readonly operationId: string;
  readonly 'x-role'?: string;
  readonly 'x-effect': 'reads' | 'changes';
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: object }>> }>>;
  readonly [more: `x-${string}`]: unknown;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export interface Listed {
  readonly method: string;
  /** `/api/machines/{name}` */
  readonly path: string;
  readonly operation: Described;
}

export const operationsOf = ({ paths }: OpenApi): readonly Listed[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );

const ajv = new Ajv2020({ strict: true });

/** Undefined: it is told as it should be. */
export function problemFaults({ components }: OpenApi, told: unknown): string | undefined {
  const validate = ajv.compile(components.schemas['ProblemDetails'] ?? false);
  return validate(told) ? undefined : ajv.errorsText(validate.errors);
}
