// The three forges' APIs, as far as Portoser speaks to them, over one small state in memory.
import { type Answer, type Asked, checkBody, type Reply } from './forge-server.js';

export interface ForgeState {
  readonly me: number;
  readonly pulls: { number: number; head: string; branch: string; base: string; open: boolean }[];
  readonly comments: { id: number; pull: number; by: number; body: string }[];
  readonly statuses: { commit: string; context: string; state: string; description: string }[];
}

export const newState = (): ForgeState => ({ me: 7, pulls: [], comments: [], statuses: [] });

export interface Api {
  readonly name: 'github' | 'gitlab' | 'gitea';
  /** Where it begins below the server's address. */
  readonly api: string;
  readonly token: (headers: Asked['headers']) => boolean;
  readonly answer: (state: ForgeState) => Answer;
}

/** RFC 8288, by an address that is not the one that was asked, as behind a proxy. */
function paged(asked: Asked, all: readonly unknown[], size: string, most: number): Reply {
  const page = Number(asked.query['page'] ?? 1);
  const per = Math.min(Number(asked.query[size] ?? 2), most);
  const words = new URLSearchParams({ ...asked.query, page: String(page + 1) });
  const link = `<https://public.example${asked.path}?${words.toString()}>; rel="next", <https://public.example/x?page=9>; rel="last"`;
  return {
    json: all.slice((page - 1) * per, page * per),
    ...(page * per < all.length ? { headers: { link } } : {}),
  };
}

const route = (asked: Asked, method: string, pattern: RegExp): readonly string[] | undefined =>
  asked.method === method ? pattern.exec(asked.path)?.slice(1) : undefined;

function addComment(state: ForgeState, pull: number, body: string): ForgeState['comments'][number] {
  const made = { id: state.comments.length + 1, pull, by: state.me, body };
  state.comments.push(made);
  return made;
}

function addPull(state: ForgeState, branch: string, base: string): ForgeState['pulls'][number] | undefined {
  if (state.pulls.some(one => one.branch === branch && one.open)) return undefined;
  const made = { number: state.pulls.length + 1, head: 'c'.repeat(40), branch, base, open: true };
  state.pulls.push(made);
  return made;
}

function addStatus(state: ForgeState, commit: string, context: string, status: string, description: string): void {
  state.statuses.push({ commit, context, state: status, description });
}

const checkState = (state: string | undefined, known: readonly string[]): string => {
  if (state === undefined || !known.includes(state)) throw new Error(`no state ${state}`);
  return state;
};

/** GitHub and Gitea differ in little. */
function alike(state: ForgeState, name: 'github' | 'gitea', asked: Asked): Reply | undefined {
  const size = name === 'github' ? 'per_page' : 'limit';
  const most = name === 'github' ? 100 : 50;
  const pullOf = (one: ForgeState['pulls'][number]) => ({
    number: one.number,
    html_url: `https://forge/pulls/${one.number}`,
    head: { sha: one.head, ref: one.branch },
    base: { ref: one.base },
  });
  const commentOf = (one: ForgeState['comments'][number]) => ({
    id: one.id,
    body: one.body,
    user: { id: one.by, type: 'User' },
  });
  if (route(asked, 'GET', /^\/user$/)) return { json: { id: state.me, login: 'portoser' } };
  if (route(asked, 'GET', /^\/repos\/acme\/fleet\/pulls$/)) {
    const { base, head } = asked.query;
    const open = state.pulls.filter(
      one =>
        one.open &&
        (name === 'gitea' || base === undefined || one.base === base) &&
        (head === undefined || head === `acme:${one.branch}`),
    );
    return paged(asked, open.map(pullOf), size, Math.min(most, 2));
  }
  if (route(asked, 'POST', /^\/repos\/acme\/fleet\/pulls$/)) {
    const { head = '', base = '' } = checkBody(asked.body, ['title', 'head', 'base', 'body']);
    const made = addPull(state, head, base);
    return made === undefined
      ? { status: name === 'github' ? 422 : 409, json: { message: 'A pull request already exists' } }
      : { status: 201, json: pullOf(made) };
  }
  const listed = route(asked, 'GET', /^\/repos\/acme\/fleet\/issues\/(\d+)\/comments$/);
  if (listed) {
    const own = state.comments.filter(one => one.pull === Number(listed[0])).map(commentOf);
    return name === 'github' ? paged(asked, own, size, 2) : { json: own };
  }
  const made = route(asked, 'POST', /^\/repos\/acme\/fleet\/issues\/(\d+)\/comments$/);
  if (made)
    return {
      status: 201,
      json: commentOf(addComment(state, Number(made[0]), checkBody(asked.body, ['body']).body ?? '')),
    };
  const changed = route(asked, 'PATCH', /^\/repos\/acme\/fleet\/issues\/comments\/(\d+)$/);
  const comment = state.comments.find(one => one.id === Number(changed?.[0]));
  if (changed && comment !== undefined) {
    if (comment.by !== state.me) return { status: 403, json: { message: 'not yours' } };
    comment.body = checkBody(asked.body, ['body']).body ?? '';
    return { json: commentOf(comment) };
  }
  const status = route(asked, 'POST', /^\/repos\/acme\/fleet\/statuses\/([0-9a-f]{40})$/);
  if (!status) return undefined;
  const body = checkBody(asked.body, ['state', 'context', 'description'], ['target_url']);
  if ((body['description'] ?? '').length > 140) return { status: 422, json: { message: 'description is too long' } };
  const word = checkState(body['state'], ['error', 'failure', 'pending', 'success']);
  addStatus(state, status[0] ?? '', body['context'] ?? '', word, body['description'] ?? '');
  return { status: 201, json: { id: 1 } };
}

function gitlab(state: ForgeState, asked: Asked): Reply | undefined {
  const mergeOf = (one: ForgeState['pulls'][number]) => ({
    id: 900 + one.number,
    iid: one.number,
    sha: one.head,
    web_url: `https://forge/pulls/${one.number}`,
  });
  const noteOf = (one: ForgeState['comments'][number]) => ({
    id: one.id,
    body: one.body,
    author: { id: one.by },
    system: false,
  });
  if (route(asked, 'GET', /^\/user$/)) return { json: { id: state.me, username: 'portoser' } };
  const project = /^\/projects\/acme%2Ffleet(.*)$/.exec(asked.path)?.[1];
  if (project === undefined) return undefined;
  const inside: Asked = { ...asked, path: project };
  if (route(inside, 'GET', /^\/merge_requests$/)) {
    const { target_branch: base, source_branch: branch, state: of } = asked.query;
    if (of !== 'opened') throw new Error('GitLab calls it opened');
    const open = state.pulls.filter(
      one => one.open && one.base === base && (branch === undefined || one.branch === branch),
    );
    return paged(asked, open.map(mergeOf), 'per_page', 2);
  }
  if (route(inside, 'POST', /^\/merge_requests$/)) {
    const body = checkBody(asked.body, ['title', 'source_branch', 'target_branch', 'description']);
    const made = addPull(state, body['source_branch'] ?? '', body['target_branch'] ?? '');
    return made === undefined
      ? { status: 409, json: { message: ['Another open merge request already exists'] } }
      : { status: 201, json: mergeOf(made) };
  }
  const notes = /^\/merge_requests\/(\d+)\/notes$/.exec(project)?.[1];
  if (notes !== undefined && asked.method === 'GET')
    return paged(asked, state.comments.filter(one => one.pull === Number(notes)).map(noteOf), 'per_page', 2);
  if (notes !== undefined && asked.method === 'POST')
    return { status: 201, json: noteOf(addComment(state, Number(notes), checkBody(asked.body, ['body']).body ?? '')) };
  const changed = route(inside, 'PUT', /^\/merge_requests\/\d+\/notes\/(\d+)$/);
  const note = state.comments.find(one => one.id === Number(changed?.[0]));
  if (changed && note !== undefined) {
    note.body = checkBody(asked.body, ['body']).body ?? '';
    return { json: noteOf(note) };
  }
  const listed = route(inside, 'GET', /^\/repository\/commits\/([0-9a-f]{40})\/statuses$/);
  if (listed)
    return paged(
      asked,
      state.statuses.filter(one => one.commit === listed[0]).map(one => ({ name: one.context, status: one.state })),
      'per_page',
      2,
    );
  const status = route(inside, 'POST', /^\/statuses\/([0-9a-f]{40})$/);
  if (!status) return undefined;
  const body = checkBody(asked.body, ['state', 'name', 'description'], ['target_url']);
  const word = checkState(body['state'], ['pending', 'running', 'success', 'failed', 'canceled']);
  const stands = state.statuses.findLast(one => one.commit === status[0] && one.context === body['name']);
  if (stands?.state === word)
    return { status: 400, json: { message: `Cannot transition status via :enqueue from :${word}` } };
  addStatus(state, status[0] ?? '', body['name'] ?? '', word, body['description'] ?? '');
  return { status: 201, json: { id: 1 } };
}

export const apis: readonly Api[] = [
  {
    name: 'github',
    api: '/api/v3',
    token: headers =>
      headers.authorization === 'Bearer sesame' &&
      headers['x-github-api-version'] === '2022-11-28' &&
      headers.accept === 'application/vnd.github+json' &&
      headers['user-agent'] !== undefined,
    answer: state => asked => alike(state, 'github', asked),
  },
  {
    name: 'gitea',
    api: '/api/v1',
    token: headers => headers.authorization === 'token sesame',
    answer: state => asked => alike(state, 'gitea', asked),
  },
  {
    name: 'gitlab',
    api: '/api/v4',
    token: headers => headers['private-token'] === 'sesame',
    answer: state => asked => gitlab(state, asked),
  },
];

/** For those who come with its token, below the path where it begins. */
export function atItsPlace({ api, token, answer }: Api, state: ForgeState): Answer {
  return asked => {
    if (!token(asked.headers)) return { status: 401, json: { message: 'who are you' } };
    if (!asked.path.startsWith(`${api}/`)) return undefined;
    return answer(state)({ ...asked, path: asked.path.slice(api.length) });
  };
}
