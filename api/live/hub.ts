// Looks after all who follow live: lets them in, asks whether they are still there and may stay, and ends them in order.
import type { WebSocket } from '@fastify/websocket';
import type { Duplex } from 'node:stream';
import type { Engine } from '../../reconciler/engine.js';
import { AppError, asAppError } from '../../schema/errors.js';
import { liveLimits, type LiveLimits } from '../../schema/live-messages.js';
import type { Asker } from '../plugins/access.js';
import { shareTurns } from '../turns.js';
import { Connection } from './connection.js';
import { type ListTokens, openDesk, standing } from './desk.js';
import { openFeeds } from './feeds.js';

export interface HubParts {
  readonly engine: Pick<Engine, 'perform' | 'describe' | 'listen' | 'redactor'>;
  /** Absent: nobody needs one. */
  readonly tokens?: ListTokens | undefined;
  readonly onFault: (error: AppError) => void;
  readonly limits?: Partial<LiveLimits> | undefined;
}

export interface Hub {
  /** `metrics`: follows the measurements of that machine, or of all, and is asked for nothing. */
  connect(socket: WebSocket, stream: Duplex, asker: Asker, metrics?: { readonly machine?: string }): void;
  /** Every client is told that it ends. */
  close(): void;
}

/** Connections that are written to in one turn of the event loop: so few that a run waits for them less than a millisecond. */
const writtenAtOnce = 32;

/** Those with the most waiting first, until no more waits for all of them than may. */
function dropFullest(connections: Iterable<Connection>, most: number): void {
  const all = [...connections];
  let sum = all.reduce((before, one) => before + one.waiting, 0);
  if (sum <= most) return;
  for (const one of all.toSorted((a, b) => b.waiting - a.waiting)) {
    if (sum <= most) return;
    sum -= one.waiting;
    one.drop('slow', 'too much waits for too many');
  }
}

/** 0 where no token is needed: then all who follow are people of this machine. */
function sameToken(connections: Iterable<Connection>, { id }: Asker): number {
  return id === undefined ? 0 : [...connections].filter(one => one.asker.id === id).length;
}

export function openHub({ engine, tokens, onFault, ...more }: HubParts): Hub {
  const limits = { ...liveLimits, ...more.limits };
  const connections = new Set<Connection>();
  const onHanded = (): void => dropFullest(connections, limits.waitingBytesOfAll);
  const feeds = openFeeds({ engine, onFault, onHanded });
  const inTurn = shareTurns(writtenAtOnce);
  const desk = openDesk({ engine, feeds, tokens, onFault });
  let stopped = false;

  async function dropEnded(list: ListTokens): Promise<void> {
    if (connections.size === 0) return;
    const ids = await standing(list);
    for (const one of connections)
      if (one.asker.id !== undefined && !ids.has(one.asker.id)) one.drop('tokenEnded', 'the token has ended');
  }

  const every = (ms: number, act: () => void): NodeJS.Timeout => setInterval(act, ms).unref();
  const timers = [every(limits.pingMs, () => connections.forEach(one => one.ping()))];
  if (tokens !== undefined)
    timers.push(
      every(limits.tokenMs, () => void dropEnded(tokens).catch((thrown: unknown) => onFault(asAppError(thrown)))),
    );

  function hear(client: Connection, data: Buffer, binary: boolean, asked: boolean): void {
    if (!client.counts()) return;
    if (binary) client.fail(new AppError('request-invalid', 'a message is text'));
    else if (!asked) client.fail(new AppError('request-invalid', 'nothing is asked for here'));
    else void desk.hear(client, data.toString());
  }

  return {
    connect: (socket, stream, asker, metrics) => {
      const onGone = (one: Connection): void => void connections.delete(one);
      const { redactor } = engine;
      const now = (): number => performance.now();
      const client = new Connection({ socket, stream, asker, limits, redactor, now, inTurn, onGone });
      connections.add(client);
      if (stopped) return client.drop('stopping', 'the controller is being stopped');
      if (connections.size > limits.connections) return client.drop('full', 'too many follow already');
      if (sameToken(connections, asker) > limits.connectionsOfToken)
        return client.drop('tokenFull', 'too many follow with this token already');
      socket.on('message', (data: Buffer, binary) => hear(client, data, binary, metrics === undefined));
      if (metrics !== undefined) void desk.followMeasured(client, metrics);
    },
    close: () => {
      stopped = true;
      timers.forEach(clearInterval);
      feeds.close();
      for (const one of connections) one.drop('stopping', 'the controller is being stopped');
    },
  };
}
