// Messages that go to many over WebSockets: one frame for all who gave their subscription the same name, as a client reads it, and masked.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { textFrame } from '../../api/live/frame.js';
import { writeEvents, writeMasked } from '../../api/live/shared.js';
import { createRedactor } from '../../schema/redact.js';
import { anEvent } from './live-world.js';

/** Says yes to every client (RFC 6455, section 4.2.2), and sends what it is asked for: so many characters. */
const server = createServer().on('upgrade', (request, stream) => {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  stream.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
  const [sign = '', count = ''] = decodeURIComponent(request.url ?? '')
    .slice(1)
    .split('*');
  stream.end(textFrame(sign.repeat(Number(count))));
});
beforeAll(async () => void (await once(server.listen(0, '127.0.0.1'), 'listening')));
afterAll(() => void server.close());

it.each([
  ['x', 0],
  ['x', 125],
  ['x', 126],
  ['ü', 63],
  ['x', 65_535],
  ['x', 65_536],
  ['€', 50_000],
])('a frame of %j, %i times, is read as what was written', async (sign, count) => {
  const { port } = server.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${encodeURIComponent(`${sign}*${count}`)}`);
  const closed = once(socket, 'close');
  const [text, binary] = await once(socket, 'message');
  expect([String(text), binary]).toEqual([sign.repeat(count), false]);
  await closed;
});

const written = (frame: Buffer): unknown => JSON.parse(frame.subarray(frame.indexOf('{')).toString());

it('is one frame for all of the same name, masked, and another for another name', () => {
  const redactor = createRedactor();
  redactor.learn([{ value: 'Sentinel-One' }]);
  const message = writeMasked(redactor)({ type: 'log', key: 'web', lines: ['it is Sentinel-One'] });
  expect(message.frame('a')).toBe(message.frame('a'));
  expect(written(message.frame('a'))).toEqual({ id: 'a', type: 'log', key: 'web', lines: ['it is ***'] });
  expect(written(message.frame('b'))).toEqual({ id: 'b', type: 'log', key: 'web', lines: ['it is ***'] });
});

it('an event is written once for all who follow, and anew when there is more to mask', () => {
  const redactor = createRedactor();
  const writeEvent = writeEvents(writeMasked(redactor), redactor);
  const event = anEvent('e1', { text: 'Sentinel-One' });
  const before = writeEvent(event);
  expect(writeEvent(event)).toBe(before);
  expect(writeEvent(anEvent('e2'))).not.toBe(before);
  redactor.learn([{ value: 'Sentinel-One' }]);
  expect(written(writeEvent(event).frame('a'))).toMatchObject({ id: 'a', event: { id: 'e1', text: '***' } });
});
