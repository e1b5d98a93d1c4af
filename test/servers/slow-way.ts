// A way to a server on which each answer takes its time: a port of the loopback before it, whose delay may be changed while it is used.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net';

export interface SlowWay {
  readonly port: number;
  /** Of what comes back; what is asked is passed on at once. Counts from the next answer on. */
  delayMs: number;
  /** Answers that were passed on so far. */
  readonly answers: number;
  close(): Promise<void>;
}

export async function slowWayTo(there: NetConnectOpts): Promise<SlowWay> {
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const way = { port: 0, delayMs: 0, answers: 0 };
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  function after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, ms);
    timers.add(timer);
  }
  function serve(asker: Socket): void {
    const server = keep(connect(there));
    keep(asker).pipe(server);
    let dueAt = 0;
    server.on('data', (chunk: Buffer) => {
      // In their order, also where the delay was longer before.
      dueAt = Math.max(dueAt, performance.now() + way.delayMs);
      after(dueAt - performance.now(), () => {
        way.answers += 1;
        asker.write(chunk);
      });
    });
    asker.on('close', () => server.destroy());
    server.on('close', () => after(Math.max(0, dueAt - performance.now()) + 1, () => asker.destroy()));
  }
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  way.port = (server.address() as AddressInfo).port;
  return Object.assign(way, {
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  });
}
