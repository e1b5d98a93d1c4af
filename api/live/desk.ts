// Takes what clients say: reads it strictly, looks whether they may, and follows for them; whatever is wrong is answered.
import type { Engine } from '../../reconciler/engine.js';
import { allows, type ApiToken } from '../../schema/access.js';
import { AppError, asAppError } from '../../schema/errors.js';
import { type Subscribe, topics } from '../../schema/live-messages.js';
import type { Asker } from '../plugins/access.js';
import type { Connection, Subscriber } from './connection.js';
import type { Feeds } from './feeds.js';
import { idOf, readMessage } from './message.js';

/** The tokens that there are, expired ones among them. */
export type ListTokens = () => Promise<readonly ApiToken[]>;

export interface DeskParts {
  readonly engine: Pick<Engine, 'describe'>;
  readonly feeds: Feeds;
  /** Absent: nobody needs one. */
  readonly tokens?: ListTokens | undefined;
  readonly onFault: (error: AppError) => void;
}

export interface Desk {
  /** Resolves when nothing more is to be done for it; never throws. */
  hear(client: Connection, text: string): Promise<void>;
  /** The same for a client that only listens. */
  followMeasured(client: Connection, ask: { readonly machine?: string }): Promise<void>;
}

/** Ids of the tokens that still stand. */
export async function standing(tokens: ListTokens): Promise<ReadonlySet<string>> {
  const now = Date.now();
  return new Set((await tokens()).filter(one => now < one.expiresAt).map(one => one.id));
}

type Operation = (typeof topics)[keyof typeof topics]['operation'] | 'metrics';

/** Asked anew each time: a connection may outlive its token. */
async function allow({ engine, tokens }: DeskParts, { id, role }: Asker, operation: Operation): Promise<void> {
  const { role: needed } = await engine.describe(operation);
  if (tokens !== undefined && id !== undefined && !(await standing(tokens)).has(id))
    throw new AppError('token-missing', 'the token was revoked, or has expired');
  if (!allows(role, needed))
    throw new AppError('role-missing', `this needs the role ${needed}, and the token has ${role}`);
}

export function openDesk(parts: DeskParts): Desk {
  const { feeds, onFault } = parts;

  function tellFault(thrown: unknown): AppError {
    const error = asAppError(thrown);
    if (error.code === 'internal') onFault(error);
    return error;
  }

  async function within(to: Subscriber, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      if (!to.signal.aborted) to.end(tellFault(thrown));
    }
  }

  async function subscribe(client: Connection, ask: Subscribe): Promise<void> {
    const { id, topic } = ask;
    if (client.has(id)) throw new AppError('request-invalid', `you follow something as ${id} already`);
    if (client.full) throw new AppError('live-limit', 'one connection follows no more than that');
    const to = client.subscribe(id);
    await within(to, async () => {
      await allow(parts, client.asker, topics[topic].operation);
      if (to.signal.aborted) return;
      client.say({ type: 'subscribed', id });
      await feeds.follow(ask, to);
    });
  }

  async function hear(client: Connection, text: string): Promise<void> {
    try {
      const message = readMessage(text);
      if (message.type === 'subscribe') return await subscribe(client, message);
      if (!client.unsubscribe(message.id)) throw new AppError('unknown-name', `you follow nothing as ${message.id}`);
      client.say({ type: 'ended', id: message.id });
    } catch (thrown) {
      client.fail(tellFault(thrown), idOf(text));
    }
  }

  return {
    hear,
    followMeasured: (client, ask) => {
      const to = client.subscribe('metrics');
      return within(to, async () => {
        await allow(parts, client.asker, 'metrics');
        await feeds.followMeasured(ask, to);
      });
    },
  };
}
