// Plain JSON Schemas for the inputs of operations. The builders of typebox would cost every command 0.15 s at its start.
import type { TSchema } from 'typebox';

/** No word of a program and no name of a file can hold a NUL byte. */
const pattern = '^[^\\u0000]+$';

export const text = (description: string) => ({ type: 'string', minLength: 1, pattern, description }) as const;
export const flag = (description: string) => ({ type: 'boolean', description }) as const;
export const count = (description: string) => ({ type: 'integer', minimum: 1, description }) as const;
export const integer = (description: string, minimum: number, maximum: number) =>
  ({ type: 'integer', minimum, maximum, description }) as const;
export const texts = (description: string) =>
  ({ type: 'array', items: { type: 'string', minLength: 1, pattern }, description }) as const;

/** One of these words. */
export function choice<const W extends readonly string[]>(words: W, description: string) {
  return { enum: words, description } as const;
}

/** An object with these members and no others; those not named in `required` may be left out. */
export function object<
  const P extends Record<string, TSchema>,
  const R extends readonly (keyof P & string)[] = readonly [],
>(properties: P, required?: R) {
  return { type: 'object', additionalProperties: false, properties, required: (required ?? []) as R } as const;
}

/** Which placements are meant; nothing given: all. */
export const selection = {
  services: texts('Names of services'),
  group: text('Name of a group'),
  machine: text('Name of a machine'),
  noDeps: flag('Leave out what they depend on'),
} as const;
