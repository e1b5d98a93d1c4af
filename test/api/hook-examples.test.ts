// What GitHub publishes as examples of its webhooks, at the door; and deliveries of every forge with each byte of them changed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { forgeOf } from '../../api/hooks/index.js';
import type { HookHint } from '../../schema/webhooks.js';
import { openDoor } from './hooks/door.js';
import { hex, recorded, type Recorded, secret, signingToken } from './hooks/recorded.js';

/** A definition of @octokit/webhooks-examples, as far as it matters here. */
interface Published {
  readonly name: string;
  readonly examples: readonly Example[];
}
interface Example {
  readonly ref?: string;
  readonly number?: number;
  readonly repository?: { readonly full_name: string; readonly clone_url: string };
  readonly pull_request?: { readonly base: { readonly ref: string } };
}

const require = createRequire(import.meta.url);
// Not imported: its types are those of all events.
const published = JSON.parse(
  readFileSync(require.resolve('@octokit/webhooks-examples'), 'utf8'),
) as readonly Published[];
const examplesOf = (event: string): readonly Example[] => published.find(one => one.name === event)?.examples ?? [];

let hints: HookHint[] = [];
let server: Awaited<ReturnType<typeof openDoor>>;
let calls = 0;
beforeAll(async () => {
  server = await openDoor({
    webhookSecrets: [secret],
    perform: async (_, input) => {
      if (!('refused' in input)) hints.push(input as HookHint);
      return { verdict: 'woken', why: 'main is looked at now' };
    },
  });
});
afterAll(() => server.close());
beforeEach(() => {
  hints = [];
});

async function send(event: string, body: string | Buffer, signature: string): Promise<number> {
  const headers = { 'content-type': 'application/json', 'x-github-event': event, 'x-hub-signature-256': signature };
  const remoteAddress = `10.1.0.${(calls += 1) % 250}`;
  return (await server.inject({ method: 'POST', url: '/hooks/git', headers, payload: body, remoteAddress })).statusCode;
}
const sendSigned = (event: string, body: string): Promise<number> => send(event, body, `sha256=${hex(body)}`);

describe("GitHub's published example", () => {
  it.each([
    ['push', 7],
    ['pull_request', 29],
    ['ping', 4],
  ])('of %s is there', (event, least) => {
    expect(examplesOf(event).length).toBeGreaterThanOrEqual(least);
  });

  it.each(examplesOf('push').map(one => [one.ref, one] as const))('push of %s', async (ref, example) => {
    expect(await sendSigned('push', JSON.stringify(example))).toBe(202);
    const isBranch = ref === 'refs/heads/master';
    expect(hints).toEqual([
      expect.objectContaining({
        forge: 'github',
        kind: isBranch ? 'push' : 'other',
        branches: isBranch ? ['master'] : [],
      }),
    ]);
    expect(hints[0]?.repositories).toEqual(
      expect.arrayContaining(['Codertocat/Hello-World', 'https://github.com/Codertocat/Hello-World.git']),
    );
  });

  it('pull_request, in each of its states, tells base and number', async () => {
    for (const example of examplesOf('pull_request'))
      expect(await sendSigned('pull_request', JSON.stringify(example))).toBe(202);
    expect(hints).toHaveLength(examplesOf('pull_request').length);
    for (const hint of hints) {
      expect(hint).toMatchObject({ forge: 'github', kind: 'pull-request', branches: ['master'], number: 2 });
      expect(hint.repositories).toContain('Codertocat/Hello-World');
    }
  });

  it('ping, of a repository or an organization, is one', async () => {
    for (const example of examplesOf('ping')) expect(await sendSigned('ping', JSON.stringify(example))).toBe(202);
    expect(hints.map(({ kind, branches }) => [kind, ...branches])).toEqual(examplesOf('ping').map(() => ['ping']));
  });

  it('of any other event is taken, wakes as nothing of these, and breaks nothing', async () => {
    const others = published.filter(({ name }) => !['push', 'pull_request', 'ping'].includes(name));
    expect(others.length).toBeGreaterThan(50);
    for (const { name, examples } of others)
      expect(await sendSigned(name, JSON.stringify(examples[0])), name).toBe(202);
    expect(new Set(hints.map(({ kind }) => kind))).toEqual(new Set(['other']));
  });

  it('is no hint at a commit: of the ids in it none comes through', async () => {
    const examples = ['push', 'pull_request'].flatMap(event =>
      examplesOf(event)
        .slice(-7)
        .map(one => [event, one] as const),
    );
    for (const [event, one] of examples) await sendSigned(event, JSON.stringify(one));
    expect(JSON.stringify(examples)).toMatch(/"[0-9a-f]{40}"/);
    expect(hints).toHaveLength(examples.length);
    expect(JSON.stringify(hints)).not.toMatch(/[0-9a-f]{40}/);
  });

  it('is refused when it is signed for another text, or with another secret', async () => {
    const body = JSON.stringify(examplesOf('push')[0]);
    expect(await send('push', body, `sha256=${hex(`${body} `)}`)).toBe(403);
    expect(await send('push', body, `sha256=${hex(body, 'another secret altogether')}`)).toBe(403);
    expect(hints).toEqual([]);
  });
});

const named = (name: string): Recorded => {
  const found = recorded.find(one => one.name === name);
  if (found === undefined) throw new Error(`no delivery ${name}`);
  return found;
};

/** Its signing token signs bodies; the token that it sends otherwise does not. */
function signedGitlab(): Recorded {
  const { headers, body, ...rest } = named('gitlab-push');
  const { 'x-gitlab-token': _, ...bare } = headers;
  const key = Buffer.from(signingToken.slice('whsec_'.length), 'base64');
  const mac = createHmac('sha256', key).update(`f5e57b6a.1795000000.${body}`).digest('base64');
  const signed = { 'webhook-id': 'f5e57b6a', 'webhook-timestamp': '1795000000', 'webhook-signature': `v1,${mac}` };
  return { ...rest, body, headers: { ...bare, ...signed } };
}

const githubs = (): Recorded => {
  const body = JSON.stringify(examplesOf('push')[4]);
  const headers = { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${hex(body)}` };
  return { ...named('github-push'), body, headers };
};

describe.each([
  ['GitHub, as published', 'x-hub-signature-256', githubs()],
  ['Gitea, as recorded', 'x-gitea-signature', named('gitea-push')],
  ['Forgejo', 'x-forgejo-signature', named('forgejo-push')],
  ['GitLab', 'webhook-signature', signedGitlab()],
  ['Bitbucket', 'x-hub-signature', named('bitbucket-push')],
  ['anything else', 'x-hub-signature-256', named('generic-branch')],
] as const)('a push of %s', (_, signature, { headers, body }) => {
  const hook = forgeOf(headers);
  const fits = (sent: Buffer, more: Readonly<Record<string, string>> = {}): boolean | undefined =>
    hook.fits({ ...headers, ...more }, sent, [hook.forge === 'gitlab' ? signingToken : secret]);
  const bytes = Buffer.from(body);

  it('is refused with any byte of its body changed', () => {
    expect(fits(bytes)).toBe(true);
    const believed = [...bytes.keys()].filter(at => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      return fits(changed) !== false;
    });
    expect(believed).toEqual([]);
  });

  it('is refused with any character of its signature changed', () => {
    const written = headers[signature] ?? '';
    expect(written.length).toBeGreaterThan(40);
    const places = Array.from({ length: written.length }, (_one, at) => at);
    const believed = places.filter(at => {
      const other = written[at] === '0' ? '1' : '0';
      const changed = written.slice(0, at) + other + written.slice(at + 1);
      return fits(bytes, { [signature]: changed }) !== false;
    });
    expect(believed).toEqual([]);
  });
});
