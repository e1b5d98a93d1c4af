// Webhooks of every forge, without a network: who is believed, what is read, and what is refused.
import { createHmac } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readPayload } from '../../api/hooks/payload.js';
import { readSecrets } from '../../api/hooks/secrets.js';
import type { Refusal } from '../../reconciler/engine.js';
import { hook } from '../../reconciler/operations/hook.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { AppError } from '../../schema/errors.js';
import type { HookAnswer } from '../../schema/webhooks.js';
import { openDoor } from './hooks/door.js';
import { hex, recorded, type Recorded, secret, signingToken } from './hooks/recorded.js';

let asked: unknown[] = [];
const faults: AppError[] = [];
let audited: Refusal[] = [];
let answer: () => HookAnswer = () => ({ verdict: 'woken', why: 'main is looked at now' });

const build = (webhookSecrets: readonly string[]) =>
  openDoor({
    webhookSecrets,
    perform: async (name, input, actor) => {
      asked.push([name, input, actor]);
      return 'refused' in input ? { verdict: 'refused', why: '' } : answer();
    },
    onRefused: refusal => void audited.push(refusal),
    onFault: error => void faults.push(error),
  });

let server: Awaited<ReturnType<typeof build>>;
let calls = 0;
beforeAll(async () => {
  server = await build(['another one, before the rotation', secret, signingToken]);
});
afterAll(() => server.close());
beforeEach(() => {
  audited = [];
  asked = [];
  faults.length = 0;
  answer = () => ({ verdict: 'woken', why: 'main is looked at now' });
});

async function send(headers: Readonly<Record<string, string>>, body: string | Buffer) {
  // An address of its own each time: how many one may send is another test's.
  const remoteAddress = `10.0.${Math.floor((calls += 1) / 250) % 250}.${calls % 250}`;
  const response = await server.inject({ method: 'POST', url: '/hooks/git', headers, payload: body, remoteAddress });
  return { status: response.statusCode, json: response.json<Record<string, unknown>>(), headers: response.headers };
}

const named = (name: string): Recorded => {
  const found = recorded.find(one => one.name === name);
  if (found === undefined) throw new Error(`no delivery ${name}`);
  return found;
};
/** Each call comes from an address of its own. */
const from = expect.stringMatching(/^10\.0\.\d+\.\d+$/) as string;
const hints = () => asked.map(one => (one as unknown[])[1] as object).filter(input => !('refused' in input));
const refusals = () => asked.map(one => (one as unknown[])[1] as object).filter(input => 'refused' in input);

describe.each(recorded.map(one => [one.name, one] as const))('%s', (_, { headers, body, hint }) => {
  it('is believed, read, and answered', async () => {
    expect(await send(headers, body)).toMatchObject({ status: 202, json: { verdict: 'woken' } });
    expect(asked).toEqual([['hook', hint, { name: hint.forge, by: 'api', from }]]);
  });

  it('is a valid input of the operation', () => {
    const { properties } = hook.input;
    expect(Object.keys(hint).filter(name => !(name in properties))).toEqual([]);
    expect(hint.repositories.every(one => one.length > 0)).toBe(true);
  });

  it('is refused without its signature, and says where it should be', async () => {
    const bare = Object.fromEntries(Object.entries(headers).filter(([name]) => !/signature|gitlab-token/.test(name)));
    expect(await send(bare, body)).toMatchObject({
      status: 403,
      json: { code: 'webhook-refused', detail: expect.stringContaining('there is no signature in ') as string },
    });
    expect(hints()).toEqual([]);
    expect(refusals()).toHaveLength(1);
    expect(audited).toEqual([expect.objectContaining({ from, what: 'hook', code: 'webhook-refused' })]);
  });
});

/** GitLab's token stands for the sender alone. */
const signed = recorded.filter(one => one.hint.forge !== 'gitlab');

describe.each(signed.map(one => [one.name, one] as const))('%s', (_, { headers, body }) => {
  // At every one of its bytes: hook-examples.test.ts, for one of each forge.
  it('is refused when a byte of it is another one', async () => {
    const bytes = Buffer.from(body);
    const places =
      bytes.length < 200 ? bytes.keys() : Array.from({ length: 60 }, (_, at) => (at * 7919) % bytes.length);
    for (const place of places) {
      const changed = Buffer.from(bytes);
      changed[place] = (changed[place] ?? 0) ^ 1;
      expect((await send(headers, changed)).status, `byte ${place}`).toBe(403);
    }
    for (const other of [bytes.subarray(1), Buffer.concat([bytes, Buffer.from(' ')])])
      expect((await send(headers, other)).status).toBe(403);
    expect(hints()).toEqual([]);
  });
});

describe('a signature', () => {
  it.each(['github-push', 'forgejo-push', 'gitlab-push', 'bitbucket-push', 'generic-branch'])(
    'of %s that is wrong at any place is none',
    async name => {
      const { headers, body } = named(name);
      const own = Object.entries(headers).filter(([key]) =>
        /^x-(hub-signature|forgejo-signature|gitlab-token)/.test(key),
      );
      expect(own).toHaveLength(1);
      const [key, written] = own[0] ?? ['', ''];
      for (let place = 0; place < written.length; place += 1) {
        const other = written[place] === '0' ? '1' : '0';
        const wrong = written.slice(0, place) + other + written.slice(place + 1);
        expect((await send({ ...headers, [key]: wrong }, body)).status, `${key} at ${place}`).toBe(403);
      }
      for (const wrong of [
        '',
        written.slice(0, -1),
        `${written}0`,
        `${written}, ${written}`,
        'sha256=',
        `sha1=${written}`,
      ])
        expect((await send({ ...headers, [key]: wrong }, body)).status, wrong).toBe(403);
      expect(hints()).toEqual([]);
    },
  );

  it('may be made with any of the secrets, and with no other', async () => {
    const { headers, body } = named('github-push');
    const signed = (key: string) => ({ ...headers, 'x-hub-signature-256': `sha256=${hex(body, key)}` });
    expect((await send(signed('another one, before the rotation'), body)).status).toBe(202);
    expect((await send(signed('another one, before the'), body)).status).toBe(403);
    expect((await send(signed(''), body)).status).toBe(403);
  });

  it('in capitals is the same', async () => {
    const { headers, body } = named('github-push');
    const upper = `sha256=${hex(body).toUpperCase()}`;
    expect((await send({ ...headers, 'x-hub-signature-256': upper }, body)).status).toBe(202);
  });

  it('of SHA-1 alone is none', async () => {
    const { headers, body } = named('github-push');
    const { 'x-hub-signature-256': _, ...rest } = headers;
    const sha1 = createHmac('sha1', secret).update(body).digest('hex');
    expect((await send({ ...rest, 'x-hub-signature': `sha1=${sha1}` }, body)).status).toBe(403);
  });

  it('that is wrong under its own name is not saved by a right one under another', async () => {
    const { headers, body } = named('forgejo-push');
    expect((await send({ ...headers, 'x-forgejo-signature': hex('x') }, body)).status).toBe(403);
    const right = { 'x-hub-signature-256': `sha256=${hex(body)}` };
    expect((await send({ ...headers, ...right, 'x-forgejo-signature': hex('x') }, body)).status).toBe(403);
    const { 'x-forgejo-signature': _, ...older } = headers;
    expect((await send(older, body)).status).toBe(202);
  });
});

describe("GitLab's signing token", () => {
  const { headers, body } = named('gitlab-push');
  const { 'x-gitlab-token': _, ...rest } = headers;
  const stamped = { 'webhook-id': 'f5e57b6a', 'webhook-timestamp': '1795000000' };
  const key = Buffer.from(signingToken.slice('whsec_'.length), 'base64');
  const sign = (text: string) => `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
  const right = sign(`f5e57b6a.1795000000.${body}`);

  it('signs id, time and body', async () => {
    expect((await send({ ...rest, ...stamped, 'webhook-signature': right }, body)).status).toBe(202);
    const several = `v1,AAAA v2,${right.slice(3)} ${right}`;
    expect((await send({ ...rest, ...stamped, 'webhook-signature': several }, body)).status).toBe(202);
  });

  it.each([
    ['another id', { 'webhook-id': 'f5e57b6b' }, body],
    ['another time', { 'webhook-timestamp': '1795000001' }, body],
    ['another body', {}, `${body} `],
    ['another version', { 'webhook-signature': right.replace('v1', 'v2') }, body],
    ['nothing', { 'webhook-signature': '' }, body],
    ['a wrong one', { 'webhook-signature': sign(body) }, body],
  ])('does not sign %s', async (_what, more, sent) => {
    expect((await send({ ...rest, ...stamped, 'webhook-signature': right, ...more }, sent)).status).toBe(403);
  });

  it('is not saved by a token beside it, nor is the signing token a token', async () => {
    const wrong = { ...headers, ...stamped, 'webhook-signature': sign('x') };
    expect((await send(wrong, body)).status).toBe(403);
    expect((await send({ ...rest, 'x-gitlab-token': 'x'.repeat(40) }, body)).status).toBe(403);
  });
});

describe('a body', () => {
  const { headers } = named('github-push');
  const signed = (body: string | Buffer, more: Readonly<Record<string, string>> = {}) => ({
    ...headers,
    'x-hub-signature-256': `sha256=${hex(body)}`,
    ...more,
  });

  it('as a form is read like one of JSON', async () => {
    const { body, hint } = named('github-push');
    const form = new URLSearchParams({ payload: body }).toString();
    const response = await send(signed(form, { 'content-type': 'application/x-www-form-urlencoded' }), form);
    expect(response.status).toBe(202);
    expect(hints()).toEqual([hint]);
  });

  it('of any type, or none, is taken for JSON', async () => {
    const { body, hint } = named('github-push');
    for (const type of ['text/plain', 'application/octet-stream', 'application/json; charset=utf-8'])
      expect((await send(signed(body, { 'content-type': type }), body)).status).toBe(202);
    const { 'content-type': _, ...without } = signed(body) as Readonly<Record<string, string>>;
    expect((await send(without, body)).status).toBe(202);
    expect(hints()).toEqual([hint, hint, hint, hint]);
  });

  it.each([
    ['no JSON', '{', 400, 'no JSON'],
    ['a form without payload', 'a=b', 400, 'no JSON'],
    ['deeper than any forge nests', `${'['.repeat(65)}${']'.repeat(65)}`, 400, 'nested deeper than 64'],
    ['half a million levels deep', '['.repeat(500_000), 400, 'nested deeper than 64'],
    ['half a million members deep', '{"a":'.repeat(200_000), 400, 'nested deeper than 64'],
    ['made of very many parts', `{${'"a":0,'.repeat(100_000)}"b":0}`, 400, 'more than 20000 parts'],
    ['closed before it was opened', ']', 400, 'no JSON'],
    ['longer than 1 MiB', `{"a":"${'x'.repeat(1024 * 1024)}"}`, 413, 'longer than 1048576 bytes'],
  ])('%s is refused, rightly signed as it is', async (_, body, status, detail) => {
    const response = await send(signed(body), body);
    expect(response).toMatchObject({ status, json: { code: 'webhook-unread' }, headers: { connection: 'close' } });
    expect(response.json['detail']).toContain(detail);
    expect(hints()).toEqual([]);
    expect(refusals()).toHaveLength(1);
  });

  it('of exactly 1 MiB is taken, with brackets and quotes in its texts', async () => {
    const start = '{"ref":"refs/heads/main","repository":{"full_name":"ada/fleet"},"a":"';
    const wild = '[{\\"\\\\'.repeat(1000);
    const body = `${start}${wild}${'x'.repeat(1024 * 1024 - start.length - wild.length - 2)}"}`;
    expect((await send(signed(body), body)).status).toBe(202);
    expect(hints()).toMatchObject([{ branches: ['main'], repositories: ['ada/fleet'] }]);
  });

  it.each(['gzip', 'deflate', 'br', 'zstd', 'gzip, identity'])('in %s is refused unread', async encoding => {
    const bomb = encoding === 'deflate' ? deflateSync(Buffer.alloc(1 << 24)) : gzipSync(Buffer.alloc(1 << 24));
    const response = await send(signed(bomb, { 'content-encoding': encoding }), bomb);
    expect(response).toMatchObject({ status: 415, json: { code: 'webhook-unread' } });
    expect(hints()).toEqual([]);
  });

  it.each([
    ['null', 'null', []],
    ['a number', '7', []],
    ['a list', '[]', []],
    ['of other types', '{"ref":["refs/heads/main"],"repository":"ada/fleet"}', []],
    ["that is somebody's prototype", '{"__proto__":{"ref":"refs/heads/main"},"ref":"refs/heads/x"}', ['x']],
    [
      'with names that are no names',
      `{"ref":"refs/heads/x","repository":{"full_name":"a\\u0000b","url":"${'u'.repeat(501)}"}}`,
      ['x'],
    ],
  ])('%s breaks nothing', async (_, body, branches) => {
    expect((await send(signed(body), body)).status).toBe(202);
    expect(hints()).toEqual([
      { forge: 'github', kind: branches.length === 0 ? 'other' : 'push', repositories: [], branches },
    ]);
    expect(faults).toEqual([]);
  });
});

describe('a long payload', () => {
  const commit = { id: 'f'.repeat(40), message: 'a ] in "text" \\\\', added: ['x'], parents: [['y']] };
  const commits = Array.from({ length: 4000 }, () => commit);

  it('is read without its long lists', () => {
    const text = JSON.stringify({
      before: [1],
      commits,
      ref: 'refs/heads/main',
      nested: { list: [[commits], { a: commits, b: 2 }] },
    });
    expect(readPayload(Buffer.from(text))).toEqual({
      before: [1],
      commits: [],
      ref: 'refs/heads/main',
      nested: { list: [[[]], { a: [], b: 2 }] },
    });
  });

  it('is read without its long texts', () => {
    const [long, short] = [`\\"]}${'ü'.repeat(10_000)}`, 's'.repeat(16 * 1024)];
    const text = JSON.stringify({ long, short, list: [long, 1], ref: 'refs/heads/main', [long]: 2 });
    expect(readPayload(Buffer.from(text))).toEqual({ long: '', short, list: ['', 1], ref: 'refs/heads/main', '': 2 });
  });

  it('of many branches is read without them: it may be about ours', () => {
    const changes = Array.from({ length: 1000 }, (_, at) => ({ new: { type: 'branch', name: `b${at}` } }));
    expect(readPayload(Buffer.from(JSON.stringify({ push: { changes } })))).toEqual({ push: { changes: [] } });
  });

  it('that is short is read as it is', () => {
    fc.assert(
      fc.property(fc.json({ depthSize: 'large' }), text => {
        expect(readPayload(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
  });
});

describe('the answer', () => {
  const { headers, body } = named('github-push');

  it('says what became of it, and 200 where nothing was to be done', async () => {
    answer = () => ({ verdict: 'ignored', why: 'it is about another branch' });
    expect(await send(headers, body)).toMatchObject({
      status: 200,
      json: { verdict: 'ignored', why: 'it is about another branch' },
    });
  });

  it('repeats nothing of an unknown sender', async () => {
    const evil = { ...headers, 'x-hub-signature-256': '<script>', 'x-github-event': 'evil-event' };
    const { json } = await send(evil, '{"evil-body": 1}');
    expect(JSON.stringify([json, refusals()])).not.toMatch(/script|evil/);
  });

  it('is 503 while no controller is there to look', async () => {
    answer = () => {
      throw new AppError('webhook-away', 'none');
    };
    expect((await send(headers, body)).status).toBe(503);
  });

  it('is told to the log where it is a bug of ours, and to nobody else', async () => {
    answer = () => {
      throw new TypeError('cannot read /secret/place');
    };
    const { status, json } = await send(headers, body);
    expect(status).toBe(500);
    expect(JSON.stringify(json)).not.toContain('secret');
    expect(faults).toHaveLength(1);
  });

  it('to too many from one address within a minute is 429; others are heard', async () => {
    const from = (remoteAddress: string) =>
      server.inject({ method: 'POST', url: '/hooks/git', headers, payload: body, remoteAddress });
    for (let call = 0; call < 600; call += 1) await from('192.0.2.7');
    const late = await from('192.0.2.7');
    expect(late.json()).toMatchObject({ code: 'webhook-busy', status: 429 });
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
    expect(hints()).toHaveLength(600);
    expect((await from('192.0.2.8')).statusCode).toBe(202);
    expect((await server.inject({ url: '/healthz', remoteAddress: '192.0.2.7' })).statusCode).toBe(200);
  });
});

describe('without a secret', () => {
  it('nothing is taken, and the answer says what to do', async () => {
    const off = await build([]);
    try {
      const { headers, body } = named('generic-nothing');
      const forged = { ...headers, 'x-hub-signature-256': `sha256=${hex(body, '')}` };
      const response = await off.inject({ method: 'POST', url: '/hooks/git', headers: forged, payload: body });
      expect(response.json()).toMatchObject({
        status: 404,
        code: 'webhook-off',
        hint: expect.stringContaining('PORTOSER_WEBHOOK_SECRET') as string,
      });
      expect(asked).toEqual([]);
    } finally {
      await off.close();
    }
  });
});

describe('secrets', () => {
  const read = (env: Readonly<Record<string, string>>) =>
    readSecrets(resolveSettings({ flags: {}, env: { HOME: '/nowhere', ...env }, uid: 1000 }).webhookSecret);
  const of = (value: string) => read({ PORTOSER_WEBHOOK_SECRET: value });

  it('are a list, between commas or on lines', () => {
    expect(read({})).toEqual([]);
    expect(of(secret)).toEqual([secret]);
    expect(of(`${secret}, ${signingToken}\n`)).toEqual([secret, signingToken]);
    expect(of(`${secret}\n${signingToken}\n`)).toEqual([secret, signingToken]);
  });

  it.each([
    ['', 'is empty'],
    ['   ', 'is empty'],
    [`${secret},`, 'number 2 of PORTOSER_WEBHOOK_SECRET is empty'],
    [`,${secret}`, 'number 1 of PORTOSER_WEBHOOK_SECRET is empty'],
    ['7d1f0b6c2e9a485', 'has 15 characters, and 16 are the least'],
    [`${secret},short`, 'number 2 of PORTOSER_WEBHOOK_SECRET has 5 characters'],
    ['changemechangeme', 'everybody tries'],
    ['your-webhook-secret-here', 'everybody tries'],
    ['CHANGE_ME_PLEASE!!!', 'everybody tries'],
    ['0123456789abcdef', 'everybody tries'],
    ['aaaaaaaaaaaaaaaaaaaaaaaa', 'everybody tries'],
    ['portoser-github-webhook-secret', 'everybody tries'],
    [`whsec_${Buffer.from('eight by').toString('base64')}`, 'less than 16 bytes'],
  ])('%j is refused, and never repeated', (value, why) => {
    const told = (): AppError | undefined => {
      try {
        of(value);
        return undefined;
      } catch (thrown) {
        return thrown as AppError;
      }
    };
    expect(told()?.code).toBe('webhook-secret');
    expect(told()?.message).toContain(why);
    expect(told()?.message).not.toContain(value.trim() || 'nothing to repeat');
  });

  it('made at random are never refused', () => {
    for (let round = 0; round < 200; round += 1) {
      const made = createHmac('sha256', `${round}`).update('x').digest();
      for (const written of [made.toString('hex'), made.toString('base64'), made.toString('base64url').slice(0, 20)])
        expect(of(written.replaceAll(',', ''))).toHaveLength(1);
    }
  });
});
