// Gitea and Forgejo (API v1, as their /swagger.v1.json describes it).
import type { Forge, PullRequest } from '../../schema/forge.js';
import type { ForgeHttp } from './forge-http.js';
import { issueComments, openedAs, postStatus, readPull } from './forge-issues.js';
import { byNumber, type Comments, encoded, keepComment, numberAt, once, textAt } from './forge-parts.js';

/** Their own limit of a page, as installed. */
const perPage = 50;

export function openGitea(http: ForgeHttp, repository: string): Forge {
  const repo = `/repos/${encoded(repository)}`;
  const me = once(async () => numberAt((await http.ask({ method: 'GET', path: '/user' })).json, 'id'));

  const openPulls = async (base: string): Promise<readonly PullRequest[]> => {
    const all = await http.list(`${repo}/pulls`, { state: 'open', limit: perPage });
    return byNumber(all.filter(one => textAt(one, 'base.ref') === base).map(readPull));
  };

  const ours = async () => {
    const mine = await me();
    return (one: unknown): boolean => numberAt(one, 'user.id') === mine;
  };
  const commentsOf = (pull: number): Comments => issueComments({ http, repo, pull, pages: {}, ours });

  return {
    kind: 'gitea',
    repository,
    openPulls: base => http.persist(() => openPulls(base)),
    comment: (pull, marker, write) => http.persist(() => keepComment(commentsOf(pull), marker, write)),
    setStatus: (commit, status) => http.persist(() => postStatus(http, repo, commit, status)),
    openPull: ({ branch, base, title, body }) =>
      http.persist(async () => {
        const wish = { head: branch, base, title, body };
        const { status, json } = await http.ask({ method: 'POST', path: `${repo}/pulls`, body: wish }, [409]);
        if (status !== 409) return openedAs(json);
        const open = await http.list(`${repo}/pulls`, { state: 'open', limit: perPage });
        const found = open.find(one => textAt(one, 'head.ref') === branch && textAt(one, 'base.ref') === base);
        return openedAs(found);
      }),
    close: () => http.close(),
  };
}
