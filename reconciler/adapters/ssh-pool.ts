// Keeps one warm connection for each machine: made on demand, once for all who ask, gone when it breaks, with back-off.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError, asAppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import { type Connection, createConnection } from './ssh-channels.js';
import { connectMachine, type ConnectSettings, openSocket } from './ssh-connect.js';
import { placeOf } from './ssh-errors.js';

/** A machine with the machines to go through, first hop first. */
interface Route {
  readonly machine: Machine;
  readonly via: Route | undefined;
  /** Whatever makes another connection of it. */
  readonly key: string;
}

interface Failure {
  readonly error: AppError;
  readonly times: number;
  readonly until: number;
}

export interface Pool {
  /** The warm connection, or a new one. Soon after a failure it fails at once with the same error (back-off 1 s…60 s). */
  connection(machine: Machine): Promise<Connection>;
  /** A connection of its own, for when the warm one is stuck. The caller destroys it. */
  another(machine: Machine): Promise<Connection>;
  /** The byte stream to a machine's sshd, through its jumps. */
  stream(machine: Machine): Promise<Duplex>;
  /** A new pass: closes what is no longer asked for, and forgets failures. */
  setMachines(machines: readonly Machine[]): void;
  /** Begins connecting; who asks for a connection later gets this one, or is told why there is none. */
  connectAhead(machines: readonly Machine[]): void;
  close(): Promise<void>;
}

const firstBackoffMs = 1000;
const longestBackoffMs = 60_000;

export function createPool(settings: ConnectSettings): Pool {
  const connections = new Map<string, Promise<Connection>>();
  const failures = new Map<string, Failure>();
  let machines = new Map<string, Machine>();
  const sockets = new Set<Socket>();
  let closed = false;

  function routeTo(machine: Machine, jump: readonly string[] = machine.jump, depth = 0): Route {
    const lastHop = jump.at(-1);
    const via = lastHop === undefined ? undefined : routeThrough(machine, lastHop, jump.slice(0, -1), depth);
    const { host, port, user, sshKey, hostKeys } = machine;
    return { machine, via, key: JSON.stringify([host, port, user, sshKey, hostKeys, via?.key]) };
  }

  /** The first hop of a list goes its own way; each later one goes through the hop before it. */
  function routeThrough(machine: Machine, hopName: string, before: readonly string[], depth: number): Route {
    const hop = machines.get(hopName);
    if (hop === undefined || depth > machines.size) {
      const why = hop === undefined ? 'there is no machine of that name' : 'the jumps go round in a circle';
      throw new AppError('ssh-jump', `${machine.name} is reached through ${hopName}, but ${why}`, {
        details: { machine: machine.name, jump: hopName },
      });
    }
    return routeTo(hop, before.length > 0 ? before : hop.jump, depth + 1);
  }

  function keepSocket(socket: Socket): void {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  }

  async function openStream(route: Route): Promise<Duplex> {
    if (route.via === undefined) return openSocket(route.machine, settings.connectLimitMs, keepSocket);
    const { via, machine } = route;
    try {
      return await (await shared(via)).forward(machine.host, machine.port, settings.connectLimitMs);
    } catch (error) {
      throw jumpError(machine, via.machine, asAppError(error));
    }
  }

  async function connect(route: Route): Promise<Connection> {
    try {
      const client = await connectMachine(route.machine, () => openStream(route), settings);
      return createConnection(route.machine, client, settings.answerLimitMs);
    } catch (error) {
      throw closed ? beingClosed(route.machine) : error;
    }
  }

  /** One for all who ask at the same time. */
  async function shared(route: Route): Promise<Connection> {
    if (closed) throw beingClosed(route.machine);
    const kept = connections.get(route.key);
    if (kept !== undefined) {
      const connection = await kept;
      if (connection.isOpen()) return connection;
      if (connections.get(route.key) !== kept) return shared(route);
    }
    const failure = failures.get(route.key);
    if (failure !== undefined && performance.now() < failure.until) throw failure.error;
    const fresh = connect(route);
    connections.set(route.key, fresh);
    fresh.then(
      () => failures.delete(route.key),
      (error: unknown) => {
        if (connections.get(route.key) === fresh) connections.delete(route.key);
        remember(route.key, asAppError(error));
      },
    );
    return fresh;
  }

  function remember(key: string, error: AppError): void {
    const times = (failures.get(key)?.times ?? 0) + 1;
    const waitMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** (times - 1));
    failures.set(key, { error, times, until: performance.now() + waitMs });
  }

  function retire(key: string, connecting: Promise<Connection>): void {
    connections.delete(key);
    connecting.then(
      connection => connection.retire(),
      () => undefined, // Who asked for it was told.
    );
  }

  function setMachines(now: readonly Machine[]): void {
    machines = new Map(now.map(machine => [machine.name, machine]));
    failures.clear();
    const wanted = new Set(now.filter(one => one.host !== 'local').flatMap(keysOf));
    for (const [key, connecting] of connections) if (!wanted.has(key)) retire(key, connecting);
  }

  /** Keys of a machine's connection and of its hops; none for a way that does not exist: its use tells. */
  function keysOf(machine: Machine): string[] {
    const keys: string[] = [];
    try {
      for (let route: Route | undefined = routeTo(machine); route !== undefined; route = route.via)
        keys.push(route.key);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    return keys;
  }

  function connectAhead(ahead: readonly Machine[]): void {
    const begin = async (machine: Machine) => shared(routeTo(machine));
    for (const machine of ahead.filter(one => one.host !== 'local')) begin(machine).catch(() => undefined);
  }

  return {
    connection: async machine => shared(routeTo(machine)),
    another: async machine => connect(routeTo(machine)),
    stream: async machine => openStream(routeTo(machine)),
    setMachines,
    connectAhead,
    // Every connection, also one that is being made or goes through others, stands on one of these sockets.
    close: async () => {
      closed = true;
      for (const socket of sockets) socket.destroy();
      await Promise.allSettled(connections.values());
    },
  };
}

function beingClosed(machine: Machine): AppError {
  return new AppError('interrupted', `${machine.name}: the SSH connections are being closed`);
}

/** What only the hop's owner can cure keeps its own code; the rest is a way that failed. */
function jumpError(machine: Machine, hop: Machine, error: AppError): AppError {
  const details = { ...error.details, machine: machine.name, jump: hop.name, code: error.code };
  switch (error.code) {
    case 'ssh-host-key-unknown':
    case 'ssh-host-key-changed':
    case 'ssh-auth':
    case 'ssh-key-unusable':
      return error;
    case 'command-failed':
    case 'command-timeout':
      return new AppError(
        'ssh-unreachable',
        `${placeOf(machine)} cannot be reached from the jump machine ${hop.name}`,
        {
          cause: error,
          details,
        },
      );
    default:
      return new AppError('ssh-jump', `${placeOf(machine)} is reached through ${hop.name}: ${error.message}`, {
        cause: error,
        details,
      });
  }
}
