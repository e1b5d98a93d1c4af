// What Gitea took over from GitHub's API: pull requests by number, their comments as those of an issue, statuses of commits.
import type { CommitStatus, OpenedPull, PullRequest } from '../../schema/forge.js';
import type { ForgeHttp } from './forge-http.js';
import { commitAt, type Comments, has, numberAt, textAt } from './forge-parts.js';

export function readPull(json: unknown): PullRequest {
  const number = numberAt(json, 'number');
  return { number, head: commitAt(json, 'head.sha'), ref: `refs/pull/${number}/head` };
}

export const openedAs = (json: unknown): OpenedPull => ({
  number: numberAt(json, 'number'),
  url: textAt(json, 'html_url'),
});

export interface IssuesAsk {
  readonly http: ForgeHttp;
  /** `/repos/owner/name` */
  readonly repo: string;
  readonly pull: number;
  /** How pages are asked for. */
  readonly pages: Readonly<Record<string, number>>;
  /** How to tell a comment of ours, asked for once a list. */
  readonly ours: () => Promise<(comment: unknown) => boolean>;
}

export function issueComments({ http, repo, pull, pages, ours }: IssuesAsk): Comments {
  return {
    list: async () => {
      const isOurs = await ours();
      const all = await http.list(`${repo}/issues/${pull}/comments`, pages);
      return all.map(one => ({
        id: numberAt(one, 'id'),
        body: has(one, 'body') ? textAt(one, 'body') : '',
        ours: isOurs(one),
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

export async function postStatus(http: ForgeHttp, repo: string, commit: string, status: CommitStatus): Promise<void> {
  await http.ask({ method: 'POST', path: `${repo}/statuses/${commit}`, body: { ...status } });
}
