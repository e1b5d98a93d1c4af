// A forge in the test's process that is strict about what it is asked: paths, methods, fields and types as the published APIs have them.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** Instead of JSON. */
  readonly text?: string;
}

/** Undefined: there is nothing at this address. */
export type Answer = (asked: Asked) => Reply | undefined;

export interface ForgeServer {
  readonly url: string;
  readonly asked: Asked[];
  /** Answers before the forge does, such as an outage; undefined: the forge answers. */
  before: Answer;
}

async function read(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

function send(response: ServerResponse, reply: Reply): void {
  const { status = 200, headers = {}, json, text } = reply;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(text ?? (json === undefined ? '' : JSON.stringify(json)));
}

/** Ends with the test. */
export async function startForgeServer(answer: Answer): Promise<ForgeServer> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '', 'http://forge');
      const one: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        body: await read(request),
      };
      asked.push(one);
      send(response, running.before(one) ?? answer(one) ?? { status: 404, json: { message: 'Not Found' } });
    })();
  });
  await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready));
  onTestFinished(
    () =>
      new Promise<void>(stopped => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  );
  const running: ForgeServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    before: () => undefined,
  };
  return running;
}

/** Throws where a body is not what an API documents: all of `needs`, nothing but these and `may`. */
export function checkBody(
  body: unknown,
  needs: readonly string[],
  may: readonly string[] = [],
): Record<string, string> {
  if (typeof body !== 'object' || body === null) throw new Error('there is no JSON body');
  const names = Object.keys(body);
  const missing = needs.filter(name => typeof (body as Record<string, unknown>)[name] !== 'string');
  const odd = names.filter(name => !needs.includes(name) && !may.includes(name));
  if (missing.length + odd.length > 0) throw new Error(`body: missing ${missing.join()}, not known ${odd.join()}`);
  return body as Record<string, string>;
}
