// What is said to GitHub, GitLab and Gitea: requests as their APIs want them, all pages, one comment, patience, and no token anywhere else.
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { forgePlace, openForge } from '../../reconciler/adapters/forge.js';
import type { CommitStatus, Forge } from '../../schema/forge.js';
import { type Api, apis, atItsPlace, type ForgeState, newState } from './forge-apis.js';
import { type ForgeServer, startForgeServer } from './forge-server.js';

interface Bench {
  readonly forge: Forge;
  readonly state: ForgeState;
  readonly server: ForgeServer;
}

async function bench(api: Api): Promise<Bench> {
  const { name } = api;
  const state = newState();
  const server = await startForgeServer(atItsPlace(api, state));
  const address = `${server.url}/acme/fleet.git`;
  const forge = await openForge({ address, token: 'sesame\n', kind: name, firstRetryMs: 5 });
  if (forge === undefined) throw new Error('there is no forge');
  onTestFinished(() => forge.close());
  return { forge, state, server };
}

const commit = (digit: number): string => String(digit).repeat(40);
const pulls = (state: ForgeState, count: number): void => {
  for (let number = 1; number <= count; number += 1)
    state.pulls.push({ number, head: commit(number), branch: `b${number}`, base: 'main', open: true });
};
const status: CommitStatus = { context: 'portoser/plan', state: 'failure', description: 'the registry is not valid' };
const fail = (code: string) => ({ code });
const calls = ({ asked }: ForgeServer, method: string): number => asked.filter(one => one.method === method).length;

describe.each(apis)('$name', api => {
  const refs = api.name === 'gitlab' ? 'refs/merge-requests' : 'refs/pull';

  it('lists what is open onto the branch, over all pages', async () => {
    const { forge, state, server } = await bench(api);
    pulls(state, 5);
    state.pulls.reverse();
    state.pulls.push({ number: 6, head: commit(6), branch: 'b6', base: 'other', open: true });
    state.pulls.push({ number: 7, head: commit(7), branch: 'b7', base: 'main', open: false });
    const open = await forge.openPulls('main');
    expect(open).toEqual(
      [1, 2, 3, 4, 5].map(number => ({ number, head: commit(number), ref: `${refs}/${number}/head` })),
    );
    expect(server.asked.length).toBeGreaterThan(2);
  });

  it('keeps one comment, found again among many', async () => {
    const { forge, state, server } = await bench(api);
    for (let id = 1; id <= 4; id += 1) state.comments.push({ id, pull: 3, by: 99, body: `word ${id}` });
    await forge.comment(3, '<!-- m -->', before => `<!-- m -->\n${before ?? 'first'}`);
    await forge.comment(3, '<!-- m -->', () => '<!-- m -->\nsecond');
    await forge.comment(3, '<!-- m -->', () => '<!-- m -->\nsecond');
    expect(state.comments.slice(4)).toEqual([{ id: 5, pull: 3, by: 7, body: '<!-- m -->\nsecond' }]);
    expect(calls(server, 'POST')).toBe(1);
    expect(calls(server, 'PATCH') + calls(server, 'PUT')).toBe(1);
  });

  it('takes nobody else’s comment for its own', async () => {
    const { forge, state } = await bench(api);
    state.comments.push({ id: 1, pull: 3, by: 99, body: '<!-- m -->\nall is well, merge it' });
    await forge.comment(3, '<!-- m -->', before => `<!-- m -->\n${before ?? 'the plan'}`);
    expect(state.comments.map(one => one.body)).toEqual(['<!-- m -->\nall is well, merge it', '<!-- m -->\nthe plan']);
  });

  it('sets statuses, also the same again', async () => {
    const { forge, state } = await bench(api);
    await forge.setStatus(commit(1), { ...status, state: 'pending' });
    await forge.setStatus(commit(1), status);
    await forge.setStatus(commit(1), status);
    const words = state.statuses.map(one => `${one.context} ${one.state}`);
    const failed = api.name === 'gitlab' ? 'failed' : 'failure';
    expect(words.slice(0, 2)).toEqual(['portoser/plan pending', `portoser/plan ${failed}`]);
  });

  it('opens a pull request once', async () => {
    const { forge, state } = await bench(api);
    pulls(state, 3);
    const wish = { branch: 'portoser/x', base: 'main', title: 'Add', body: 'because' };
    const first = await forge.openPull(wish);
    expect(first).toEqual({ number: 4, url: 'https://forge/pulls/4' });
    expect(await forge.openPull(wish)).toEqual(first);
    expect(state.pulls).toHaveLength(4);
  });

  it('goes on after an outage, and comments once though an answer was lost', async () => {
    const { forge, state, server } = await bench(api);
    let outages = 2;
    server.before = asked => {
      if (asked.method === 'POST' && outages > 0) {
        outages -= 1;
        // It was taken, and the answer never came.
        if (outages === 1) state.comments.push({ id: 1, pull: 1, by: 7, body: '<!-- m -->\nplan' });
        return { status: 502, text: '<html>bad gateway</html>' };
      }
      return undefined;
    };
    await forge.comment(1, '<!-- m -->', () => '<!-- m -->\nplan');
    expect(state.comments).toHaveLength(1);
  });

  it.each([
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '1' } }],
    ['403 with nothing left', { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' } }],
  ])('waits when it is told to: %s', async (_, reply) => {
    const { forge, state, server } = await bench(api);
    pulls(state, 1);
    let left = 1;
    server.before = () => (left-- > 0 ? { ...reply, json: { message: 'slow down' } } : undefined);
    expect(await forge.openPulls('main')).toHaveLength(1);
    expect(server.asked).toHaveLength(2);
  });

  it('does not wait for an hour', async () => {
    const { forge, server } = await bench(api);
    server.before = () => ({ status: 429, headers: { 'retry-after': '3600' }, json: {} });
    await expect(forge.openPulls('main')).rejects.toMatchObject(fail('forge-limit'));
    expect(server.asked).toHaveLength(1);
  });

  it.each([401, 403, 404, 301])('asks nobody twice for what a person has to put right: HTTP %i', async code => {
    const { forge, server } = await bench(api);
    server.before = asked =>
      asked.path.endsWith('/user')
        ? undefined
        : { status: code, headers: { location: 'http://evil.example/' }, json: { message: 'no' } };
    await expect(forge.openPulls('main')).rejects.toMatchObject(fail('forge-refused'));
    expect(server.asked).toHaveLength(1);
  });

  it('keeps the token out of every error', async () => {
    const { forge, server } = await bench(api);
    server.before = () => ({ status: 401, json: { message: 'no' } });
    const refused: unknown = await forge.openPulls('main').catch((error: unknown) => error);
    expect(inspect(refused, { depth: 10 })).not.toContain('sesame');
  });

  it.each([
    [
      'a commit that is none',
      { text: '[{"number":1,"iid":1,"sha":"../../x","head":{"sha":"../../x"},"base":{"ref":"main"}}]' },
    ],
    ['no list', { json: { pulls: [] } }],
    ['no JSON', { text: '<html>log in</html>' }],
  ])('does not believe %s', async (_, reply) => {
    const { forge, server } = await bench(api);
    let left = 9;
    server.before = () => (left-- > 0 ? reply : undefined);
    await expect(forge.openPulls('main')).rejects.toMatchObject(fail('forge-unreachable'));
  });
});

describe('an app of GitHub', () => {
  it('knows its comments though it is no user', async () => {
    const { forge, server } = await bench(apis[0] as Api);
    const comments = [
      { id: 1, body: '<!-- m -->\nforged', user: { id: 99, type: 'User' } },
      { id: 2, body: '<!-- m -->\nold', user: { id: 8, type: 'Bot' }, performed_via_github_app: { id: 5 } },
    ];
    server.before = ({ method, path }) => {
      if (path.endsWith('/user')) return { status: 403, json: { message: 'Resource not accessible by integration' } };
      if (method === 'GET') return { json: comments };
      return { json: { id: 2 } };
    };
    await forge.comment(1, '<!-- m -->', () => '<!-- m -->\nnew');
    expect(server.asked.at(-1)).toMatchObject({ method: 'PATCH', path: '/api/v3/repos/acme/fleet/issues/comments/2' });
  });
});

describe('which forge it is', () => {
  it.each([
    ['https://github.com/acme/fleet.git', {}, 'github', 'https://api.github.com', 'acme/fleet'],
    ['git@github.com:acme/fleet.git', {}, 'github', 'https://api.github.com', 'acme/fleet'],
    ['https://gitlab.com/acme/ops/fleet', {}, 'gitlab', 'https://gitlab.com/api/v4', 'acme/ops/fleet'],
    ['https://codeberg.org/acme/fleet', {}, 'gitea', 'https://codeberg.org/api/v1', 'acme/fleet'],
    ['ssh://git@git.home:2222/acme/fleet.git', { kind: 'forgejo' }, 'gitea', 'https://git.home/api/v1', 'acme/fleet'],
    [
      'https://x/git/acme/fleet',
      { kind: 'gitea', url: 'https://x/git/' },
      'gitea',
      'https://x/git/api/v1',
      'acme/fleet',
    ],
    ['git@ghe.corp:acme/fleet', { kind: 'github' }, 'github', 'https://ghe.corp/api/v3', 'acme/fleet'],
  ])('%s', (address, more, kind, api, repository) => {
    expect(forgePlace({ address, ...more })).toEqual({ kind, api, repository });
  });

  it('asks where nobody can tell, and keeps the token from plain http', () => {
    expect(() => forgePlace({ address: 'https://git.home/acme/fleet' })).toThrow(/cannot be told/);
    const plain = { address: 'git@git.home:acme/fleet', kind: 'gitea', url: 'http://git.home' };
    expect(() => forgePlace(plain)).toThrow(/not encrypted/);
  });

  it('is none for a repository on this machine', () => {
    expect(forgePlace({ address: '/srv/fleet.git' })).toBeUndefined();
  });
});
