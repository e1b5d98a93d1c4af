// Checks inputs by their JSON Schema: nothing is dropped, converted or filled in, as Fastify's own choice would be.
import { createRequire } from 'node:module';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import type * as ajv2020 from 'ajv/dist/2020.js';
import type { FastifyInstance, FastifySchemaValidationError } from 'fastify';

/** Each schema is compiled by the first request that needs it: all at once would cost the start half a second. */
export function checkInputs(server: FastifyInstance): void {
  let ajv: ajv2020.Ajv2020 | undefined;
  const compile = (schema: object): ValidateFunction => {
    const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof ajv2020;
    ajv ??= new Ajv2020({ ownProperties: true });
    return ajv.compile(schema);
  };
  server.setValidatorCompiler<object>(({ schema }) => {
    let compiled: ValidateFunction | undefined;
    const check = (value: unknown) => {
      compiled ??= compile(schema);
      const fits = compiled(value);
      check.errors = compiled.errors ?? null;
      return fits;
    };
    check.errors = null as FastifySchemaValidationError[] | null;
    return check;
  });
}
