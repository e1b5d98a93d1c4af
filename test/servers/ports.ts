// Free ports on the loopback, and waiting until something listens there.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A port that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Throws with `log()` when nothing listens within a minute: a large program that was just built is read from the disk first. */
export async function untilListening(port: number, log: () => string): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await listens(port))) {
    if (performance.now() > end) throw new Error(`nothing listens on ${port}: ${log()}`);
    await sleep(20);
  }
}
