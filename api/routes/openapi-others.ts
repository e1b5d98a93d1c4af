// Those routes in the OpenAPI document that are no operations: webhooks, the WebSockets, and what supervisors and Prometheus ask.
import { answers } from '../../schema/answer-schemas.js';
import { closeCodes, subscribeSchema, topicNames, topics, unsubscribeSchema } from '../../schema/live-messages.js';
import { mostBytes } from '../hooks/body.js';
import { forgeHooks } from '../hooks/index.js';
import { expositionType } from './exposition.js';

export const problemAnswer = {
  description: 'It could not be done.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemDetails' } } },
} as const;

const problem = (description: string): object => ({ ...problemAnswer, description });
const json = (schema: object, description: string): object => ({
  description,
  content: { 'application/json': { schema } },
});
const words = (type: string, description: string): object => ({
  description,
  content: { [type]: { schema: { type: 'string' } } },
});
const state = (word: string): object => ({
  type: 'object',
  additionalProperties: false,
  properties: { status: { const: word } },
  required: ['status'],
});

/** Nobody asks who asks. */
const open = { security: [], 'x-effect': 'reads' } as const;
const viewer = { 'x-role': 'viewer', 'x-effect': 'reads' } as const;

const healthz = {
  ...open,
  operationId: 'healthz',
  summary: 'Whether the process answers',
  responses: { '200': json(state('ok'), 'It does.') },
};

const readyz = {
  ...open,
  operationId: 'readyz',
  summary: 'Whether the controller has made its first pass',
  responses: { '200': json(state('ready'), 'It has.'), '503': json(state('starting'), 'It has not, yet.') },
};

const metrics = {
  ...viewer,
  operationId: 'exposition',
  summary: 'All measures, for Prometheus',
  responses: { '200': words(expositionType, 'The text format, version 0.0.4.'), default: problemAnswer },
};

const document = {
  ...open,
  operationId: 'openapi',
  summary: 'This document',
  responses: { '200': json({ type: 'object' }, 'OpenAPI 3.1.') },
};

const docs = {
  ...open,
  operationId: 'docs',
  summary: 'The same as a page for people',
  responses: { '200': words('text/html; charset=utf-8', 'It loads nothing from elsewhere.') },
};

/** OpenAPI has no words for what is said after the upgrade. */
const upgraded = {
  '101': { description: 'What follows is a WebSocket (RFC 6455).' },
  default: problem('It is no WebSocket, or not let in.'),
};

const live = {
  ...viewer,
  operationId: 'live',
  summary: 'Events, runs, logs and health as they happen',
  description: 'A WebSocket. A client sends one of `x-messages` at a time, as text; what comes of it carries its `id`.',
  responses: upgraded,
  'x-messages': [
    ...topicNames.map(topic => ({ ...subscribeSchema(topic), description: topics[topic].summary })),
    unsubscribeSchema,
  ],
  'x-close-codes': closeCodes,
};

const measurements = {
  ...viewer,
  operationId: 'live.metrics',
  summary: 'What is measured of machines, as it is measured',
  description: 'A WebSocket that takes no messages.',
  parameters: [
    {
      name: 'machine',
      in: 'query',
      required: false,
      description: 'Only of this machine',
      schema: { type: 'string', minLength: 1, maxLength: 200 },
    },
  ],
  responses: upgraded,
  'x-close-codes': closeCodes,
};

const signatures = [...new Set(forgeHooks.flatMap(one => one.signedIn))];

const hook = {
  security: [],
  'x-effect': 'changes',
  operationId: 'hook',
  summary: 'A webhook of a forge: look at the repository again',
  description:
    'Asked by a signature over the body instead of a token. What it says is only a hint where to look; it never chooses what is deployed.',
  'x-forges': forgeHooks.map(({ forge, event, signedIn }) => ({ forge, event: event ?? null, signedIn })),
  parameters: signatures.map(name => ({
    name,
    in: 'header',
    required: false,
    description: `Signs webhooks of ${forgeHooks
      .filter(one => one.signedIn.includes(name))
      .map(one => one.forge)
      .join(', ')}`,
    schema: { type: 'string' },
  })),
  requestBody: {
    description: `As the forge sends it, not compressed, of at most ${mostBytes} bytes; or nothing at all.`,
    content: {
      'application/json': { schema: {} },
      'application/x-www-form-urlencoded': { schema: { type: 'object', properties: { payload: { type: 'string' } } } },
    },
  },
  responses: {
    '200': json(answers['hook'] ?? {}, 'It is understood, and nothing is to be done.'),
    '202': json(answers['hook'] ?? {}, 'It is seen to.'),
    '400': problem('It cannot be read.'),
    '403': problem('Nobody knows who sent it.'),
    '404': problem('No secret is set, so none are taken.'),
    '408': problem('Its body took too long.'),
    '413': problem('It is too long.'),
    '415': problem('It is compressed.'),
    '429': problem('Too many came at once, or within a minute.'),
    '503': problem('The controller is starting or ending.'),
  },
};

export const otherPaths: Readonly<Record<string, object>> = {
  '/healthz': { get: healthz },
  '/readyz': { get: readyz },
  '/metrics': { get: metrics },
  '/api/openapi.json': { get: document },
  '/api/docs': { get: docs },
  '/ws': { get: live },
  '/api/metrics/ws': { get: measurements },
  '/hooks/git': { post: hook },
};
