// What is said to a forge (GitHub, GitLab, Gitea, Forgejo) beside git: pull requests, one comment on each, statuses of commits.

export type ForgeKind = 'github' | 'gitlab' | 'gitea';

/** As a person may name them. Forgejo speaks as Gitea does. */
export const forgeNames: readonly string[] = ['github', 'gitlab', 'gitea', 'forgejo'];

export interface PullRequest {
  readonly number: number;
  /** Commit at its head, as the forge knows it just now. */
  readonly head: string;
  /** The ref under which the repository itself gives that head, also where it comes from a fork. */
  readonly ref: string;
}

/** `failure`: what was looked at is not well. `error`: it could not be looked at. */
export interface CommitStatus {
  readonly context: 'portoser/plan' | 'portoser/apply' | 'portoser/health';
  readonly state: 'pending' | 'success' | 'failure' | 'error';
  /** At most 140 characters, the least that a forge takes. */
  readonly description: string;
}

export interface NewPull {
  /** Branch of the same repository that is there already. */
  readonly branch: string;
  readonly base: string;
  readonly title: string;
  readonly body: string;
}

export interface OpenedPull {
  readonly number: number;
  /** For people. */
  readonly url: string;
}

/**
 * One repository on its forge. Throws `forge-unreachable` or `forge-limit` (after a few tries of its own), and
 * `forge-refused` for what only a person can put right. Everything may be asked again: nothing is made twice.
 */
export interface Forge {
  readonly kind: ForgeKind;
  /** `owner/name`, or with groups. */
  readonly repository: string;
  /** Open ones that would be merged into this branch, oldest first. */
  openPulls(base: string): Promise<readonly PullRequest[]>;
  /**
   * Keeps the one comment that is ours and holds the marker: `write` gets its text, or undefined before there is one, and
   * answers the text that is wanted. Nothing is sent when that is what stands there.
   */
  comment(pull: number, marker: string, write: (before: string | undefined) => string): Promise<void>;
  setStatus(commit: string, status: CommitStatus): Promise<void>;
  /** Opens one, or answers the one that is open for this branch. */
  openPull(pull: NewPull): Promise<OpenedPull>;
  close(): Promise<void>;
}
