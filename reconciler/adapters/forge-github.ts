// GitHub (REST API 2022-11-28: pulls, issues/comments, commits/statuses).
import { AppError } from '../../schema/errors.js';
import type { Forge } from '../../schema/forge.js';
import type { ForgeHttp } from './forge-http.js';
import { issueComments, openedAs, postStatus, readPull } from './forge-issues.js';
import { byNumber, type Comments, encoded, has, keepComment, numberAt, once, textAt } from './forge-parts.js';

const perPage = 100;

export function openGitHub(http: ForgeHttp, repository: string): Forge {
  const repo = `/repos/${encoded(repository)}`;
  const owner = repository.split('/')[0] ?? '';
  /** An app's token has no user of its own: its comments say that an app wrote them. */
  const me = once(async () => {
    const { status, json } = await http.ask({ method: 'GET', path: '/user' }, [403]);
    return status === 403 ? undefined : numberAt(json, 'id');
  });

  const ours = async () => {
    const mine = await me();
    return (one: unknown): boolean =>
      mine === undefined
        ? has(one, 'performed_via_github_app') && has(one, 'user') && textAt(one, 'user.type') === 'Bot'
        : has(one, 'user') && numberAt(one, 'user.id') === mine;
  };
  const commentsOf = (pull: number): Comments =>
    issueComments({ http, repo, pull, pages: { per_page: perPage }, ours });

  return {
    kind: 'github',
    repository,
    openPulls: base =>
      http.persist(async () => {
        const all = await http.list(`${repo}/pulls`, { state: 'open', base, per_page: perPage });
        return byNumber(all.map(readPull));
      }),
    comment: (pull, marker, write) => http.persist(() => keepComment(commentsOf(pull), marker, write)),
    setStatus: (commit, status) => http.persist(() => postStatus(http, repo, commit, status)),
    openPull: ({ branch, base, title, body }) =>
      http.persist(async () => {
        const wish = { head: branch, base, title, body };
        const { status, json } = await http.ask({ method: 'POST', path: `${repo}/pulls`, body: wish }, [422]);
        if (status !== 422) return openedAs(json);
        // Also said of one that is open already.
        const open = await http.list(`${repo}/pulls`, { state: 'open', head: `${owner}:${branch}`, base });
        const [found] = open;
        if (found === undefined)
          throw new AppError('forge-refused', `GitHub opens no pull request of ${branch} (HTTP 422)`);
        return openedAs(found);
      }),
    close: () => http.close(),
  };
}
