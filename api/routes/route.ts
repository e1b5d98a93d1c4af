// One operation as a route: what of its input stands in the address, what in the query, what in the body.
import type { Engine } from '../../reconciler/engine.js';
import type { Role } from '../../schema/access.js';
import { type Method, routes, type Served } from './table.js';

interface PlainSchema {
  readonly type?: string;
  readonly description?: string;
  readonly items?: PlainSchema;
}

export interface Part {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: Readonly<Record<string, PlainSchema>>;
  readonly required: readonly string[];
}

export interface Route {
  readonly operation: Served;
  readonly summary: string;
  readonly effect: 'reads' | 'changes';
  readonly role: Role;
  readonly method: Method;
  /** `/api/machines/:name` */
  readonly url: string;
  readonly params: Part;
  /** Everything else: in the body of POST and PATCH, in the query of GET and DELETE. */
  readonly rest: Part;
  readonly restIn: 'body' | 'querystring';
}

export const servedNames = Object.keys(routes) as readonly Served[];

function part(whole: Part, keep: (name: string) => boolean): Part {
  const properties = Object.fromEntries(Object.entries(whole.properties).filter(([name]) => keep(name)));
  const required = whole.required.filter(keep);
  return { type: 'object', additionalProperties: false, properties, required };
}

async function readRoute(engine: Pick<Engine, 'describe'>, operation: Served): Promise<Route> {
  const { summary, effect, role, input } = await engine.describe(operation);
  const [method, url] = routes[operation].split(' ') as [Method, string];
  const named = new Set([...url.matchAll(/:(\w+)/g)].map(([, name]) => name ?? ''));
  const whole = input as unknown as Part;
  return {
    operation,
    summary,
    effect,
    role,
    method,
    url,
    params: part(whole, name => named.has(name)),
    rest: part(whole, name => !named.has(name)),
    restIn: method === 'POST' || method === 'PATCH' ? 'body' : 'querystring',
  };
}

export function readRoutes(engine: Pick<Engine, 'describe'>): Promise<readonly Route[]> {
  return Promise.all(servedNames.map(operation => readRoute(engine, operation)));
}

/** A query knows only text: what the schema calls a number, a flag or a list becomes one; what is none stays, and is refused. */
export function readQuery(query: Readonly<Record<string, unknown>>, { properties }: Part): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).map(([name, written]) => [name, readValue(written, properties[name])]),
  );
}

function readValue(written: unknown, schema: PlainSchema | undefined): unknown {
  switch (schema?.type) {
    case 'integer':
      return typeof written === 'string' && /^-?\d{1,16}$/.test(written) ? Number(written) : written;
    case 'boolean':
      return written === 'true' ? true : written === 'false' ? false : written;
    case 'array':
      return typeof written === 'string' ? [written] : written;
    default:
      return written;
  }
}
