// A process of many who follow: connects them, reads all that comes, and answers each message of its parent with what they have got.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { CrowdTold } from './crowd.js';

const [address = '', count = ''] = process.argv.slice(2);
let received = 0;

async function follow(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${address}`);
  await once(socket, 'open');
  for (const topic of ['run', 'events']) socket.send(JSON.stringify({ type: 'subscribe', topic, id: topic }));
  await once(socket, 'message');
  socket.on('message', () => (received += 1));
  return socket;
}

const sockets = await Promise.all(Array.from({ length: Number(count) }, follow));
const tell = (): void => {
  const following = sockets.filter(one => one.readyState === WebSocket.OPEN).length;
  process.send?.({ following, received } satisfies CrowdTold);
};
process.on('message', tell);
process.on('disconnect', () => process.exit(0));
tell();
