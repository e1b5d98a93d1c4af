// A server with WebSockets over an engine whose history, logs and tokens a test decides; and a client that keeps what it is told.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { buildServer } from '../../api/server.js';
import { createEngine, type Progress } from '../../reconciler/engine.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { type ApiToken, type Role, roles } from '../../schema/access.js';
import { AppError } from '../../schema/errors.js';
import type { EventsAsk, HistoryEvent } from '../../schema/history.js';
import type { Told } from '../../schema/live.js';
import type { LiveLimits } from '../../schema/live-messages.js';

export interface Message {
  readonly type: string;
  readonly id?: string;
  readonly [more: string]: unknown;
}

export const anEvent = (id: string, more: Partial<HistoryEvent> = {}): HistoryEvent => ({
  id,
  at: 1,
  kind: 'deploy.done',
  machine: 'm1',
  key: 'web@m1',
  text: `event ${id}`,
  ...more,
});

export interface FollowedLog {
  readonly input: object;
  readonly tell: (text: string) => void;
  readonly end: () => void;
  readonly signal: AbortSignal;
}

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });

/** History as a list: what is in it is kept; `away` makes every question fail. */
function openHistory() {
  const kept: HistoryEvent[] = [];
  const world = {
    kept,
    away: false,
    asked: 0,
    /** Called before an answer leaves. */
    before: async (): Promise<void> => undefined,
    events: async ({ after, service, machine, limit }: EventsAsk) => {
      world.asked += 1;
      await world.before();
      if (world.away) throw new AppError('store-away', 'the database is away');
      const from = after === undefined ? -1 : kept.findIndex(one => one.id === after);
      if (after !== undefined && from < 0) throw new AppError('unknown-name', `${after} is not kept`);
      const found = kept
        .slice(from + 1)
        .filter(one => service === undefined || one.key === service || one.key?.split('@')[0] === service)
        .filter(one => machine === undefined || one.machine === machine);
      return after === undefined ? found.slice(-limit) : found.slice(0, limit);
    },
  };
  return world;
}

const patienceMs = 30_000;

function when(socket: WebSocket, told: readonly Message[], met: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (act: () => void): void => {
      clearTimeout(timer);
      socket.off('message', look);
      act();
    };
    const timer = setTimeout(
      () => end(() => reject(new Error(`${String(met)} was not met:\n${JSON.stringify(told).slice(0, 4000)}`))),
      patienceMs,
    );
    const look = (): void => {
      if (met()) end(resolve);
    };
    socket.on('message', look);
    look();
  });
}

export async function openLiveWorld(
  more: { readonly auth?: 'none'; readonly limits?: Partial<LiveLimits>; readonly role?: Role } = {},
) {
  const bare = createEngine({
    settings,
    open: () => Promise.reject(new Error('opened')),
    close: async () => undefined,
  });
  const tokens = new Map<string, ApiToken>(
    roles.map(role => [role, { id: role, name: `a-${role}`, role, createdAt: 0, expiresAt: 1e15 }]),
  );
  const history = openHistory();
  const logs: FollowedLog[] = [];
  const newest: { machine: string; at: number; values: Record<string, number> }[] = [];
  const performed: (readonly [string, object, object])[] = [];
  const followers = new Set<(told: Told) => void>();
  const faults: AppError[] = [];

  const followLog = (input: object, signal: AbortSignal, heard: (progress: Progress) => void) =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new AppError('interrupted', 'it was interrupted')));
      const tell = (text: string): void => heard({ kind: 'output', key: 'web@m1', machine: 'm1', text });
      logs.push({ input, tell, end: () => resolve([]), signal });
    });
  const perform = async (
    name: string,
    input: object,
    actor: object,
    signal: AbortSignal,
    heard: (progress: Progress) => void,
  ) => {
    performed.push([name, input, actor]);
    if (name === 'events') return await history.events(input as never);
    if (name === 'logs') return await followLog(input, signal, heard);
    if (history.away) throw new AppError('store-away', 'the database is away');
    return { at: 1, newest };
  };
  const server = await buildServer({
    engine: {
      perform: perform as never,
      describe: async name => ({
        ...(await bare.describe(name)),
        ...(more.role === undefined ? {} : { role: more.role }),
      }),
      listen: listener => {
        followers.add(listener);
        return () => followers.delete(listener);
      },
      refused: () => undefined,
      redactor: bare.redactor,
    },
    auth: more.auth ?? { tokens: { find: async token => tokens.get(token), list: async () => [...tokens.values()] } },
    version: '1',
    ready: () => true,
    onFault: error => void faults.push(error),
    ...(more.limits === undefined ? {} : { liveLimits: more.limits }),
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const sockets: WebSocket[] = [];

  return {
    server,
    port,
    tokens,
    history,
    logs,
    newest,
    performed,
    faults,
    followers,
    redactor: bare.redactor,
    tell: (...all: readonly Told[]) => all.forEach(told => followers.forEach(one => one(told))),
    /** A client that is let in, with what it was told. */
    async open(role: string | undefined = 'viewer', path = '/ws') {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
        headers: role === undefined ? {} : { authorization: `Bearer ${role}` },
      });
      sockets.push(socket);
      const told: Message[] = [];
      socket.on('message', (data: Buffer) => void told.push(JSON.parse(data.toString()) as Message));
      const closed = once(socket, 'close').then(([code, reason]) => ({ code: code as number, reason: String(reason) }));
      await once(socket, 'open');
      const types = (): readonly string[] => told.map(one => one.type);
      return {
        socket,
        told,
        closed,
        types,
        of: (type: string) => told.filter(one => one.type === type),
        say: (message: object | string) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
        has: (count: number, type: string) =>
          when(socket, told, () => told.filter(one => one.type === type).length >= count),
        /** As soon as what was told meets that. */
        when: (met: () => boolean) => when(socket, told, met),
      };
    },
    async close() {
      await server.close();
      for (const one of sockets) one.terminate();
    },
  };
}

export type LiveWorld = Awaited<ReturnType<typeof openLiveWorld>>;

/** The status that an upgrade is refused with. */
export async function refusal(
  port: number,
  headers: Readonly<Record<string, string>>,
  protocols: readonly string[] = [],
  path = '/ws',
): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, [...protocols], { headers });
  socket.on('error', () => undefined);
  const status = await Promise.race([
    once(socket, 'unexpected-response').then(
      ([, response]) => (response as { statusCode: number }).statusCode,
      () => -1,
    ),
    once(socket, 'open').then(
      () => 101,
      () => -2,
    ),
  ]);
  socket.terminate();
  return status;
}
