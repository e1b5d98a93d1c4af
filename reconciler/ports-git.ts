// The part of the ports that is about repositories: their commits and files, and how we write back.

/** A file of a commit (or of a work tree). Only plain files; a link or submodule is listed with its kind and never read. */
export interface RepoEntry {
  /** Path from the repository's root, `/` between parts. */
  readonly path: string;
  readonly kind: 'file' | 'link' | 'submodule';
  readonly executable: boolean;
  /** Git object id; the same content has the same id. */
  readonly oid: string;
}

/** The files of one commit, or of a person's work tree as it lies there. Paths through links are refused. */
export interface RepoFiles {
  /** Commit id, or `work-tree`. */
  readonly revision: string;
  /** undefined: no such file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** All entries below a folder (`''`: all), sorted by path; undefined: no such folder. */
  list(folder: string): Promise<readonly RepoEntry[] | undefined>;
}

export interface CommitFacts {
  readonly id: string;
  readonly parents: readonly string[];
  readonly author: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly message: string;
}

/** A file as an edit leaves it: a text, its mode as before; bytes with their mode; null: no such file. */
export type EditedContent = string | { readonly bytes: Uint8Array; readonly executable: boolean } | null;

/** New contents by path, worked out from the newest head; called again when the push lost a race. */
export type EditFiles = (files: RepoFiles) => Promise<ReadonlyMap<string, EditedContent>>;

export interface GitRepo {
  /** The address, without credentials, for people. */
  readonly address: string;
  readonly branch: string;
  /** The branch's head at the remote, by listing refs; nothing is fetched. */
  remoteHead(): Promise<string>;
  /** Brings the branch here, incrementally; answers its head. A broken clone is made anew. */
  fetch(): Promise<string>;
  files(commit: string): Promise<RepoFiles>;
  has(commit: string): Promise<boolean>;
  /** `ancestor` is `commit`, or stands in its history. */
  isAncestor(ancestor: string, commit: string): Promise<boolean>;
  /** A newest commit that both have in their history; undefined: they have none. Both must be here. */
  mergeBase(one: string, other: string): Promise<string | undefined>;
  /**
   * Brings what a ref of the remote names here, and leaves the branch as it is; answers the commit. Strangers may have
   * written it: throws `git-unsupported` for more than anybody reviews.
   */
  fetchRef(ref: string): Promise<string>;
  /** Id of the oldest commit: with the cluster's name its identity on machines. */
  rootCommit(commit: string): Promise<string>;
  commitFacts(commit: string): Promise<CommitFacts>;
  /** Commits an edit on the newest head and pushes it (to a new `branch`, when named); fetches and edits anew when the push lost a race. Answers the commit. */
  commit(
    edit: EditFiles,
    message: string,
    trailers: Readonly<Record<string, string>>,
    branch?: string,
  ): Promise<string>;
  /** Local repositories call back when their refs change; others never. Answers a stop function. */
  watch(changed: () => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}
