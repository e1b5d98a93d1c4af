// GitLab (REST API v4: merge requests, notes, commit statuses). What others call a pull request is a merge request here.
import { AppError } from '../../schema/errors.js';
import type { CommitStatus, Forge, OpenedPull, PullRequest } from '../../schema/forge.js';
import type { ForgeHttp } from './forge-http.js';
import {
  byNumber,
  commitAt,
  type Comments,
  keepComment,
  numberAt,
  once,
  type SeenComment,
  textAt,
} from './forge-parts.js';

const perPage = 100;

const states: Readonly<Record<CommitStatus['state'], string>> = {
  pending: 'pending',
  success: 'success',
  failure: 'failed',
  error: 'failed',
};

function readMerge(json: unknown): PullRequest {
  const number = numberAt(json, 'iid');
  return { number, head: commitAt(json, 'sha'), ref: `refs/merge-requests/${number}/head` };
}

const opened = (json: unknown): OpenedPull => ({ number: numberAt(json, 'iid'), url: textAt(json, 'web_url') });

export function openGitLab(http: ForgeHttp, repository: string): Forge {
  const project = `/projects/${encodeURIComponent(repository)}`;
  const merges = `${project}/merge_requests`;
  const me = once(async () => numberAt((await http.ask({ method: 'GET', path: '/user' })).json, 'id'));

  function notesOf(merge: number): Comments {
    const notes = `${merges}/${merge}/notes`;
    return {
      list: async () => {
        const mine = await me();
        const all = await http.list(notes, { per_page: perPage });
        return all.map((one): SeenComment => ({
          id: numberAt(one, 'id'),
          body: textAt(one, 'body'),
          ours: numberAt(one, 'author.id') === mine,
        }));
      },
      create: async body => {
        await http.ask({ method: 'POST', path: notes, body: { body } });
      },
      update: async (id, body) => {
        await http.ask({ method: 'PUT', path: `${notes}/${id}`, body: { body } });
      },
    };
  }

  /** 400 is what it says when the status is what it was (`Cannot transition status`), and of what it does not understand. */
  async function setStatus(commit: string, { context, state, description }: CommitStatus): Promise<void> {
    const path = `${project}/statuses/${commit}`;
    const body = { name: context, state: states[state], description };
    const { status } = await http.ask({ method: 'POST', path, body }, [400]);
    if (status !== 400) return;
    const all = await http.list(`${project}/repository/commits/${commit}/statuses`, { per_page: perPage });
    const stands = all.some(one => textAt(one, 'name') === context && textAt(one, 'status') === states[state]);
    if (!stands) throw new AppError('forge-refused', `GitLab does not take the status ${context} (HTTP 400)`);
  }

  return {
    kind: 'gitlab',
    repository,
    openPulls: base =>
      http.persist(async () => {
        const all = await http.list(merges, { state: 'opened', target_branch: base, per_page: perPage });
        // One whose branch is just being read has no head yet.
        return byNumber(all.filter(one => (one as { sha?: unknown }).sha !== null).map(readMerge));
      }),
    comment: (merge, marker, write) => http.persist(() => keepComment(notesOf(merge), marker, write)),
    setStatus: (commit, status) => http.persist(() => setStatus(commit, status)),
    openPull: ({ branch, base, title, body }) =>
      http.persist(async () => {
        const wish = { source_branch: branch, target_branch: base, title, description: body };
        const { status, json } = await http.ask({ method: 'POST', path: merges, body: wish }, [409]);
        if (status !== 409) return opened(json);
        const [found] = await http.list(merges, { state: 'opened', source_branch: branch, target_branch: base });
        return opened(found);
      }),
    close: () => http.close(),
  };
}
