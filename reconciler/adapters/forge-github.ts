// GitHub (REST API 2022-11-28: pulls, issues/comments, commits/statuses).
import { AppError } from '../../schema/errors.js';
import type { Forge, PullRequest } from '../../schema/forge.js';
import type { ForgeHttp } from './forge-http.js';
import {
  byNumber,
  commitAt,
  type Comments,
  encoded,
  has,
  keepComment,
  numberAt,
  once,
  type SeenComment,
  textAt,
} from './forge-parts.js';

const perPage = 100;

function readPull(json: unknown): PullRequest {
  const number = numberAt(json, 'number');
  return { number, head: commitAt(json, 'head.sha'), ref: `refs/pull/${number}/head` };
}

export function openGitHub(http: ForgeHttp, repository: string): Forge {
  const repo = `/repos/${encoded(repository)}`;
  const owner = repository.split('/')[0] ?? '';
  /** An app's token has no user of its own: its comments say that an app wrote them. */
  const me = once(async () => {
    const { status, json } = await http.ask({ method: 'GET', path: '/user' }, [403]);
    return status === 403 ? undefined : numberAt(json, 'id');
  });

  function commentsOf(pull: number): Comments {
    return {
      list: async () => {
        const mine = await me();
        const all = await http.list(`${repo}/issues/${pull}/comments`, { per_page: perPage });
        return all.map((one): SeenComment => ({
          id: numberAt(one, 'id'),
          body: has(one, 'body') ? textAt(one, 'body') : '',
          ours:
            mine === undefined
              ? has(one, 'performed_via_github_app') && has(one, 'user') && textAt(one, 'user.type') === 'Bot'
              : has(one, 'user') && numberAt(one, 'user.id') === mine,
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
    kind: 'github',
    repository,
    openPulls: base =>
      http.persist(async () => {
        const all = await http.list(`${repo}/pulls`, { state: 'open', base, per_page: perPage });
        return byNumber(all.map(readPull));
      }),
    comment: (pull, marker, write) => http.persist(() => keepComment(commentsOf(pull), marker, write)),
    setStatus: (commit, status) =>
      http.persist(async () => {
        await http.ask({ method: 'POST', path: `${repo}/statuses/${commit}`, body: { ...status } });
      }),
    openPull: ({ branch, base, title, body }) =>
      http.persist(async () => {
        const wish = { head: branch, base, title, body };
        const { status, json } = await http.ask({ method: 'POST', path: `${repo}/pulls`, body: wish }, [422]);
        if (status !== 422) return { number: numberAt(json, 'number'), url: textAt(json, 'html_url') };
        // Also said of one that is open already.
        const open = await http.list(`${repo}/pulls`, { state: 'open', head: `${owner}:${branch}`, base });
        const [found] = open;
        if (found === undefined)
          throw new AppError('forge-refused', `GitHub opens no pull request of ${branch} (HTTP 422)`);
        return { number: numberAt(found, 'number'), url: textAt(found, 'html_url') };
      }),
    close: () => http.close(),
  };
}
