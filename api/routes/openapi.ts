// The routes as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0), from the same list that serves them.
import { catalogue } from '../../schema/errors.js';
import { closeCodes, subscribeSchema, topicNames, topics, unsubscribeSchema } from '../../schema/live-messages.js';
import type { Part, Route } from './route.js';

const problem = {
  type: 'object',
  description: 'Problem details (RFC 9457).',
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

const answers = {
  '200': { description: 'What the operation answers.', content: { 'application/json': {} } },
  default: {
    description: 'It could not be done.',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
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
    responses: answers,
  };
}

/** OpenAPI knows no WebSockets. */
const webSockets = {
  '/ws': {
    description: 'Events, runs, logs and health as they happen. A client sends these messages, each as text.',
    messages: [
      ...topicNames.map(topic => ({ ...subscribeSchema(topic), summary: topics[topic].summary })),
      unsubscribeSchema,
    ],
    closeCodes,
  },
  '/api/metrics/ws': {
    description: 'What is measured of machines, of all or of `?machine=`; takes no messages.',
    closeCodes,
  },
};

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
    paths,
    'x-websockets': webSockets,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Made by `portoser token create`.' } },
      schemas: { Problem: problem },
    },
  };
}
