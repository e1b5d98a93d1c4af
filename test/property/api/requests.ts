// Requests for every address of the OpenAPI document: right ones, nearly right ones, and what is wrong already as HTTP.
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { roles } from '../../../schema/access.js';
import { type Listed, type OpenApi, operationsOf } from '../../api/openapi-document.js';
import { type Body, bodyOf, hostile, hostileTexts, type Known, nearly, type Schema } from './values.js';
import type { Wire } from './wire.js';

export interface Ask extends Wire {
  readonly operation: string;
  /** Who asks; undefined: nobody. */
  readonly role: string | undefined;
}

const part = (listed: Listed, place: 'path' | 'query'): Schema => {
  const own = (listed.operation.parameters ?? []).filter(one => one.in === place);
  return {
    properties: Object.fromEntries(own.map(one => [one.name, one.schema])),
    required: own.filter(one => one.required).map(one => one.name),
  };
};

const written = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** Lone surrogates cannot be written in an address. */
const wellFormed = (text: string): string => Buffer.from(text).toString();
const encoded = (value: unknown): string => encodeURIComponent(wellFormed(written(value)));

function queryText(query: Body): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value.slice(0, 50) : [value]).map(one => `${encoded(name)}=${encoded(one).slice(0, 3000)}`),
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** What can be wrong besides the values. */
type Wrong = (wire: Wire) => Wire;

const typed =
  (type: string): Wrong =>
  wire => ({ ...wire, headers: { ...wire.headers, 'content-type': type } });
const wrongs: fc.Arbitrary<Wrong> = fc.oneof(
  fc
    .constantFrom(
      'text/plain',
      'application/xml',
      'multipart/form-data; boundary=x',
      'application/json; charset=utf-7',
      ';;;',
    )
    .map(typed),
  fc.nat({ max: 2000 }).map((cutAt): Wrong => wire => ({
    ...wire,
    body: wire.body ?? '{"x": 1}',
    cutAt: Math.min(cutAt, (wire.body ?? '{"x": 1}').length - 1),
  })),
  fc
    .constantFrom('HEAD', 'OPTIONS', 'PUT', 'TRACE', 'DELETE', 'PATCH', 'GET', 'POST', 'PROPFIND', 'BREW')
    .map((method): Wrong => wire => ({ ...wire, method })),
  fc
    .constantFrom(
      '{',
      '[',
      'null',
      '"x"',
      '{"a":1,"a":2}',
      '\ufeff{}',
      '{"__proto__":{"polluted":1}}',
      '{"constructor":{"prototype":{"polluted":1}}}',
      '['.repeat(50_000),
      `${'{"a":'.repeat(20_000)}1`,
      ' '.repeat(200_000),
      '1e400',
    )
    .map((body): Wrong => wire => ({
      ...wire,
      body,
      headers: { ...wire.headers, 'content-type': 'application/json' },
    })),
  fc
    .constantFrom(
      '?',
      '?&&&==',
      '?a=1&a=2',
      '?__proto__=1',
      '?__proto__[polluted]=1',
      '?limit=1&limit=2',
      '?%',
      '?%ff=%00',
      `?${'a&'.repeat(3000)}`,
      '#x',
      '/',
      '//',
      '/..%2f..',
      '%',
      '%00',
      `/${'x'.repeat(9000)}`,
      '?limit=1e3',
    )
    .map((more): Wrong => wire => ({ ...wire, target: `${wire.target}${more}` })),
  fc
    .constantFrom<Readonly<Record<string, string>>>(
      { 'content-length': '-1' },
      { 'content-length': '99999999999' },
      { 'content-length': '5, 6' },
      { 'transfer-encoding': 'chunked' },
      { 'transfer-encoding': 'gzip, chunked' },
      { 'content-encoding': 'gzip' },
      { expect: '100-continue' },
      { expect: 'more' },
      { 'x-long': 'y'.repeat(20_000) },
      { cookie: 'a=b; '.repeat(500) },
      { upgrade: 'h2c', connection: 'upgrade' },
      { origin: 'https://evil.example' },
      { host: '' },
      { authorization: 'Bearer' },
      { authorization: `Bearer ${'a'.repeat(5000)}` },
      { authorization: 'Basic YTpi' },
    )
    .map((more): Wrong => wire => ({ ...wire, headers: { ...wire.headers, ...more } })),
);

const asRight: Wrong = wire => wire;

function fill(path: string, names: Body): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(names[name]));
}

export interface Meaning {
  readonly known: Known;
  /** Beside `known`, for single operations. */
  readonly knownOf: Readonly<Record<string, Known>>;
  /** Members that every body of an operation has, as they must be. */
  readonly fixed: Readonly<Record<string, Body>>;
}

function askOf(listed: Listed, { known, knownOf, fixed }: Meaning): fc.Arbitrary<Ask> {
  const { method, path, operation } = listed;
  const id = operation.operationId;
  const means = { ...known, ...knownOf[id] };
  const own = fixed[id] ?? {};
  const kept = new Set(Object.keys(own));
  const schema: Schema | undefined = operation.requestBody?.content['application/json']?.schema;
  const right = fc.tuple(
    bodyOf(part(listed, 'path'), means),
    bodyOf(part(listed, 'query'), means),
    schema === undefined ? fc.constant(undefined) : bodyOf(schema, means),
  );
  const wrong = fc.tuple(
    fc.oneof(
      bodyOf(part(listed, 'path'), means),
      fc.dictionary(fc.constantFrom(...Object.keys(part(listed, 'path').properties ?? { x: 1 }), 'x'), hostile),
    ),
    nearly(bodyOf(part(listed, 'query'), means), new Set()),
    schema === undefined
      ? fc.option(hostile, { nil: undefined })
      : fc.oneof({ weight: 4, arbitrary: nearly(bodyOf(schema, means), kept) }, { weight: 1, arbitrary: hostile }),
  );
  const role = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('admin', 'operator') },
    { weight: 2, arbitrary: fc.constantFrom('viewer', 'nobody', undefined) },
  );
  const isBody = (body: unknown): body is Body => typeof body === 'object' && body !== null && !Array.isArray(body);
  return fc
    .tuple(
      fc.oneof(right, wrong),
      role,
      fc.oneof({ weight: 4, arbitrary: fc.constant(asRight) }, { weight: 1, arbitrary: wrongs }),
    )
    .map(([[names, query, content], who, change]) => {
      const body =
        content === undefined ? undefined : JSON.stringify(isBody(content) ? { ...content, ...own } : content);
      const authorization = who === undefined ? {} : { authorization: `Bearer ${who}` };
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const wire = {
        method,
        target: `${fill(path, names)}${queryText(query)}`,
        headers: { ...authorization, ...type },
        body,
      };
      return { ...change(wire), operation: id, role: roles.find(one => one === who) };
    });
}

/** A webhook whose signature fits, of a forge or of none, with whatever in it. */
export function hookAsk(secret: string): fc.Arbitrary<Ask> {
  const body = fc.oneof(
    hostile,
    fc.record(
      {
        ref: fc.oneof(fc.constant('refs/heads/trunk'), hostile),
        repository: fc.oneof(fc.record({ full_name: hostile, clone_url: hostile, url: hostile }), hostile),
        pull_request: hostile,
        object_kind: fc.constantFrom('push', 'merge_request', 'x'),
        push: hostile,
        changes: hostile,
      },
      { requiredKeys: [] },
    ),
  );
  const events = ['x-github-event', 'x-gitea-event', 'x-forgejo-event', 'x-gitlab-event', 'x-event-key', 'x-other'];
  const named = fc.tuple(
    fc.constantFrom(...events),
    fc.constantFrom('push', 'ping', 'pull_request', 'repo:push', 'pr:opened', '', 'x'.repeat(500)),
  );
  const form = fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'text/plain');
  return fc
    .tuple(
      body,
      named,
      form,
      fc.oneof({ weight: 4, arbitrary: fc.constant(asRight) }, { weight: 1, arbitrary: wrongs }),
    )
    .map(([content, [event, word], type, change]) => {
      const json = wellFormed(JSON.stringify(content) ?? '');
      const text = type.includes('form') ? `payload=${encodeURIComponent(json)}` : json;
      const hex = createHmac('sha256', secret).update(text).digest('hex');
      const headers = {
        'content-type': type,
        [event]: word,
        'x-hub-signature-256': `sha256=${hex}`,
        'x-hub-signature': `sha256=${hex}`,
        'x-gitea-signature': hex,
        'x-forgejo-signature': hex,
        'x-gitlab-token': secret,
      };
      const wire = { method: 'POST', target: '/hooks/git', headers, body: text };
      return { ...change(wire), operation: 'hook', role: undefined };
    });
}

/** Addresses that there are not. */
const elsewhere: fc.Arbitrary<Ask> = fc
  .tuple(fc.constantFrom('GET', 'POST', 'DELETE'), fc.constantFrom(...hostileTexts), fc.boolean())
  .map(([method, text, raw]) => ({
    method,
    target: raw ? `/${text.replaceAll(/[\s\0-\x20\x7f-\uffff]/g, '~')}` : `/api/${encoded(text)}`,
    headers: { authorization: 'Bearer admin' },
    body: undefined,
    operation: 'nothing',
    role: 'admin',
  }));

export function requests(document: OpenApi, meaning: Meaning, secret: string): fc.Arbitrary<Ask> {
  const all = operationsOf(document).filter(one => one.operation.operationId !== 'hook');
  return fc.oneof(...all.map(one => askOf(one, meaning)), hookAsk(secret), elsewhere);
}
