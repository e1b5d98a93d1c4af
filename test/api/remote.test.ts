// Commands through a controller elsewhere: each operation arrives as it was asked, answers and refusals come back as they were said.
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openRemote } from '../../api/cli/remote.js';
import { readRoutes } from '../../api/routes/route.js';
import { buildServer } from '../../api/server.js';
import { createEngine, type Engine, type OperationName, type Progress } from '../../reconciler/engine.js';
import { resolveSettings } from '../../reconciler/settings.js';
import type { ApiToken } from '../../schema/access.js';
import { AppError } from '../../schema/errors.js';
import { until } from '../scenarios/until.js';

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const here = createEngine({
  settings,
  open: () => Promise.reject(new Error('opened here')),
  close: async () => undefined,
});
const all = await readRoutes(here);

let asked: unknown[] = [];
let told: Progress[] = [];
type Tell = (progress: Progress) => void;
let answer: (signal: AbortSignal, tell: Tell) => Promise<unknown> = async () => ({ done: true });
const perform = (async (name: string, input: object, _: object, signal: AbortSignal, tell: Tell = () => undefined) => {
  asked.push([name, input]);
  return await answer(signal, tell);
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
  more: { server?: string; token?: string; insecureHttp?: string; signal?: AbortSignal } = {},
): Promise<unknown> {
  const { signal = new AbortController().signal, ...how } = more;
  const remote = openRemote({ server: `${url}/`, token: 'good', here, ...how });
  told = [];
  remote.subscribe(progress => told.push(progress));
  try {
    return await remote.perform(name, input, actor, signal);
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

  it('tells on its way what it would have told here, line by line', async () => {
    const lines: readonly Progress[] = [
      { kind: 'change', key: 'web@m1', text: 'updating' },
      { kind: 'output', key: 'web@m1', text: `half\nof ${odd} \u2028 ` },
      { kind: 'change', key: 'web@m1', text: 'healthy' },
    ];
    let goOn = (): void => undefined;
    const heard = new Promise<void>(resolve => (goOn = resolve));
    answer = async (_, tell) => {
      lines.slice(0, 2).forEach(tell);
      await heard;
      lines.slice(2).forEach(tell);
      return { done: odd };
    };
    const asking = ask('deploy', { services: [] });
    await until('the first lines came', () => told.length === 2);
    goOn();
    await expect(asking).resolves.toEqual({ done: odd });
    expect(told).toEqual(lines);
  });

  it('follows a log until it is interrupted, and ends it there', async () => {
    const stop = new AbortController();
    let ended = false;
    answer = async (signal, tell) => {
      signal.addEventListener('abort', () => (ended = true));
      tell({ kind: 'output', key: 'web@m1', text: 'a\n' });
      return await new Promise(() => undefined);
    };
    const asking = ask('logs', { service: 'web', follow: true }, { signal: stop.signal });
    await until('a line came', () => told.length === 1);
    stop.abort();
    await expect(asking).rejects.toMatchObject({ code: 'interrupted' });
    await until('it ends there', () => ended);
  });

  it('that fails on its way says why, as it does at once', async () => {
    const error = new AppError('gate-failed', 'web@m1 did not become healthy', { details: { tail: 'x' } });
    answer = async (_, tell) => {
      tell({ kind: 'change', key: 'web@m1', text: 'updating' });
      throw error;
    };
    await expect(ask('deploy', { services: [] })).rejects.toMatchObject({ ...error.report(), details: { tail: 'x' } });
    expect(told).toHaveLength(1);
  });

  it('without lines has no answer for what goes on', async () => {
    const response = await fetch(`${url}/api/logs/web?follow=true`, {
      headers: { authorization: 'Bearer good' },
    });
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'request-invalid' }]);
    expect(asked).toEqual([]);
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

describe('a token', () => {
  // It leads to this machine and is none of its names: a network that others may listen on, as far as can be told.
  const elsewhere = (): string => url.replace('127.0.0.1', '0.0.0.0');

  it('goes nowhere without encryption', async () => {
    const secret = { token: 'a-token-of-an-admin' };
    for (const server of [elsewhere(), 'http://portoser.example:8750/below', 'http://127.0.0.1.example'])
      await expect(ask('status', {}, { server, ...secret })).rejects.toMatchObject({
        code: 'settings-invalid',
        message: `${new URL(server).origin} is not encrypted, and the token would go there`,
        hint: expect.stringMatching(/https:.*ssh -N -L .* --insecure-http/) as string,
      });
    expect(asked).toEqual([]);
  });

  it.each([
    ['this machine itself', () => url],
    ['this machine by its name', () => url.replace('127.0.0.1', 'localhost')],
  ])('goes to %s', async (_, server) => {
    await expect(ask('status', {}, { server: server() })).resolves.toEqual({ done: true });
  });

  it('goes to the one host that a person named', async () => {
    await expect(ask('status', {}, { server: elsewhere(), insecureHttp: '0.0.0.0' })).resolves.toEqual({ done: true });
    const other = ask('status', {}, { server: elsewhere(), insecureHttp: 'portoser.example' });
    await expect(other).rejects.toMatchObject({ code: 'settings-invalid' });
  });

  it('that is not there goes nowhere', async () => {
    const remote = openRemote({ server: elsewhere(), here });
    const asking = remote.perform('status', {}, actor, new AbortController().signal);
    await expect(asking).rejects.toMatchObject({ code: 'token-missing' });
    await remote.close();
  });
});

describe('what is no controller', () => {
  const pages = createServer((request, response) => {
    if (request.url?.startsWith('/moved')) return response.writeHead(302, { location: url }).end();
    if (request.url?.startsWith('/cut')) return response.destroy();
    if (request.url?.startsWith('/lines'))
      return response
        .writeHead(200, { 'content-type': 'application/x-ndjson' })
        .end('{"progress":{"text":"x"}}\n{"answ');
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
    [
      'lines that end before their answer',
      () => `${other}/lines`,
      /ended before the answer; what was begun goes on there$/,
    ],
    ['a connection that ends', () => `${other}/cut`, /other side closed/],
    ['nobody', () => 'http://127.0.0.1:1', /ECONNREFUSED|bad port/i],
  ])('%s', async (_, where, message) => {
    await expect(ask('status', {}, { server: where() })).rejects.toMatchObject({
      code: 'server-unreachable',
      message: expect.stringMatching(message) as string,
    });
  });
});
