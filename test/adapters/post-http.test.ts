// What each notifier sends is what its service takes: over real HTTP, to servers that judge by the published interfaces.
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPost } from '../../reconciler/adapters/post.js';
import { sendTo } from '../../reconciler/loop/announce-send.js';
import { createRedactor } from '../../schema/redact.js';
import { AppError } from '../../schema/errors.js';
import type { Destination, Message } from '../../schema/notify.js';
import {
  discordLike,
  gotifyLike,
  matrixLike,
  ntfyLike,
  serve,
  type Service,
  slackLike,
  telegramLike,
  webhookLike,
} from './notify-servers.js';

let folder: string;
const services: Service[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portoser-post-'));
});
afterEach(async () => {
  await Promise.all(services.splice(0).map(one => one.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function running(judge: Parameters<typeof serve>[0]): Promise<Service> {
  const service = await serve(judge);
  services.push(service);
  return service;
}

const message: Message = {
  id: 'm-1/é',
  state: 'open',
  kind: 'deploy.failed',
  cluster: 'home',
  at: Date.parse('2026-11-28T12:00:00Z'),
  items: [
    {
      state: 'open',
      kind: 'deploy.failed',
      key: 'deploy.failed:web@m1',
      subject: 'web@m1',
      what: 'could not be deployed',
      why: 'it answered <500> & "no" – @everyone',
      todo: 'Correct it in git. See `portoser why web`.',
      commit: '0123456789abcdef',
      sinceAt: Date.parse('2026-11-28T11:59:00Z'),
      at: Date.parse('2026-11-28T12:00:00Z'),
    },
  ],
};

/** Later than it was written. */
const sentAt = Date.parse('2026-11-28T12:30:00Z');

const to = (more: Pick<Destination, 'type'> & Partial<Destination>): Destination => ({
  name: more.type,
  on: ['deploy.failed'],
  urgent: [],
  ...more,
});

function send(destination: Destination, env: Readonly<Record<string, string>> = {}, sent = message): Promise<string> {
  return sendTo({ post: openPost({ env, folder }), redactor: createRedactor() }, destination, sent, { now: sentAt });
}

const refused = (destination: Destination, env?: Readonly<Record<string, string>>): Promise<AppError> =>
  send(destination, env).then(
    answer => Promise.reject(new Error(`it was taken: ${answer}`)),
    (thrown: unknown) => (thrown instanceof AppError ? thrown : Promise.reject(thrown as Error)),
  );

const everything = [/web@m1 could not be deployed/, /500/, /0123456789ab/, /portoser why web/];

describe('each service takes its message', () => {
  it('slack', async () => {
    const path = '/services/T000/B000/xyz';
    const service = await running(slackLike(path));
    const answer = await send(to({ type: 'slack', url: 'env:PORTOSER_NOTIFY_SLACK' }), {
      PORTOSER_NOTIFY_SLACK: `${service.url}${path}`,
    });
    expect(answer).toBe('200 OK: ok');
    const text = String(service.taken[0]?.body['text']);
    for (const one of everything) expect(text).toMatch(one);
    expect(text).toContain('&lt;500&gt; &amp; "no"');
  });

  it('discord', async () => {
    const service = await running(discordLike('/api/webhooks/1/abc'));
    expect(await send(to({ type: 'discord', url: `${service.url}/api/webhooks/1/abc` }))).toBe('200 OK: {"id":"1"}');
    for (const one of everything) expect(service.taken[0]?.raw).toMatch(one);
  });

  it('ntfy', async () => {
    const service = await running(ntfyLike('home-ops', 'tk_1234567890'));
    const destination = to({ type: 'ntfy', url: `${service.url}/home-ops`, secret: 'env:PORTOSER_NOTIFY_NTFY' });
    await send(destination, { PORTOSER_NOTIFY_NTFY: 'tk_1234567890' });
    expect(service.taken[0]?.body).toMatchObject({
      topic: 'home-ops',
      priority: 4,
      title: expect.stringContaining('web@m1') as string,
    });
    await send(destination, { PORTOSER_NOTIFY_NTFY: 'tk_1234567890' }, { ...message, urgent: true });
    expect(service.taken[1]?.body).toMatchObject({ priority: 5 });
  });

  it('gotify, below a path', async () => {
    const service = await running(gotifyLike('AppT0ken'));
    writeFileSync(join(folder, 'gotify'), 'AppT0ken\n', { mode: 0o600 });
    await send(to({ type: 'gotify', url: `${service.url}/push/`, secret: 'file:gotify' }));
    for (const one of everything) expect(service.taken[0]?.raw).toMatch(one);
  });

  it.each([
    ['-1001234567', -1001234567],
    ['@my_channel', '@my_channel'],
  ])('telegram to %s', async (chat, id) => {
    const service = await running(telegramLike('123:ABC-def', id));
    await send(to({ type: 'telegram', url: service.url, secret: 'env:PORTOSER_NOTIFY_BOT', chat }), {
      PORTOSER_NOTIFY_BOT: '123:ABC-def',
    });
    for (const one of everything) expect(String(service.taken[0]?.body['text'])).toMatch(one);
  });

  it('matrix: what is sent twice is one event', async () => {
    const service = await running(matrixLike('syt_abc', '!ops:home.example'));
    const destination = to({
      type: 'matrix',
      url: service.url,
      secret: 'env:PORTOSER_NOTIFY_MATRIX',
      room: '!ops:home.example',
    });
    const env = { PORTOSER_NOTIFY_MATRIX: 'syt_abc' };
    expect(await send(destination, env)).toBe('200 OK: {"event_id":"$e1"}');
    expect(await send(destination, env)).toBe('200 OK: {"event_id":"$e1"}');
    expect(await send(destination, env, { ...message, id: 'm-2' })).toBe('200 OK: {"event_id":"$e2"}');
  });

  it('webhook: the whole message, signed', async () => {
    const key = `whsec_${Buffer.from('a key of some length').toString('base64')}`;
    const service = await running(webhookLike(key));
    const destination = to({ type: 'webhook', url: `${service.url}/hook?a=b`, secret: 'env:PORTOSER_NOTIFY_KEY' });
    expect(await send(destination, { PORTOSER_NOTIFY_KEY: key })).toBe('204 No Content');
    expect(service.taken[0]).toMatchObject({
      path: '/hook?a=b',
      headers: { 'webhook-timestamp': String(sentAt / 1000) },
      body: { ...message, title: expect.any(String) as string },
    });
    expect((await refused(destination, { PORTOSER_NOTIFY_KEY: 'whsec_YW5vdGhlciBrZXk=' })).code).toBe('notify-refused');
  });

  it('cut where a service takes no more', async () => {
    const [item] = message.items;
    if (item === undefined) throw new Error('no item');
    const long = {
      ...message,
      items: Array.from({ length: 500 }, (_, index) => ({ ...item, subject: `é${index}${'x'.repeat(40)}` })),
    };
    const path = '/s';
    const [ntfy, telegram, discord] = [
      await running(ntfyLike('t', 'tk')),
      await running(telegramLike('1:A', 1)),
      await running(discordLike(path)),
    ];
    await send(
      to({ type: 'ntfy', url: `${ntfy.url}/t`, secret: 'env:PORTOSER_NOTIFY_A' }),
      { PORTOSER_NOTIFY_A: 'tk' },
      long,
    );
    await send(
      to({ type: 'telegram', url: telegram.url, secret: 'env:PORTOSER_NOTIFY_A', chat: '1' }),
      { PORTOSER_NOTIFY_A: '1:A' },
      long,
    );
    await send(to({ type: 'discord', url: `${discord.url}${path}` }), {}, long);
    expect([ntfy, telegram, discord].map(one => one.taken.length)).toEqual([1, 1, 1]);
  });
});

describe('what does not get there', () => {
  it('is told with the service’s answer, without address and token', async () => {
    const service = await running(telegramLike('999:real', 1));
    const destination = to({ type: 'telegram', url: service.url, secret: 'env:PORTOSER_NOTIFY_BOT', chat: '1' });
    const error = await refused(destination, { PORTOSER_NOTIFY_BOT: '123:wrong-token' });
    expect(error.code).toBe('notify-refused');
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+ answered 401 Unauthorized: .*"Unauthorized"/);
    expect(JSON.stringify([error.message, error.details, error.cause, error.stack])).not.toContain('wrong-token');
  });

  it('has its secrets masked also where the service repeats them', async () => {
    const secret = 'p&ss "w"/token';
    const path = '/services/T000/B000/verysecret';
    const service = await running(asked => ({
      status: 400,
      body: `${asked.path} ${String(asked.headers['x-gotify-key'])} ${Buffer.from(secret).toString('base64')} ${encodeURIComponent(secret)}`,
    }));
    const gotify = await refused(to({ type: 'gotify', url: service.url, secret: 'env:PORTOSER_NOTIFY_A' }), {
      PORTOSER_NOTIFY_A: secret,
    });
    expect(gotify.message).toContain('answered 400 Bad Request: /message *** *** ***');
    const slack = await refused(to({ type: 'slack', url: `${service.url}${path}` }));
    expect(slack.message).not.toContain('verysecret');
  });

  it.each([
    [{ status: 500, body: 'oops' }, 'notify-away', {}],
    [{ status: 429, headers: { 'retry-after': '7' } }, 'notify-away', { retryAfterMs: 7000 }],
    [{ status: 404, body: 'no_service' }, 'notify-refused', {}],
    [{ status: 410 }, 'notify-refused', {}],
    [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 'notify-refused', {}],
  ] as const)('%j is %s', async (reply, code, details) => {
    const service = await running(slackLike('/s'));
    service.next.push(reply);
    const error = await refused(to({ type: 'slack', url: `${service.url}/s` }));
    expect([error.code, error.details]).toEqual([code, details]);
  });

  it('to nobody may pass by itself', async () => {
    const service = await running(slackLike('/s'));
    const url = `${service.url}/s/very-secret-path`;
    await services.pop()?.close();
    const error = await refused(to({ type: 'slack', url }));
    expect([error.code, error.retry, error.details['reason']]).toEqual(['notify-away', 'backoff', 'ECONNREFUSED']);
    expect(JSON.stringify([error.message, error.stack])).not.toContain('very-secret-path');
  });

  it('to one that never answers ends with its time', async () => {
    const service = await serve(() => undefined);
    services.push(service);
    const parcel = { via: 'http', method: 'POST', url: service.url, headers: {}, body: '{}' } as const;
    const ended = openPost({ env: {}, folder }).send(parcel, { timeLimitMs: 50, secrets: [] });
    await expect(ended).rejects.toMatchObject({ code: 'notify-away' });
  });

  it('a token that no header can hold', async () => {
    const service = await running(gotifyLike('x'));
    const error = await refused(to({ type: 'gotify', url: service.url, secret: 'env:PORTOSER_NOTIFY_A' }), {
      PORTOSER_NOTIFY_A: 'two\nlines',
    });
    expect(error.code).toBe('notify-address');
    expect(JSON.stringify([error.message, error.stack])).not.toContain('lines');
  });

  it.each(['smtp://mail.example.org', 'no address', 'http://'])('an address of no service: %s', async url => {
    const error = await refused(to({ type: 'slack', url: 'env:PORTOSER_NOTIFY_A' }), { PORTOSER_NOTIFY_A: url });
    expect(error).toMatchObject({ code: 'notify-address', message: 'the address of `slack` is none of slack' });
  });
});

describe('references', () => {
  const post = (env: Readonly<Record<string, string>> = {}) => openPost({ env, folder });

  it('are a variable, its _FILE, or a file of one folder', async () => {
    writeFileSync(join(folder, 'a'), 'from a file\n', { mode: 0o600 });
    writeFileSync(join(folder, 'b'), 'from _FILE\r\n', { mode: 0o644 });
    expect(await post({ PORTOSER_NOTIFY_A: 'from a variable' }).reveal('env:PORTOSER_NOTIFY_A')).toBe(
      'from a variable',
    );
    expect(await post({ PORTOSER_NOTIFY_A_FILE: join(folder, 'b') }).reveal('env:PORTOSER_NOTIFY_A')).toBe(
      'from _FILE',
    );
    expect(await post().reveal('file:a')).toBe('from a file');
  });

  it('to what is not there, empty, or open to others are refused by name', async () => {
    writeFileSync(join(folder, 'open'), 'secret-of-all', { mode: 0o600 });
    chmodSync(join(folder, 'open'), 0o644);
    writeFileSync(join(folder, 'empty'), '\n', { mode: 0o600 });
    const rejected = [
      [post(), 'env:PORTOSER_NOTIFY_A', 'PORTOSER_NOTIFY_A is not set'],
      [post({ PORTOSER_NOTIFY_A: 'x', PORTOSER_NOTIFY_A_FILE: 'y' }), 'env:PORTOSER_NOTIFY_A', 'are both set'],
      [post(), 'file:nothing', `${join(folder, 'nothing')} cannot be read: there is no such file or folder`],
      [post(), 'file:open', `others can read ${join(folder, 'open')}`],
      [post(), 'file:empty', 'file:empty is empty'],
    ] as const;
    for (const [asked, reference, message] of rejected)
      await expect(asked.reveal(reference)).rejects.toMatchObject({
        code: 'notify-secret',
        message: expect.stringContaining(message) as string,
      });
  });
});
