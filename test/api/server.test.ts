// The HTTP API without a network: every operation has its route, nobody does what is above their role, and what is wrong is told as a problem.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { words } from '../../api/cli/words.js';
import { readRoutes } from '../../api/routes/route.js';
import { routes } from '../../api/routes/table.js';
import { buildServer, type ServerParts } from '../../api/server.js';
import { createEngine, type Refusal } from '../../reconciler/engine.js';
import { operations } from '../../reconciler/operations/index.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { allows, type ApiToken, type Role, roles } from '../../schema/access.js';
import { AppError, catalogue } from '../../schema/errors.js';
import { closeCodes, topicNames } from '../../schema/live-messages.js';

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const engine = createEngine({
  settings,
  open: () => Promise.reject(new Error('opened')),
  close: async () => undefined,
});
const all = await readRoutes(engine);

const tokenOf = (role: Role): ApiToken => ({ id: role, name: `a-${role}`, role, createdAt: 0, expiresAt: 9 });
const tokens = {
  find: async (token: string) => roles.map(tokenOf).find(one => one.id === token),
  list: async () => roles.map(tokenOf),
};

let asked: unknown[] = [];
const refusals: Refusal[] = [];
let answer: () => Promise<unknown> = async () => ({ done: true });
const faults: AppError[] = [];
let ready = false;

const parts = (more: Partial<ServerParts> = {}): ServerParts => ({
  engine: {
    describe: engine.describe,
    listen: engine.listen,
    redactor: engine.redactor,
    refused: refusal => void refusals.push(refusal),
    perform: (async (name: string, input: object, actor: object) => {
      asked.push([name, input, actor]);
      return await answer();
    }) as never,
  },
  auth: { tokens },
  version: '9.8.7',
  ready: () => ready,
  freshness: { freshMs: 0, mostFreshMs: 0, staleMs: 0 }, // each asks for itself
  limits: { wrongTokens: { burst: 1e6, perMinute: 1 }, requests: { burst: 1e6, perMinute: 1 } },
  onFault: error => void faults.push(error),
  ...more,
});

let server: Awaited<ReturnType<typeof buildServer>>;
beforeAll(async () => {
  server = await buildServer(parts());
});
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
  faults.length = 0;
  refusals.length = 0;
  answer = async () => ({ done: true });
});

const as = (role: string) => ({ authorization: `Bearer ${role}` });

/** A value that the schema takes. */
function valueFor(schema: { readonly type?: string; readonly enum?: readonly unknown[] }): unknown {
  if (schema.enum !== undefined) return schema.enum[0];
  return { integer: 1, boolean: true, array: ['x'] }[schema.type ?? ''] ?? 'x';
}

/** A request with just what is needed. */
function requestOf(route: (typeof all)[number]) {
  const needed = Object.fromEntries(
    route.rest.required.map(name => [name, valueFor(route.rest.properties[name] ?? {})]),
  );
  const url = route.url.replace(/:\w+/g, 'x');
  return { method: route.method, url, ...(route.restIn === 'body' ? { payload: needed } : { query: needed as never }) };
}

describe('routes', () => {
  it('are there for every operation but the controller itself, as commands are', () => {
    // Webhooks have an address of their own.
    const served = Object.keys(operations).filter(name => name !== 'run' && name !== 'hook');
    expect(Object.keys(routes).toSorted()).toEqual(served.toSorted());
    const commands = new Set(words.filter(one => one.load !== undefined).map(one => one.words));
    // One pass is `run --once`, measures are for programs, and webhooks are `events --webhooks`.
    const aside = ['reconcile', 'measures', 'webhooks'];
    const without = served.filter(name => !commands.has(name.replace('.', ' ')) && !aside.includes(name));
    expect(without).toEqual([]);
  });

  it('are all different, and none that changes something is a GET', () => {
    expect(new Set(Object.values(routes)).size).toBe(Object.keys(routes).length);
    expect(all.filter(one => one.effect === 'changes' && one.method === 'GET')).toEqual([]);
  });

  it.each(all.map(one => [one.operation, one] as const))(
    '%s takes all of its input, each member once',
    async (name, route) => {
      const operation = (await engine.describe(name)).input as unknown as { properties: object };
      const members = [...Object.keys(route.params.properties), ...Object.keys(route.rest.properties)];
      expect(members.toSorted()).toEqual(Object.keys(operation.properties).toSorted());
      expect(Object.keys(route.params.properties)).toEqual([...route.url.matchAll(/:(\w+)/g)].map(one => one[1]));
    },
  );
});

describe.each(all.map(one => [`${one.method} ${one.url}`, one] as const))('%s', (_, route) => {
  it.each([undefined, 'unknown', ...roles])('as %s', async who => {
    const role = roles.find(one => one === who);
    const expected = role === undefined ? 401 : allows(role, route.role) ? 200 : 403;
    const response = await server.inject({ ...requestOf(route), headers: who === undefined ? {} : as(who) });
    expect(response.statusCode, response.body).toBe(expected);
    expect(response.headers['www-authenticate']).toBe(expected === 401 ? 'Bearer' : undefined);
    const codes: Readonly<Record<number, string>> = { 401: 'token-missing', 403: 'role-missing' };
    expect(response.json<{ code?: string }>().code).toBe(codes[expected]);
    const performed = asked.map(one => [(one as unknown[])[0], (one as unknown[])[2]]);
    expect(performed).toEqual(
      expected === 200 ? [[route.operation, { name: `a-${who ?? ''}`, by: 'api', from: '127.0.0.1', token: who }]] : [],
    );
    const told = refusals.map(one => [one.what, one.from, one.code, one.who?.token]);
    const isTold = expected !== 200 && route.effect === 'changes';
    expect(told).toEqual(isTold ? [[route.operation, '127.0.0.1', codes[expected], role]] : []);
  });
});

describe('GET /metrics', () => {
  it.each([undefined, 'unknown', ...roles])('as %s', async who => {
    answer = async () => [];
    const response = await server.inject({ url: '/metrics', headers: who === undefined ? {} : as(who) });
    expect(response.statusCode).toBe(roles.some(one => one === who) ? 200 : 401);
    expect(asked).toEqual(
      roles.some(one => one === who) ? [['measures', {}, { name: `a-${who ?? ''}`, by: 'api' }]] : [],
    );
  });

  it('tells what the controller knows, and of the process that answers, in the text format', async () => {
    answer = async () => [{ name: 'portoser_machine_load1', labels: ['m1'], value: 0.5 }];
    const { headers, body } = await server.inject({ url: '/metrics', headers: as('viewer') });
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body).toContain('# TYPE portoser_machine_load1 gauge\nportoser_machine_load1{machine="m1"} 0.5\n');
    expect(body).toContain('\nportoser_build_info{version="9.8.7"} 1\n');
    expect(body).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  });
});

describe('what is asked', () => {
  const admin = as('admin');

  it('comes together from address, query and body', async () => {
    await server.inject({ method: 'PATCH', url: '/api/machines/m%201', payload: { port: 22 }, headers: admin });
    await server.inject({ url: '/api/events?limit=5&service=web', headers: admin });
    await server.inject({ url: '/api/plan?services=web&again=true', headers: admin });
    await server.inject({ url: '/api/plan?services=web&services=api', headers: admin });
    await server.inject({ method: 'POST', url: '/api/reconcile', headers: admin });
    expect(asked.map(one => (one as unknown[]).slice(0, 2))).toEqual([
      ['machine.update', { name: 'm 1', port: 22 }],
      ['events', { limit: 5, service: 'web' }],
      ['plan', { services: ['web'], again: true }],
      ['plan', { services: ['web', 'api'] }],
      ['reconcile', {}],
    ]);
  });

  it.each([
    [
      'a member that there is not',
      'PATCH',
      '/api/machines/m1',
      { prot: 22 },
      400,
      'body must NOT have additional properties: prot',
    ],
    ['a name beside the one in the address', 'PATCH', '/api/machines/m1', { name: 'm2' }, 400, 'name'],
    ['a text with a NUL byte', 'PATCH', '/api/machines/m1', { host: 'a\0b' }, 400, 'body/host must match pattern'],
    ['a number as text', 'PATCH', '/api/machines/m1', { port: '22' }, 400, 'body/port must be integer'],
    ['a word that is none of those', 'PATCH', '/api/machines/m1', { arch: 'z80' }, 400, 'amd64'],
    [
      'nothing where something is needed',
      'POST',
      '/api/machines',
      undefined,
      400,
      "must have required property 'name'",
    ],
    ['a list as body', 'POST', '/api/machines', [], 400, 'body must be object'],
    ['null as body', 'POST', '/api/suspend', 'null', 400, "must have required property 'reason'"],
    ['what is no JSON', 'POST', '/api/suspend', '{', 400, 'JSON'],
    ['__proto__', 'POST', '/api/suspend', '{"__proto__": {}}', 400, ''],
    ['a query that is none', 'GET', '/api/events?limit=many', undefined, 400, 'query/limit must be integer'],
    ['a member of the query that there is not', 'GET', '/api/logs/web?follow=true', undefined, 400, 'follow'],
    ['too much', 'POST', '/api/import', { file: 'x', text: 'y'.repeat(1024 * 1024) }, 413, ''],
  ] as const)('%s is refused', async (_, method, url, body, status, detail) => {
    const payload = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
    const headers = { ...admin, ...(payload === undefined ? {} : { 'content-type': 'application/json' }) };
    const response = await server.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
    expect(response.statusCode, response.body).toBe(status);
    expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(response.json()).toMatchObject({ code: 'request-invalid', status, retry: 'never' });
    expect(response.json<{ detail: string }>().detail).toContain(detail);
    expect(asked).toEqual([]);
  });

  it('in another form than JSON is refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const headers = { ...admin, 'content-type': type };
      const response = await server.inject({ method: 'POST', url: '/api/suspend', payload: '{"reason":"x"}', headers });
      expect(response.statusCode).toBe(415);
    }
    expect(asked).toEqual([]);
  });
});

describe('what fails', () => {
  const failing = async (thrown: unknown) => {
    answer = () => Promise.reject(thrown);
    return await server.inject({ url: '/api/status', headers: as('viewer') });
  };

  it('is told with code, hint and details of the catalogue', async () => {
    const response = await failing(new AppError('ssh-unreachable', 'm1 is off', { details: { host: 'h' } }));
    expect(response.statusCode).toBe(502);
    expect(response.json()).toEqual({
      type: '/api/docs#ssh-unreachable',
      title: catalogue['ssh-unreachable'].title,
      status: 502,
      detail: 'm1 is off',
      code: 'ssh-unreachable',
      hint: catalogue['ssh-unreachable'].hint,
      retry: 'backoff',
      details: { host: 'h' },
    });
    expect(faults).toEqual([]);
  });

  it('as a bug of ours is told to the log, and not to who asked', async () => {
    const response = await failing(new TypeError('cannot read /secret/place'));
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toContain('secret');
    expect(faults.map(one => one.message)).toEqual(['cannot read /secret/place']);
  });

  it('because there is no such address, says where to look', async () => {
    const response = await server.inject({ url: '/api/nothing?token=x', headers: as('viewer') });
    expect(response.json()).toMatchObject({ status: 404, code: 'route-unknown', detail: 'GET /api/nothing' });
  });
});

describe('without a token', () => {
  it('the health of the process, and how to ask, are told', async () => {
    expect((await server.inject('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await server.inject('/readyz')).statusCode).toBe(503);
    ready = true;
    expect((await server.inject('/readyz')).json()).toEqual({ status: 'ready' });
  });

  it('takes turns with what else goes on: of many that are asked at once few are answered before that', async () => {
    let turn = 0;
    const begunIn: number[] = [];
    const counted = await buildServer(parts({ ready: () => begunIn.push(turn) > 0 }));
    const answers = Promise.all(Array.from({ length: 20 }, () => counted.inject('/readyz')));
    while (begunIn.length < 20) {
      await nextTurn();
      turn += 1;
    }
    expect(begunIn.slice(2).every((later, at) => later > (begunIn[at] ?? Number.NaN))).toBe(true);
    expect((await answers).map(one => one.statusCode)).toEqual(Array(20).fill(200));
    await counted.close();
  });

  it('the page shows them too, and loads nothing', async () => {
    const page = await server.inject('/api/docs');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
    for (const route of all) expect(page.body).toContain(`<code>${route.method} ${route.url}</code>`);
    for (const topic of topicNames) expect(page.body).toContain(`<code>${topic}</code>`);
    for (const code of Object.values(closeCodes)) expect(page.body).toContain(`<td>${code}</td>`);
    for (const code of Object.keys(catalogue)) expect(page.body).toContain(`id="${code}"`);
    expect(/<script|<link|<img|(src|href)="(?!\/api\/)|url\(/.test(page.body)).toBe(false);
  });

  it('every answer forbids what it is not meant for', async () => {
    for (const url of ['/healthz', '/api/status', '/nowhere', '/api/openapi.json']) {
      const { headers } = await server.inject(url);
      expect(headers, url).toMatchObject({
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'cache-control': 'no-store',
      });
    }
  });
});

describe('with no tokens at all (--auth none)', () => {
  const inject = async (headers: Record<string, string>) => {
    const open = await buildServer(parts({ auth: 'none' }));
    try {
      return await open.inject({ method: 'POST', url: '/api/reconcile', headers });
    } finally {
      await open.close();
    }
  };

  it.each(['localhost:8750', '127.0.0.1:8750', '[::1]:8750', 'LOCALHOST'])('%s is answered', async host => {
    expect((await inject({ host })).statusCode).toBe(200);
    expect(asked).toEqual([['reconcile', {}, { name: 'local', by: 'api', from: '127.0.0.1' }]]);
  });

  it.each([
    [{ host: 'evil.example' }],
    [{ host: '127.0.0.1.evil.example' }],
    [{ host: 'localhost:8750', origin: 'https://evil.example' }],
    [{ host: 'localhost:8750', origin: 'http://localhost:3000' }],
    [{ host: 'localhost:8750', origin: 'null' }],
  ])('%j is another page, or leads here by another name', async headers => {
    const response = await inject(headers);
    expect(response.json()).toMatchObject({ status: 403, code: 'origin-refused' });
    expect(asked).toEqual([]);
  });
});
