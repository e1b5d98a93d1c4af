// Gitea and Forgejo (API v1, as their /swagger.v1.json describes it).
import type { Forge, PullRequest } from '../../schema/forge.js';
import type { ForgeHttp } from './forge-http.js';
import {
  byNumber,
  commitAt,
  type Comments,
  encoded,
  keepComment,
  numberAt,
  once,
  type SeenComment,
  textAt,
} from './forge-parts.js';

/** Their own limit of a page, as installed. */
const perPage = 50;

function readPull(json: unknown): PullRequest {
  const number = numberAt(json, 'number');
  return { number, head: commitAt(json, 'head.sha'), ref: `refs/pull/${number}/head` };
}

export function openGitea(http: ForgeHttp, repository: string): Forge {
  const repo = `/repos/${encoded(repository)}`;
  const me = once(async () => numberAt((await http.ask({ method: 'GET', path: '/user' })).json, 'id'));

  const openPulls = async (base: string): Promise<readonly PullRequest[]> => {
    const all = await http.list(`${repo}/pulls`, { state: 'open', limit: perPage });
    return byNumber(all.filter(one => textAt(one, 'base.ref') === base).map(readPull));
  };

  function commentsOf(pull: number): Comments {
    return {
      list: async () => {
        const mine = await me();
        const all = await http.list(`${repo}/issues/${pull}/comments`, {});
        return all.map((one): SeenComment => ({
          id: numberAt(one, 'id'),
          body: textAt(one, 'body'),
          ours: numberAt(one, 'user.id') === mine,
        }));
      },
      create: async body => {
        await http.ask({ method: 'POST', path: `${repo}/issues/${pull}/comments`, body: { body } });
      },
      update: async (id, body) => {
        await http.ask({ method: 'PATCH', path: `${repo}/issues/comments/${id}`, body: { body } });
      },
    };
  }

  return {
    kind: 'gitea',
    repository,
    openPulls: base => http.persist(() => openPulls(base)),
    comment: (pull, marker, write) => http.persist(() => keepComment(commentsOf(pull), marker, write)),
    setStatus: (commit, status) =>
      http.persist(async () => {
        await http.ask({ method: 'POST', path: `${repo}/statuses/${commit}`, body: { ...status } });
      }),
    openPull: ({ branch, base, title, body }) =>
      http.persist(async () => {
        const wish = { head: branch, base, title, body };
        const { status, json } = await http.ask({ method: 'POST', path: `${repo}/pulls`, body: wish }, [409]);
        if (status !== 409) return { number: numberAt(json, 'number'), url: textAt(json, 'html_url') };
        const open = await http.list(`${repo}/pulls`, { state: 'open', limit: perPage });
        const found = open.find(one => textAt(one, 'head.ref') === branch && textAt(one, 'base.ref') === base);
        return { number: numberAt(found, 'number'), url: textAt(found, 'html_url') };
      }),
    close: () => http.close(),
  };
}
