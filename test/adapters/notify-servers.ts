// Servers that take messages as the published interfaces of the services say, and refuse what these would refuse.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
  readonly raw: string;
}

export interface Reply {
  readonly status: number;
  readonly body?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Service {
  readonly url: string;
  /** What was accepted. */
  readonly taken: Asked[];
  /** What is answered instead, once each, in order. */
  readonly next: Reply[];
  close(): Promise<void>;
}

function answer(response: ServerResponse, { status, body = '', headers = {} }: Reply): void {
  const type = typeof body === 'string' ? 'text/plain' : 'application/json';
  response.writeHead(status, { 'content-type': type, ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** A service on the loopback; `judge` is its published interface; undefined: it never answers. */
export async function serve(judge: (asked: Asked) => Reply | undefined): Promise<Service> {
  const taken: Asked[] = [];
  const next: Reply[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const raw = Buffer.concat(chunks).toString('utf8');
      const body = isJson(raw) ? (JSON.parse(raw) as Asked['body']) : {};
      const asked = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body, raw };
      const instead = next.shift();
      const reply = instead ?? judge(asked);
      if (reply === undefined) return;
      if (instead === undefined && reply.status < 300) taken.push(asked);
      answer(response, reply);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    next,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const ofJson = ({ headers }: Asked): boolean => (headers['content-type'] ?? '').startsWith('application/json');
const onlyKeys = (body: object, ...known: readonly string[]): boolean =>
  Object.keys(body).every(key => known.includes(key));

/** https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: `ok`, `invalid_payload`, `no_text`, `no_service`. */
export function slackLike(path: string): (asked: Asked) => Reply {
  return asked => {
    if (asked.path !== path) return { status: 404, body: 'no_service' };
    if (asked.method !== 'POST' || !ofJson(asked)) return { status: 400, body: 'invalid_payload' };
    const { text } = asked.body;
    if (typeof text !== 'string' || text === '') return { status: 400, body: 'no_text' };
    if (!onlyKeys(asked.body, 'text', 'blocks', 'attachments', 'thread_ts', 'mrkdwn', 'unfurl_links', 'unfurl_media'))
      return { status: 400, body: 'invalid_payload' };
    return { status: 200, body: 'ok' };
  };
}

/** https://docs.discord.com/developers/resources/webhook#execute-webhook: with `wait` the message, without 204. */
export function discordLike(path: string): (asked: Asked) => Reply {
  return asked => {
    const url = new URL(asked.path, 'http://x');
    if (url.pathname !== path) return { status: 404, body: { message: 'Unknown Webhook', code: 10015 } };
    const {
      content = '',
      embeds = [],
      allowed_mentions: mentions,
    } = asked.body as {
      content?: string;
      embeds?: readonly { title?: string; description?: string; color?: number; timestamp?: string }[];
      allowed_mentions?: { parse?: readonly string[] };
    };
    const fits = embeds.every(
      ({ title = '', description = '', color = 0, timestamp = '2026-01-01T00:00:00.000Z' }) =>
        title.length <= 256 &&
        description.length <= 4096 &&
        Number.isInteger(color) &&
        color <= 0xff_ff_ff &&
        new Date(timestamp).toISOString() === timestamp,
    );
    if (!ofJson(asked) || content.length > 2000 || !fits || (content === '' && embeds.length === 0))
      return { status: 400, body: { message: 'Invalid Form Body', code: 50035 } };
    if (mentions?.parse?.length !== 0) return { status: 400, body: { message: 'it would call people' } };
    return url.searchParams.get('wait') === 'true' ? { status: 200, body: { id: '1' } } : { status: 204 };
  };
}

/** https://docs.ntfy.sh/publish/#publish-as-json: to the root, with the topic in the body. */
export function ntfyLike(topic: string, token: string): (asked: Asked) => Reply {
  return asked => {
    if (asked.method !== 'POST' || asked.path !== '/')
      return { status: 404, body: { code: 40401, http: 404, error: 'page not found' } };
    if (asked.headers.authorization !== `Bearer ${token}`)
      return { status: 401, body: { code: 40101, http: 401, error: 'unauthorized' } };
    const { body } = asked;
    const priority = body['priority'];
    const sound =
      body['topic'] === topic &&
      /^[-_A-Za-z0-9]{1,64}$/.test(topic) &&
      Buffer.byteLength(String(body['message'])) <= 4096 &&
      Number.isInteger(priority) &&
      Number(priority) >= 1 &&
      Number(priority) <= 5 &&
      Array.isArray(body['tags']) &&
      onlyKeys(body, 'topic', 'message', 'title', 'tags', 'priority', 'actions', 'click', 'attach', 'markdown', 'icon');
    if (!sound)
      return {
        status: 400,
        body: { code: 40024, http: 400, error: 'invalid request: request body must be message JSON' },
      };
    return { status: 200, body: { id: 'x', time: 1, event: 'message', topic, message: body['message'] } };
  };
}

/** https://gotify.net/docs/pushmsg, https://gotify.net/docs/msgextras */
export function gotifyLike(token: string): (asked: Asked) => Reply {
  return asked => {
    if (asked.method !== 'POST' || asked.path !== '/push/message')
      return { status: 404, body: { error: 'Not Found', errorCode: 404 } };
    if (asked.headers['x-gotify-key'] !== token)
      return {
        status: 401,
        body: { error: 'Unauthorized', errorCode: 401, errorDescription: 'you need to provide a valid access token' },
      };
    const { message, title, priority } = asked.body;
    const sound =
      typeof message === 'string' && message !== '' && typeof title === 'string' && Number.isInteger(priority);
    if (!sound || !ofJson(asked)) return { status: 400, body: { error: 'Bad Request', errorCode: 400 } };
    return { status: 200, body: { id: 25, appid: 5, message, title, priority, date: '2026-11-28T12:00:00Z' } };
  };
}

/** https://core.telegram.org/bots/api#making-requests, #sendmessage */
export function telegramLike(token: string, chat: number | string): (asked: Asked) => Reply {
  return asked => {
    if (!asked.path.startsWith(`/bot${token}/`))
      return { status: 401, body: { ok: false, error_code: 401, description: 'Unauthorized' } };
    if (asked.path !== `/bot${token}/sendMessage`)
      return { status: 404, body: { ok: false, error_code: 404, description: 'Not Found' } };
    const { chat_id: to, text } = asked.body;
    if (to !== chat)
      return { status: 400, body: { ok: false, error_code: 400, description: 'Bad Request: chat not found' } };
    if (typeof text !== 'string' || text === '' || text.length > 4096)
      return { status: 400, body: { ok: false, error_code: 400, description: 'Bad Request: message is too long' } };
    return { status: 200, body: { ok: true, result: { message_id: 1, date: 1, text } } };
  };
}

/** https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid: one event for one transaction id. */
export function matrixLike(token: string, room: string): (asked: Asked) => Reply {
  const events = new Map<string, string>();
  return asked => {
    if (asked.headers.authorization !== `Bearer ${token}`)
      return { status: 401, body: { errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid access token' } };
    const [, at, txn] =
      /^\/_matrix\/client\/v3\/rooms\/([^/]+)\/send\/m\.room\.message\/([^/]+)$/.exec(asked.path) ?? [];
    if (asked.method !== 'PUT' || at === undefined || txn === undefined)
      return { status: 404, body: { errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' } };
    if (decodeURIComponent(at) !== room)
      return { status: 403, body: { errcode: 'M_FORBIDDEN', error: 'User not in room' } };
    const { msgtype, body } = asked.body;
    if (!['m.text', 'm.notice'].includes(String(msgtype)) || typeof body !== 'string')
      return { status: 400, body: { errcode: 'M_BAD_JSON', error: 'body' } };
    const event = events.get(txn) ?? `$e${events.size + 1}`;
    events.set(txn, event);
    return { status: 200, body: { event_id: event } };
  };
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
export function webhookLike(key: string): (asked: Asked) => Reply {
  return asked => {
    const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures = '' } = asked.headers;
    const bytes = Buffer.from(key.replace('whsec_', ''), 'base64');
    const wanted = `v1,${createHmac('sha256', bytes)
      .update(`${String(id)}.${String(seconds)}.${asked.raw}`)
      .digest('base64')}`;
    if (!String(signatures).split(' ').includes(wanted)) return { status: 401, body: 'signature' };
    return { status: 204 };
  };
}
