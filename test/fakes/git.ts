// A repository in memory: commits that know their parent and files; its remote may be down, rewritten or forgotten.
import { createHash } from 'node:crypto';
import { AppError } from '../../schema/errors.js';
import type { CommitFacts, GitRepo, RepoEntry, RepoFiles } from '../../reconciler/ports.js';

interface Commit {
  readonly parent?: string;
  readonly facts: Pick<CommitFacts, 'author' | 'at' | 'message'>;
  readonly files: Readonly<Record<string, string>>;
}

export interface FakeGit extends GitRepo {
  /** Makes a commit on top of `parent` (default: the head), and the branch name it. */
  make(files: Readonly<Record<string, string>>, parent?: string, facts?: Partial<Commit['facts']>): string;
  head: string;
  /** What asking the remote throws. */
  fault?: AppError;
  /** Commits that this clone has lost. */
  readonly lost: Set<string>;
  /** What the remote has beside its branch. */
  readonly refs: Map<string, string>;
  /** Calls back as a watcher of refs does. */
  moved(): void;
  watched: number;
}

const hash = (text: string) => createHash('sha1').update(text).digest('hex');

/** The files of one revision, as both git and a work tree answer them. */
export function fakeFiles(
  revision: string,
  files: Readonly<Record<string, string>>,
  more: readonly RepoEntry[] = [],
): RepoFiles {
  const entries = Object.entries(files).map(([path, text]): RepoEntry => ({
    path,
    kind: 'file',
    executable: path.endsWith('.sh'),
    oid: hash(text),
  }));
  return {
    revision,
    read: async path => (files[path] === undefined ? undefined : Buffer.from(files[path])),
    list: async folder => {
      const below = [...entries, ...more].filter(one => folder === '' || one.path.startsWith(`${folder}/`));
      return below.length === 0 && folder !== '' ? undefined : below.toSorted((a, b) => (a.path < b.path ? -1 : 1));
    },
  };
}

export function createFakeGit(): FakeGit {
  const commits = new Map<string, Commit>();
  const watchers = new Set<() => void>();
  const find = (id: string): Commit => {
    const found = fake.lost.has(id) ? undefined : commits.get(id);
    if (found === undefined) throw new AppError('git-missing', `there is no commit ${id}`);
    return found;
  };
  const line = (id: string): readonly string[] => [
    id,
    ...(find(id).parent === undefined ? [] : line(find(id).parent ?? '')),
  ];
  const remote = async (): Promise<string> => {
    if (fake.fault !== undefined) throw fake.fault;
    return fake.head;
  };
  const fake: FakeGit = {
    address: '/srv/fleet.git',
    branch: 'main',
    head: '',
    lost: new Set(),
    refs: new Map(),
    watched: 0,
    make: (files, parent = fake.head, facts = {}) => {
      const id = hash(`${parent} ${JSON.stringify(files)} ${commits.size}`);
      const said = { author: 'Ada', at: 0, message: '', ...facts };
      commits.set(id, { files, facts: said, ...(parent === '' ? {} : { parent }) });
      fake.head = id;
      return id;
    },
    moved: () => watchers.forEach(changed => changed()),
    remoteHead: remote,
    fetch: remote,
    files: async id => fakeFiles(id, find(id).files),
    has: async id => commits.has(id) && !fake.lost.has(id),
    isAncestor: async (ancestor, id) => line(id).includes(ancestor),
    mergeBase: async (one, other) => line(one).find(id => line(other).includes(id)),
    fetchRef: async ref => {
      const id = fake.refs.get(ref);
      if (id === undefined) throw new AppError('git-missing', `there is no ${ref}`);
      return id;
    },
    rootCommit: async id => line(id).at(-1) ?? '',
    commitFacts: async id => {
      const { parent, facts } = find(id);
      return { id, parents: parent === undefined ? [] : [parent], ...facts };
    },
    commit: () => Promise.reject(new AppError('git-rejected', 'read only')),
    watch: async changed => {
      watchers.add(changed);
      fake.watched += 1;
      return async () => {
        watchers.delete(changed);
        fake.watched -= 1;
      };
    },
    close: async () => undefined,
  };
  return fake;
}
