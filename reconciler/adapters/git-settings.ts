// What the git adapter is told from outside.
import type { Clock, Log } from '../ports.js';

export interface GitCredentials {
  /** For https: a token, or the password of `username`. */
  readonly token?: string | undefined;
  /** For https; forges that take any name beside a token get `x-access-token`. For ssh: when the address names nobody. */
  readonly username?: string | undefined;
  /** Path of a deploy key; `~` is expanded. Without it and without `sshKey`: the usual keys, then the agent. */
  readonly sshKeyPath?: string | undefined;
  /** The deploy key itself. */
  readonly sshKey?: string | undefined;
  readonly sshPassphrase?: string | undefined;
  /** Socket of an SSH agent. */
  readonly sshAgent?: string | undefined;
  /** Certificates (PEM, or the path of a file with them) that https servers may be signed by, beside the usual ones. */
  readonly ca?: string | undefined;
  /** Default: the user's and the system's. */
  readonly knownHostsFiles?: readonly string[] | undefined;
}

export interface GitSettings {
  readonly address: string;
  /** Default: the one that the repository's HEAD names. */
  readonly branch?: string | undefined;
  /** Folder for clones and what is remembered about repositories; made when missing. */
  readonly stateDir: string;
  readonly credentials: GitCredentials & { readonly write?: GitCredentials | undefined };
  readonly log: Log;
  readonly clock?: Pick<Clock, 'now'> | undefined;
}

/** Author and committer of what Portoser writes. */
export const portoser = 'portoser <portoser@localhost>';

/** The credentials for pushing: what is given for writing, the rest as for reading. */
export function writeCredentials({ write, ...read }: GitSettings['credentials']): GitCredentials {
  const given = Object.fromEntries(
    Object.entries(write ?? {}).filter(([, value]) => value !== undefined && value !== ''),
  );
  // A key for writing takes the place of the one for reading, in whatever way they are given.
  const { sshKey: _, sshKeyPath: __, ...others } = read;
  return { ...('sshKey' in given || 'sshKeyPath' in given ? others : read), ...given };
}
