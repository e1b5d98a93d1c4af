// The routes as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0), from the same list that serves them.
import { catalogue } from '../../schema/errors.js';
import { answers, answerSchemas } from '../../schema/answer-schemas.js';
import { linesType } from '../lines.js';
import { otherPaths, problemAnswer } from './openapi-others.js';
import type { Part, Route } from './route.js';

const problem = {
  type: 'object',
  description: 'Problem details (RFC 9457).',
  additionalProperties: false,
  required: ['type', 'title', 'status', 'detail', 'code', 'hint', 'retry'],
  properties: {
    type: { type: 'string', description: 'Where the code is explained' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What and where' },
    code: { enum: Object.keys(catalogue), description: 'Never changes its meaning' },
    hint: { type: 'string', description: 'What to do' },
    retry: { enum: ['never', 'backoff', 'human'] },
    details: { type: 'object' },
  },
} as const;

const parameters = ({ properties, required }: Part, place: 'path' | 'query') =>
  Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));

/** An answer without a schema would be one of an operation that nobody generated it for: `npm run schema`. */
function responsesOf(operation: string): object {
  const schema = answers[operation];
  if (schema === undefined) throw new TypeError(`nobody wrote down what ${operation} answers`);
  const content = {
    'application/json': { schema },
    ...(operation === 'status' ? {} : { [linesType]: linesOf(schema) }),
  };
  return {
    '200': { description: 'What the operation answers, and nothing besides.', content },
    default: problemAnswer,
  };
}

/** Of each line; for whoever accepts them, where there is something to tell on the way. */
function linesOf(answer: object): object {
  const line = (name: string, schema: object) => ({
    type: 'object',
    additionalProperties: false,
    required: [name],
    properties: { [name]: schema },
  });
  const problem = { $ref: '#/components/schemas/ProblemDetails' };
  const progress = { $ref: '#/components/schemas/Progress' };
  return { schema: { oneOf: [line('progress', progress), line('answer', answer), line('problem', problem)] } };
}

const progress = {
  type: 'object',
  description: 'How it goes, as commands print it.',
  required: ['kind', 'text'],
  properties: {
    kind: {
      enum: ['waiting', 'step', 'change', 'output', 'health', 'note'],
      description: '`output`: what a program printed, as it comes',
    },
    text: { type: 'string' },
    machine: { type: 'string' },
    key: { type: 'string', description: 'service@machine' },
    event: { type: 'string', description: 'What history keeps it as' },
    data: { type: 'object' },
  },
} as const;

function operationOf({ operation, summary, role, effect, params, rest, restIn }: Route): object {
  const query = restIn === 'querystring' ? parameters(rest, 'query') : [];
  const body = { required: rest.required.length > 0, content: { 'application/json': { schema: rest } } };
  return {
    operationId: operation,
    summary,
    description: `Needs the role ${role}; ${effect === 'reads' ? 'only reads' : 'changes something'}.`,
    'x-role': role,
    'x-effect': effect,
    parameters: [...parameters(params, 'path'), ...query],
    ...(restIn === 'body' && Object.keys(rest.properties).length > 0 ? { requestBody: body } : {}),
    responses: responsesOf(operation),
  };
}

export function openApi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Portoser', version, description: 'One address for each operation of the controller.' },
    security: [{ token: [] }],
    paths: { ...paths, ...otherPaths },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Made by `portoser token create`.' } },
      schemas: { ...answerSchemas, ProblemDetails: problem, Progress: progress },
    },
  };
}
