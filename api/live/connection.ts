// One client of the WebSockets: what it follows, what waits for it, and why it is dropped. Nobody ever waits for it.
import type { Duplex } from 'node:stream';
import type { WebSocket } from '@fastify/websocket';
import { closeCodes, type LiveLimits } from '../../schema/live-messages.js';
import type { Redactor } from '../../schema/redact.js';
import type { AppError } from '../../schema/errors.js';
import type { Asker } from '../plugins/access.js';
import { problemOf } from '../plugins/problems.js';
import type { InTurn } from '../turns.js';
import { textFrame } from './frame.js';
import type { Shared } from './shared.js';

/** Where the messages of one subscription go. */
export interface Subscriber {
  readonly asker: Asker;
  /** Fires when it was taken back, or the client has gone. */
  readonly signal: AbortSignal;
  send(message: Shared): void;
  /** Resolves when little waits for this client; rejects when it has gone. */
  drained(): Promise<void>;
  /** Nothing more comes; `error`: because of that. */
  end(error?: AppError): void;
}

export interface ConnectionParts {
  readonly socket: WebSocket;
  /** What the WebSocket writes to. */
  readonly stream: Duplex;
  readonly asker: Asker;
  readonly limits: LiveLimits;
  readonly redactor: Redactor;
  readonly now: () => number;
  /** All connections share it: what goes to many is written to few of them at a time. */
  readonly inTurn: InTurn;
  readonly onGone: (connection: Connection) => void;
}

/** Owns a client's connection. */
export class Connection {
  readonly asker: Asker;
  readonly #parts: ConnectionParts;
  readonly #subscriptions = new Map<string, AbortController>();
  readonly #gone = new AbortController();
  #answered = true;
  #quietSince: number;
  #messages: number[] = [];
  /** Frames of which nothing was written yet, and their bytes. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.asker = parts.asker;
    this.#quietSince = parts.now();
    parts.socket.on('pong', () => (this.#answered = true));
    parts.socket.once('close', () => this.#leave());
  }

  get waiting(): number {
    return this.#waitingBytes + this.#parts.socket.bufferedAmount;
  }

  get full(): boolean {
    return this.#subscriptions.size >= this.#parts.limits.subscriptions;
  }

  has(id: string): boolean {
    return this.#subscriptions.has(id);
  }

  /** Counts a message of the client; false: it sends too many. */
  counts(): boolean {
    const now = this.#parts.now();
    this.#messages = [...this.#messages.filter(at => now - at < 10_000), now];
    if (this.#messages.length <= this.#parts.limits.messages) return true;
    this.drop('tooMany', 'too many messages');
    return false;
  }

  subscribe(id: string): Subscriber {
    const own = new AbortController();
    this.#subscriptions.set(id, own);
    const end = (error?: AppError): void => {
      if (own.signal.aborted) return;
      if (error === undefined) this.say({ id, type: 'ended' });
      else this.fail(error, id);
      this.unsubscribe(id);
    };
    return {
      asker: this.asker,
      signal: own.signal,
      send: ({ frame }) => {
        if (!own.signal.aborted) this.#write(frame(id));
      },
      drained: () => this.#drained(),
      end,
    };
  }

  /** False: there is none of that name. */
  unsubscribe(id: string): boolean {
    const own = this.#subscriptions.get(id);
    this.#subscriptions.delete(id);
    if (this.#subscriptions.size === 0) this.#quietSince = this.#parts.now();
    own?.abort();
    return own !== undefined;
  }

  fail(error: AppError, id?: string): void {
    const problem = this.#parts.redactor.value(problemOf(error));
    this.#write(textFrame(JSON.stringify({ ...(id === undefined ? {} : { id }), type: 'error', problem })));
  }

  say(message: { readonly type: string; readonly id: string }): void {
    this.#write(textFrame(JSON.stringify(message)));
  }

  /** One round of asking whether it is still there. */
  ping(): void {
    const { socket, limits, now } = this.#parts;
    if (!this.#answered) return this.drop('idle', 'it does not answer');
    if (this.#subscriptions.size === 0 && now() - this.#quietSince >= limits.idleMs)
      return this.drop('idle', 'it follows nothing');
    this.#answered = false;
    if (socket.readyState === socket.OPEN) socket.ping();
  }

  /** A client that reads nothing never sees the reason: it is cut off a moment later. */
  drop(code: keyof typeof closeCodes, reason: string): void {
    if (this.#gone.signal.aborted) return;
    const { socket, limits } = this.#parts;
    this.#flush();
    this.#leave();
    socket.close(closeCodes[code], reason);
    const timer = setTimeout(() => socket.terminate(), limits.leaveMs);
    socket.once('close', () => clearTimeout(timer));
  }

  #write(frame: Buffer): void {
    const { socket, limits, inTurn } = this.#parts;
    if (this.#gone.signal.aborted || socket.readyState !== socket.OPEN) return;
    if (this.waiting > limits.waitingBytes) return this.drop('slow', 'it reads too slowly');
    if (this.#waiting.push(frame) === 1) inTurn(() => this.#flush());
    this.#waitingBytes += frame.length;
  }

  /** What was written since the last time leaves in one go. Past the WebSocket, which would make a frame for each client; it writes nothing in pieces. */
  #flush(): void {
    const { socket, stream } = this.#parts;
    const frames = this.#waiting;
    [this.#waiting, this.#waitingBytes] = [[], 0];
    if (socket.readyState !== socket.OPEN) return;
    stream.cork();
    for (const frame of frames) stream.write(frame);
    stream.uncork();
  }

  #drained(): Promise<void> {
    const { limits, now } = this.#parts;
    const startedAt = now();
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const much = this.waiting >= limits.waitingBytes / 4;
        if (much && now() - startedAt > limits.drainMs) this.drop('slow', 'it reads too slowly');
        if (this.#gone.signal.aborted) reject(this.#gone.signal.reason as Error);
        else if (!much) resolve();
        else setTimeout(look, 20).unref();
      };
      look();
    });
  }

  #leave(): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort();
    for (const own of this.#subscriptions.values()) own.abort();
    this.#subscriptions.clear();
    this.#parts.onGone(this);
  }
}
