// What is said over the WebSockets: what a client may send, as strict schemas, and what it gets.
import type { HistoryEvent, Transition } from './history.js';
import type { RunTold } from './live.js';
import type { Measurement } from './samples.js';
import type { ControllerStatus } from './status.js';

/** Bounds of one connection, and of all together. */
export const liveLimits = {
  /** Of a message of a client. */
  messageBytes: 4096,
  /** Messages of a client within ten seconds. */
  messages: 100,
  subscriptions: 16,
  connections: 1000,
  /** Of one token, so that nobody takes all of them alone. */
  connectionsOfToken: 600,
  /** What may wait for a client, and for all of them; whoever has more waiting is dropped. */
  waitingBytes: 1024 * 1024,
  waitingBytesOfAll: 64 * 1024 * 1024,
  pingMs: 30_000,
  /** So long may a client stay that follows nothing. */
  idleMs: 300_000,
  /** How often it is looked whether a token still stands. */
  tokenMs: 5_000,
  /** A client that does not leave by itself is cut off. */
  leaveMs: 2_000,
  /** What was read of history and does not drain so long was read for nobody. */
  drainMs: 30_000,
} as const;

/** Of every bound, so that tests need not wait. */
export type LiveLimits = { readonly [K in keyof typeof liveLimits]: number };

/** Codes that a connection is closed with (RFC 6455, section 7.4); 4000 and above are ours. */
export const closeCodes = {
  stopping: 1001,
  tooBig: 1009,
  full: 1013,
  tokenEnded: 4401,
  idle: 4408,
  tokenFull: 4409,
  slow: 4413,
  tooMany: 4429,
} as const;

/** What a client offers in `Sec-WebSocket-Protocol`; beside it, where it cannot set a header, its token behind `tokenProtocol`. */
export const liveProtocol = 'portoser.v1';
export const tokenProtocol = 'bearer.';

const name = (description: string) => ({ type: 'string', minLength: 1, maxLength: 200, description }) as const;
const id = {
  type: 'string',
  pattern: '^[\\w.-]{1,64}$',
  description: 'Your own name for this subscription; stands in everything that comes of it',
} as const;
const service = name('Of this service, or of service@machine');
const machine = name('On this machine');

interface Member {
  readonly type: string;
  readonly description: string;
  readonly [more: string]: unknown;
}

export interface TopicSchema {
  readonly summary: string;
  /** Whoever may perform it may follow this. */
  readonly operation: 'events' | 'history.show' | 'logs' | 'status';
  readonly properties: Readonly<Record<string, Member>>;
  readonly required: readonly string[];
}

/** What one can follow over `/ws`, with what one says to choose. */
export const topics = {
  events: {
    summary: 'Events; with `after`, first those that were kept after that one',
    operation: 'events',
    properties: { after: name('Id of the last event that you have'), service, machine },
    required: [],
  },
  run: {
    summary: 'How runs go: plan, steps, their output, outcomes; of one that is under way, from its beginning',
    operation: 'history.show',
    properties: { run: name('Only of this run; it ends with it') },
    required: [],
  },
  deployment: {
    summary: 'The same of one change of a run',
    operation: 'history.show',
    properties: { deployment: name('Its id, as the plan of the run told it') },
    required: ['deployment'],
  },
  logs: {
    summary: 'The log of a service, its end and what comes then',
    operation: 'logs',
    properties: {
      service,
      machine,
      lines: { type: 'integer', minimum: 0, maximum: 1000, description: 'Lines from the end (100)' },
      since: name('From this time on: 10m, 2h, 2026-01-31T12:00:00Z'),
    },
    required: ['service'],
  },
  status: {
    summary: 'Changes of health, and what the controller notes of itself after each pass',
    operation: 'status',
    properties: {},
    required: [],
  },
} as const satisfies Record<string, TopicSchema>;

export type Topic = keyof typeof topics;
export const topicNames = Object.keys(topics) as readonly Topic[];

/** The whole message that subscribes to a topic, as JSON Schema. */
export const subscribeSchema = (topic: Topic) => ({
  type: 'object',
  additionalProperties: false,
  properties: { type: { const: 'subscribe' }, topic: { const: topic }, id, ...topics[topic].properties },
  required: ['type', 'topic', 'id', ...topics[topic].required],
});

export const unsubscribeSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { type: { const: 'unsubscribe' }, id },
  required: ['type', 'id'],
} as const;

interface Ask<T extends Topic> {
  readonly type: 'subscribe';
  readonly topic: T;
  readonly id: string;
}

export interface EventsTopic extends Ask<'events'> {
  readonly after?: string;
  readonly service?: string;
  readonly machine?: string;
}

export interface LogsTopic extends Ask<'logs'> {
  readonly service: string;
  readonly machine?: string;
  readonly lines?: number;
  readonly since?: string;
}

export type Subscribe =
  | EventsTopic
  | LogsTopic
  | (Ask<'run'> & { readonly run?: string })
  | (Ask<'deployment'> & { readonly deployment: string })
  | Ask<'status'>;

export type ClientMessage = Subscribe | { readonly type: 'unsubscribe'; readonly id: string };

/** What comes of a subscription; `id` stands in it as well. */
export type LiveMessage =
  | { readonly type: 'subscribed' }
  /** Nothing more comes: it was taken back, or what was followed has ended. */
  | { readonly type: 'ended' }
  | { readonly type: 'event'; readonly event: HistoryEvent }
  /** What was kept after `after` has all come. */
  | { readonly type: 'caught-up' }
  /** `kept: false`: events come as they happen and are not kept yet, so that one may be missed, and none can be asked for again now. */
  | { readonly type: 'history'; readonly kept: boolean; readonly why?: string }
  | { readonly type: 'run'; readonly told: RunTold }
  | { readonly type: 'log'; readonly key: string; readonly lines: readonly string[] }
  | { readonly type: 'health'; readonly transition: Transition }
  | { readonly type: 'controller'; readonly status: ControllerStatus }
  | { readonly type: 'sample'; readonly measurement: Measurement };
