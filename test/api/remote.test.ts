// Commands through a controller elsewhere: each operation arrives as it was asked, answers and refusals come back as they were said.
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openRemote } from '../../api/cli/remote.js';
import { readRoutes } from '../../api/routes/route.js';
import { buildServer } from '../../api/server.js';
import { createEngine, type Engine, type OperationName } from '../../reconciler/engine.js';
import { resolveSettings } from '../../reconciler/settings.js';
import type { ApiToken } from '../../schema/access.js';
import { AppError } from '../../schema/errors.js';

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const here = createEngine({
  settings,
  open: () => Promise.reject(new Error('opened here')),
  close: async () => undefined,
});
const all = await readRoutes(here);

let asked: unknown[] = [];
let answer: (signal: AbortSignal) => Promise<unknown> = async () => ({ done: true });
const perform = (async (name: string, input: object, _: object, signal: AbortSignal) => {
  asked.push([name, input]);
  return await answer(signal);
}) as unknown as Engine['perform'];

const token: ApiToken = { id: 'a', name: 'a', role: 'admin', createdAt: 0, expiresAt: 9 };
const server = await buildServer({
  engine: {
    describe: here.describe,
    listen: here.listen,
    perform,
    refused: here.refused,
    redactor: here.redactor,
  },
  auth: { tokens: { find: async text => (text === 'good' ? token : undefined), list: async () => [token] } },
  version: '1',
  ready: () => true,
  onFault: () => undefined,
});
let url = '';
beforeAll(async () => {
  url = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
  answer = async () => ({ done: true });
});

const actor = { name: 'ada', by: 'cli' } as const;
async function ask(
  name: OperationName,
  input: object,
  more: { server?: string; token?: string; signal?: AbortSignal } = {},
): Promise<unknown> {
  const remote = openRemote({ server: more.server ?? `${url}/`, token: more.token ?? 'good', here });
  try {
    return await remote.perform(name, input, actor, more.signal ?? new AbortController().signal);
  } finally {
    await remote.close();
  }
}

/** Names and texts with everything that an address gives a meaning. */
const odd = 'a b/ü%2F?&#+"=';

function valueOf(schema: {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly items?: object;
}): unknown {
  if (schema.enum !== undefined) return schema.enum.at(-1);
  switch (schema.type) {
    case 'integer':
      return 7;
    case 'boolean':
      return true;
    case 'array':
      return [valueOf(schema.items ?? {}), valueOf(schema.items ?? {})];
    default:
      return odd;
  }
}

/** Answered without the controller: what needs nothing of one, and what works on files here. */
const bare = await Promise.all(all.map(async one => ((await here.describe(one.operation)).bare ? one.operation : '')));
const hereOnly = new Set<string>(['registry.format', ...bare]);

describe('a controller elsewhere', () => {
  it.each(all.filter(one => !hereOnly.has(one.operation)))('is asked for $operation as it was said', async route => {
    const members = { ...route.params.properties, ...route.rest.properties };
    const input = Object.fromEntries(
      Object.entries(members)
        .filter(([name]) => name !== 'uncommitted')
        .map(([name, schema]) => [name, valueOf(schema)]),
    );
    await expect(ask(route.operation, input)).resolves.toEqual({ done: true });
    expect(asked).toEqual([[route.operation, input]]);
  });

  it('goes by commits', async () => {
    await ask('plan', { from: 'files' });
    expect(asked).toEqual([['plan', { from: 'commit' }]]);
    await expect(ask('deploy', { services: [], uncommitted: true })).rejects.toMatchObject({ code: 'usage' });
  });

  it('is not asked for what needs none', async () => {
    await expect(ask('registry.schema', {})).resolves.toHaveProperty('$schema');
    expect(asked).toEqual([]);
  });

  it.each([
    ['run', {}, 'usage'],
    ['registry.format', {}, 'usage'],
    ['logs', { service: 'web', follow: true }, 'not-supported'],
  ] as const)('is not asked for %s %j', async (name, input, code) => {
    await expect(ask(name, input)).rejects.toMatchObject({ code });
    expect(asked).toEqual([]);
  });

  it('refuses as it would have here: code, words, advice and details', async () => {
    const error = new AppError('unknown-name', 'there is no service `x`', {
      hint: 'Perhaps y.',
      details: { near: 'y' },
    });
    answer = () => Promise.reject(error);
    await expect(ask('service.show', { name: 'x' })).rejects.toMatchObject({
      ...error.report(),
      details: { near: 'y' },
    });
  });

  it('asks for a token where it has none that counts', async () => {
    await expect(ask('status', {}, { token: 'bad' })).rejects.toMatchObject({
      code: 'token-missing',
      hint: expect.stringContaining('PORTOSER_TOKEN') as string,
    });
  });

  it('is no longer waited for once interrupted', async () => {
    const stop = new AbortController();
    let begun = (): void => undefined;
    const waits = new Promise<void>(resolve => (begun = resolve));
    answer = async () => {
      begun();
      return await new Promise(() => undefined);
    };
    const asking = ask('deploy', { services: [] }, { signal: stop.signal });
    await waits;
    stop.abort();
    await expect(asking).rejects.toMatchObject({ code: 'interrupted' });
  });
});

describe('what is no controller', () => {
  const pages = createServer((request, response) => {
    if (request.url?.startsWith('/moved')) return response.writeHead(302, { location: url }).end();
    if (request.url?.startsWith('/cut')) return response.destroy();
    return response.writeHead(request.url?.startsWith('/fine') ? 200 : 502).end('<h1>Bad Gateway</h1>');
  });
  let other = '';
  beforeAll(async () => {
    await once(pages.listen(0, '127.0.0.1'), 'listening');
    other = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  });
  afterAll(() => void pages.close());

  it.each([
    ['a proxy without one behind it', () => other, / answered 502, and not as a controller does$/],
    ['a page', () => `${other}/fine`, / answered 200, and not/],
    ['a redirect, which the token does not follow', () => `${other}/moved`, / answered 302, and not/],
    ['a connection that ends', () => `${other}/cut`, /other side closed/],
    ['nobody', () => 'http://127.0.0.1:1', /ECONNREFUSED|bad port/i],
  ])('%s', async (_, where, message) => {
    await expect(ask('status', {}, { server: where() })).rejects.toMatchObject({
      code: 'server-unreachable',
      message: expect.stringMatching(message) as string,
    });
  });
});
