// What a client of the WebSockets may say, and what it should not; and a client that says it all and tells what came of it.
import { once } from 'node:events';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { subscribeSchema, topicNames, unsubscribeSchema } from '../../../schema/live-messages.js';
import { type Body, bodyOf, hostile, type Known, nearly, type Schema } from './values.js';

export type Said = string | Buffer;

export interface Talk {
  readonly path: string;
  readonly role: string;
  readonly said: readonly Said[];
}

export function talks(known: Known): fc.Arbitrary<Talk> {
  const id = fc.constantFrom('a', 'b', 'c');
  const schemas: readonly Schema[] = [...topicNames.map(subscribeSchema), unsubscribeSchema];
  const right = fc.oneof(
    ...schemas.map(one =>
      bodyOf(one, { ...known, id, deployment: fc.constantFrom('a1', 'x'), run: fc.constantFrom('a1', 'x') }),
    ),
  );
  const text = (body: unknown): string => JSON.stringify(body) ?? '';
  const said: fc.Arbitrary<Said> = fc.oneof(
    { weight: 4, arbitrary: right.map(text) },
    { weight: 3, arbitrary: nearly(right, new Set()).map(text) },
    { weight: 1, arbitrary: hostile.map(text) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '{',
        '[',
        '['.repeat(4000),
        '{"__proto__":{"polluted":1}}',
        '\0',
        'ping',
        `"${'x'.repeat(6000)}"`,
      ),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 50 }).map(bytes => Buffer.from(bytes)) },
  );
  return fc.record({
    path: fc.constantFrom('/ws', '/ws', '/ws', '/api/metrics/ws', '/api/metrics/ws?machine=m1', '/ws?x=1'),
    role: fc.constantFrom('viewer', 'operator', 'admin'),
    said: fc.array(said, { maxLength: 12 }),
  });
}

export interface Heard {
  /** What it was closed with; undefined: it was let go on. */
  readonly closed: number | undefined;
  readonly messages: readonly Body[];
}

/** The answer to a ping comes after all that was said before it was taken up. */
export async function converse(port: number, { path, role, said }: Talk): Promise<Heard> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${role}` } });
  const messages: Body[] = [];
  let closed: number | undefined;
  socket.on('message', (data: Buffer) => void messages.push(JSON.parse(data.toString()) as Body));
  socket.on('error', () => undefined); // `close` follows
  const gone = once(socket, 'close').then(([code]) => (closed = code as number));
  await Promise.race([once(socket, 'open'), gone]);
  for (const one of said) if (socket.readyState === WebSocket.OPEN) socket.send(one);
  if (socket.readyState === WebSocket.OPEN) {
    socket.ping();
    await Promise.race([once(socket, 'pong'), gone]);
  }
  const heard = { closed, messages };
  socket.terminate();
  await gone;
  return heard;
}
