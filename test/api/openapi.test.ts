// The OpenAPI document against the server that it is of: every route, both ways; what it refers to; and what forges are told.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forgeHooks, forgeOf } from '../../api/hooks/index.js';
import { buildServer } from '../../api/server.js';
import { createEngine } from '../../reconciler/engine.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { answers } from '../../schema/answer-schemas.js';
import { AppError, catalogue } from '../../schema/errors.js';
import { createRedactor } from '../../schema/redact.js';
import { type OpenApi, operationsOf, problemFaults } from './openapi-document.js';

const engine = createEngine({
  settings: resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 }),
  open: () => Promise.reject(new AppError('ssh-unreachable', 'no world')),
  close: async () => undefined,
});

let server: Awaited<ReturnType<typeof buildServer>>;
let document: OpenApi;
beforeAll(async () => {
  server = await buildServer({
    engine,
    auth: 'none',
    version: '9.8.7',
    webhookSecrets: ['c0ffee-c0ffee-5eaf00d'],
    ready: () => true,
    onFault: error => {
      throw error;
    },
  });
  document = (await server.inject({ url: '/api/openapi.json', headers: { host: 'localhost' } })).json<OpenApi>();
});
afterAll(() => server.close());

/** Names of what stands in an address do not matter: Fastify keeps those of one place together. */
const withoutNames = (url: string): string => url.replaceAll(/:\w+(\|:\w+)*|\{\w+\}/g, ':');

/** From the tree that Fastify prints: `│   └── /:name (GET, PATCH)`, each line below what it goes on from. */
function servedRoutes(): readonly string[] {
  const above: string[] = [];
  return server
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap(line => {
      const [, indent, part = '', methods = ''] = /^([│ ]*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
      if (indent === undefined) return [];
      above.splice(indent.length / 4, Infinity, part);
      return methods.split(', ').flatMap(one => (one === '' ? [] : [`${one} ${withoutNames(above.join(''))}`]));
    });
}

describe('the OpenAPI document, asked for by many', () => {
  it('is masked and written once, and anew when there is more to mask', async () => {
    const redactor = createRedactor();
    let walks = 0;
    const counting: typeof redactor = { ...redactor, value: value => ((walks += 1), redactor.value(value)) };
    const parts = { auth: 'none', version: 'hunter2-hunter2', ready: () => true, onFault: () => undefined } as const;
    const other = await buildServer({ ...parts, engine: { ...engine, redactor: counting } });
    const ask = async () => (await other.inject('/api/openapi.json')).body;
    const bodies = await Promise.all([ask(), ask(), ask()]);
    bodies.push(await ask());
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).toContain('hunter2');
    expect(walks).toBe(1);
    redactor.learn([{ value: 'hunter2-hunter2' }]);
    for (const body of [await ask(), await ask()]) expect(JSON.parse(body)).toMatchObject({ info: { version: '***' } });
    expect(walks).toBe(2);
    await other.close();
  });
});

describe('the OpenAPI document', () => {
  it('has every route that the server has, and no other', () => {
    const told = operationsOf(document).map(one => `${one.method} ${withoutNames(one.path)}`);
    expect(told.toSorted()).toEqual([...servedRoutes()].toSorted());
    expect(told.length).toBeGreaterThan(55);
  });

  it('is of this version, names each operation once, and refers only to what it has', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '9.8.7' } });
    const ids = operationsOf(document).map(one => one.operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const text = JSON.stringify(document);
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([\w.-]+)"/g))
      expect(Object.keys(document.components.schemas)).toContain(name);
  });

  it('says of every operation what it answers', () => {
    for (const { operation } of operationsOf(document)) {
      const answer = answers[operation.operationId];
      if (answer === undefined || operation.operationId === 'hook') continue;
      expect(operation.responses['200']?.content?.['application/json']?.schema).toEqual(answer);
      expect(operation.responses['default']?.content).toHaveProperty(['application/problem+json']);
    }
  });

  it('has schemas that ajv takes strictly', () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false });
    ajv.addKeyword('components');
    ajv.addSchema({ components: document.components }, 'document');
    for (const name of Object.keys(document.components.schemas))
      expect(ajv.getSchema(`document#/components/schemas/${name}`), name).toBeDefined();
  });

  it('says what is needed, by role and place', () => {
    const { get, patch } = document.paths['/api/machines/{name}'] ?? {};
    expect(get).toMatchObject({ 'x-role': 'viewer', parameters: [{ name: 'name', in: 'path', required: true }] });
    expect(patch).toMatchObject({
      requestBody: { content: { 'application/json': { schema: { additionalProperties: false } } } },
    });
  });

  it('says of an error just what comes', async () => {
    for (const url of ['/api/status', '/api/nothing', '/api/events?limit=x']) {
      const response = await server.inject({ url, headers: { host: 'localhost' } });
      expect(response.statusCode).toBeGreaterThanOrEqual(400);
      expect(problemFaults(document, response.json())).toBeUndefined();
    }
    expect(problemFaults(document, { ...catalogue['internal'] })).toContain('required');
  });

  it('says of every forge what it is known by, and what signs', () => {
    const hook = document.paths['/hooks/git']?.['post'];
    const forges = hook?.['x-forges'] as readonly { forge: string; event: string | null; signedIn: string[] }[];
    expect(forges.map(one => one.forge)).toEqual(forgeHooks.map(one => one.forge));
    const names = hook?.parameters?.map(one => one.name.toLowerCase());
    for (const { forge, event, signedIn } of forges) {
      expect(forgeOf(event === null ? {} : { [event]: 'push' }).forge).toBe(forge);
      for (const name of signedIn) {
        expect(names).toContain(name.toLowerCase());
        // With the other headers of Standard Webhooks, one by one: each is looked at.
        const rest = name === 'webhook-signature' ? { 'webhook-id': '1', 'webhook-timestamp': '1' } : {};
        const headers = { ...rest, [name.toLowerCase()]: 'x' };
        expect(forgeHooks.find(one => one.forge === forge)?.fits(headers, Buffer.from(''), ['s'])).toBe(false);
      }
    }
  });
});
