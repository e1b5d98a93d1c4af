// Limits of the API over real connections: how often, how long, how slow; each told as a problem.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeOf } from '../../api/plugins/limits.js';
import { buildServer } from '../../api/server.js';
import { createEngine, type Refusal } from '../../reconciler/engine.js';
import { resolveSettings } from '../../reconciler/settings.js';
import type { ApiToken } from '../../schema/access.js';
import { refusal } from './live-world.js';

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const engine = createEngine({
  settings,
  open: () => Promise.reject(new Error('opened')),
  close: async () => undefined,
});
const tokenOf = (id: string): ApiToken => ({ id, name: id, role: 'admin', createdAt: 0, expiresAt: 9 });

let now = 0;
let url = '';
let server: Awaited<ReturnType<typeof buildServer>>;
let lookups: string[] = [];
const refusals: Refusal[] = [];

beforeEach(async () => {
  now = 0;
  lookups = [];
  refusals.length = 0;
  const find = async (token: string) => {
    lookups.push(token);
    return token.startsWith('good') ? tokenOf(token) : undefined;
  };
  server = await buildServer({
    engine: {
      describe: engine.describe,
      listen: engine.listen,
      perform: (async () => ({})) as never,
      refused: refusal => void refusals.push(refusal),
      redactor: engine.redactor,
    },
    auth: { tokens: { find, list: async () => [] } },
    version: '1',
    ready: () => true,
    onFault: error => expect.fail(error.message),
    limits: { wrongTokens: { burst: 3, perMinute: 6 }, requests: { burst: 5, perMinute: 60 }, now: () => now },
    timeouts: { requestMs: 300, headersMs: 200, lookEveryMs: 50 },
  });
  url = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(() => server.close());

const ask = (token: string, path = '/api/status', method = 'GET') =>
  fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${token}` } });

async function tooMany(response: Response): Promise<string | null> {
  expect(response.status).toBe(429);
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(await response.json()).toMatchObject({ code: 'too-many-requests', status: 429, retry: 'backoff' });
  return response.headers.get('retry-after');
}

describe('wrong tokens', () => {
  it('of one address wait after some, and are not even looked up; who was let in before still is', async () => {
    expect((await ask('good-one')).status).toBe(200);
    for (let at = 0; at < 3; at += 1) expect((await ask(`wrong-${at}`)).status).toBe(401);
    lookups = [];
    expect(await tooMany(await ask('wrong-4', '/api/reconcile', 'POST'))).toBe('10');
    expect(await tooMany(await ask('good-two'))).toBe('10');
    expect(lookups).toEqual([]);
    expect(refusals.map(one => [one.what, one.code])).toEqual([['reconcile', 'too-many-requests']]);
    expect((await ask('good-one')).status).toBe(200);
    now += 10_000;
    expect((await ask('good-two')).status).toBe(200);
    expect((await ask('wrong-5')).status).toBe(401);
    await tooMany(await ask('wrong-6'));
  });

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
  ])('from %s count for %s', (address, place) => {
    expect(placeOf(address)).toBe(place);
  });
});

it('requests of a token wait after many, and those of another do not', async () => {
  for (let at = 0; at < 5; at += 1) expect((await ask('good-one')).status).toBe(200);
  expect(await tooMany(await ask('good-one'))).toBe('1');
  expect((await ask('good-two')).status).toBe(200);
  now += 1000;
  expect((await ask('good-one')).status).toBe(200);
  await tooMany(await ask('good-one'));
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

it('WebSockets count as requests, and their wrong tokens as wrong ones', async () => {
  const { port } = new URL(url);
  const upgrade = (token: string) => refusal(Number(port), { authorization: `Bearer ${token}` });
  for (let at = 0; at < 5; at += 1) expect(await upgrade('good-one')).toBe(101);
  expect(await upgrade('good-one')).toBe(429);
  for (let at = 0; at < 3; at += 1) expect(await upgrade(`wrong-${at}`)).toBe(401);
  expect(await upgrade('wrong-4')).toBe(429);
  lookups = [];
  expect(await refusal(Number(port), {}, ['portoser.v1', 'bearer.wrong-5'])).toBe(429);
  expect(lookups).toEqual([]);
});

/** All that the server says to these bytes until it closes the connection. */
async function said(...pieces: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', chunk => (text += String(chunk)));
  await once(socket, 'connect');
  for (const piece of pieces) socket.write(piece);
  await once(socket, 'close');
  return text;
}

describe('a connection', () => {
  const head = `POST /api/reconcile HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good-one\r\ncontent-type: application/json\r\n`;

  it.each([
    ['that asks for nothing', [''], 408],
    ['whose headers do not end', ['GET /healthz HTTP/1.1\r\nhost: x\r\n'], 408],
    ['whose body does not end', [`${head}content-length: 100\r\n\r\n{`], 408],
    ['with an endless address', [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`], 431],
    ['with endless headers', [`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`], 431],
    ['that speaks something else', ['\u0016\u0003\u0001 hello\r\n\r\n'], 400],
    ['with two lengths', [`${head}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`], 400],
  ] as const)('%s is answered, and ended', async (_, pieces, status) => {
    const text = await said(...pieces);
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    const [, body = ''] = text.split('\r\n\r\n');
    expect(JSON.parse(body)).toMatchObject({ code: 'request-invalid', status });
  });

  it('that waits long for its answer is not cut off', async () => {
    let answer = (): void => undefined;
    const slow = await buildServer({
      engine: {
        describe: engine.describe,
        listen: engine.listen,
        perform: (() => new Promise(resolve => (answer = () => resolve({ done: true })))) as never,
        refused: () => undefined,
        redactor: engine.redactor,
      },
      auth: 'none',
      version: '1',
      ready: () => true,
      onFault: () => undefined,
      timeouts: { requestMs: 100, headersMs: 50, lookEveryMs: 10 },
    });
    url = await slow.listen({ host: '127.0.0.1', port: 0 });
    const asked = fetch(`${url}/api/reconcile`, { method: 'POST' });
    // Another one comes, is too slow, and is ended meanwhile.
    expect(await said('GET /healthz HTTP/1.1\r\n')).toMatch(/^HTTP\/1.1 408/);
    answer();
    expect((await asked).status).toBe(200);
    await slow.close();
  });
});
