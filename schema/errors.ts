// The error catalogue: everything Portoser may fail at, with what to do about it, and the one class that carries it.

/** `never`: trying again cannot help. `backoff`: the cause may pass by itself. `human`: a person must change something first. */
export type Retry = 'never' | 'backoff' | 'human';

interface CatalogueEntry {
  readonly title: string;
  readonly retry: Retry;
  /** HTTP status that the API answers with. */
  readonly status: number;
  /** What to do, in one sentence. */
  readonly hint: string;
}

const entry = (title: string, retry: Retry, status: number, hint: string): CatalogueEntry => ({
  title,
  retry,
  status,
  hint,
});

export const catalogue = {
  usage: entry('The command was not understood', 'never', 400, 'Run the command with --help to see its words.'),
  'not-supported': entry(
    'Not supported yet',
    'never',
    501,
    'This version does not do that yet; the README lists what it does.',
  ),
  internal: entry(
    'Something unexpected happened',
    'never',
    500,
    'This is a bug in Portoser: report it with the text above.',
  ),
  interrupted: entry('Interrupted', 'never', 499, 'Nothing is left half done; run it again when you like.'),
  'registry-invalid': entry(
    'The registry was refused',
    'human',
    422,
    'Correct what the diagnostics name; the last good registry stays in force.',
  ),
  'registry-missing': entry(
    'There is no registry',
    'human',
    404,
    'Write one with `portoser init`, or name its path with --path or REGISTRY_FILE.',
  ),
  'registry-edit': entry(
    'The registry could not be edited',
    'human',
    409,
    'Edit the file by hand, or commit what lies in the work tree first.',
  ),
  uncommitted: entry(
    'The files are not what is committed',
    'human',
    409,
    'Commit them first, or say --uncommitted to deploy them as they lie there.',
  ),
  'unknown-name': entry(
    'There is nothing of that name',
    'human',
    404,
    'See `portoser service list` and `portoser machine list` for the names.',
  ),
  'settings-invalid': entry(
    'A setting is wrong',
    'human',
    400,
    'See `portoser config show` for each value and where it comes from.',
  ),
  'state-dir-busy': entry(
    'Another controller uses this state folder',
    'human',
    409,
    'Stop it, or give this one a --state-dir of its own.',
  ),
  'state-dir-unusable': entry(
    'The state folder cannot be used',
    'human',
    500,
    'Make it writable for this user, free space there, or name another with --state-dir.',
  ),
  'git-unreachable': entry(
    'The repository cannot be reached',
    'backoff',
    502,
    'Check the address and the network; the last good commit stays in force meanwhile.',
  ),
  'git-auth': entry(
    'The repository refused the credentials',
    'human',
    502,
    'Set PORTOSER_GIT_TOKEN or PORTOSER_GIT_SSH_KEY to a credential that may read the repository.',
  ),
  'git-missing': entry('There is no such repository, branch or commit', 'human', 404, 'Check --repo and --branch.'),
  'git-broken': entry('The local clone is broken', 'backoff', 500, 'It is thrown away and made again by itself.'),
  'git-unsupported': entry(
    'The repository holds something that is not accepted',
    'human',
    422,
    'The message names it: change it in the repository, or use another one.',
  ),
  'git-rejected': entry(
    'The push was rejected',
    'human',
    409,
    'The server said why, above; allow Portoser to push to this branch, or set policy.write.',
  ),
  'git-race': entry('Others pushed first, several times in a row', 'backoff', 409, 'Try again.'),
  'git-held': entry(
    'The branch was rewritten',
    'human',
    409,
    'Look at it, then accept it with `portoser git accept <commit>`, or push a branch that contains the applied commit.',
  ),
  'ssh-unreachable': entry(
    'The machine cannot be reached',
    'backoff',
    502,
    'Check that it is on, that its address and port are right, and that sshd listens.',
  ),
  'ssh-auth': entry(
    'The machine refused the login',
    'human',
    502,
    'Check the user and ssh_key, and that the key stands in its authorized_keys.',
  ),
  'ssh-key-unusable': entry(
    'The private key cannot be used',
    'human',
    500,
    'Name a readable key with ssh_key (mode 0600); give PORTOSER_SSH_PASSPHRASE for an encrypted one.',
  ),
  'ssh-host-key-unknown': entry(
    'The host key is not known',
    'human',
    502,
    'Compare the fingerprint with the machine, then run `portoser machine trust <machine>`.',
  ),
  'ssh-host-key-changed': entry(
    'The host key has changed',
    'human',
    502,
    'Somebody may be listening in. If the machine was set up anew, pin its new key with `portoser machine trust <machine> --replace`.',
  ),
  'ssh-lost': entry(
    'The connection was lost',
    'backoff',
    502,
    'What was running there is looked for when the machine is back.',
  ),
  'ssh-forward-refused': entry(
    'The machine refuses port forwarding',
    'human',
    502,
    'Allow AllowTcpForwarding in its sshd_config, or install curl or nc there.',
  ),
  'ssh-jump': entry('The way through the jump machine failed', 'backoff', 502, 'Check the machines named in `jump`.'),
  'command-failed': entry('A command failed on the machine', 'backoff', 500, 'The end of its output stands above.'),
  'command-timeout': entry(
    'A command took longer than its time limit',
    'backoff',
    504,
    'It was ended on the machine; look there for what it waited for.',
  ),
  'machine-shell': entry(
    'The machine did not answer as a POSIX shell does',
    'human',
    502,
    'Check that /bin/sh works for this user.',
  ),
  'machine-lock': entry(
    'Another controller is changing this machine',
    'backoff',
    409,
    'Wait for it; a lock without renewal is taken over after 60 s.',
  ),
  'machine-fenced': entry(
    'Another controller took this machine over',
    'never',
    409,
    'This one steps down; the other goes on.',
  ),
  'machine-claimed': entry(
    'The machine belongs to another repository',
    'human',
    409,
    'If this repository shall have it, run `portoser machine claim <machine>`; else give this cluster another name.',
  ),
  'machine-duplicate': entry(
    'One machine stands under two names',
    'human',
    409,
    'Remove one of the two entries from the registry.',
  ),
  'machine-platform': entry(
    'The machine is not what the registry says',
    'human',
    409,
    'Correct platform or arch in the registry.',
  ),
  'machine-disk-full': entry('The disk of the machine is full', 'human', 507, 'Free space (or inodes) there.'),
  'machine-state': entry(
    'The state folder on the machine cannot be used',
    'human',
    500,
    'Let the SSH user write it, or allow sudo.',
  ),
  'sudo-refused': entry(
    'The machine does not allow sudo without a password',
    'human',
    403,
    'Allow it for this user (NOPASSWD), or log in as root, or use `scope: user`.',
  ),
  'docker-missing': entry(
    'Docker Compose is not there',
    'human',
    424,
    'Install Docker and the Compose plugin on the machine.',
  ),
  'docker-down': entry('The Docker engine does not answer', 'backoff', 424, 'Start it: `systemctl start docker`.'),
  'docker-refused': entry(
    'The user may not use Docker',
    'human',
    403,
    'Add the SSH user to the group docker, or allow sudo.',
  ),
  'image-missing': entry(
    'The image cannot be had',
    'human',
    424,
    'Check its name and tag, the registry it comes from, and the login of the machine there.',
  ),
  'compose-invalid': entry(
    'The compose file is not valid',
    'human',
    422,
    'Correct it; `docker compose config` on the machine says the same.',
  ),
  'uv-missing': entry(
    'uv is not there',
    'human',
    424,
    'Install uv on the machine (in PATH, /usr/local/bin or ~/.local/bin).',
  ),
  'uv-failed': entry(
    'uv could not set the app up',
    'human',
    424,
    'The end of its output stands above; check pyproject.toml and uv.lock.',
  ),
  'service-manager-missing': entry(
    'The machine has no service manager for this',
    'human',
    424,
    'Use `scope: none`, or a machine with systemd or launchd.',
  ),
  'unit-missing': entry(
    'The unit is not there',
    'human',
    424,
    'Install it on the machine, or give `command` to have it written.',
  ),
  'port-taken': entry(
    'The port is taken by a stranger',
    'human',
    409,
    'Stop what listens there, or give the service another port.',
  ),
  stranger: entry(
    'Something of that name is there already, and is not ours',
    'human',
    409,
    'Give the service another name, or remove what stands there.',
  ),
  'stale-plan': entry('The machine changed since the plan was made', 'backoff', 409, 'The next pass looks again.'),
  'not-converged': entry(
    'The command succeeded, but the machine does not show it',
    'backoff',
    500,
    'Look at the tool that was called: it reported success and did nothing.',
  ),
  'gate-failed': entry(
    'The service did not become healthy in time',
    'human',
    424,
    'Its log tail stands above; correct it in git, or raise health.deadline.',
  ),
  'file-refused': entry(
    'A file may not be used',
    'human',
    500,
    'Let this user read it (and write it, for an edit), or free space there.',
  ),
  'file-missing': entry(
    'A file that the registry names is not there',
    'human',
    404,
    'Add it to the repository, or correct its name.',
  ),
  held: entry('Held until a person approves', 'human', 409, 'Look at the plan, then run `portoser approve <plan>`.'),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/** An error as plain data, for plans, journals and JSON output. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly retry: Retry;
  readonly details?: ErrorDetails;
}

/** Portoser could not do something. `message` says what and where; the catalogue says what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  /** Replaces the catalogue's hint where more is known. */
  readonly ownHint: string | undefined;

  constructor(code: ErrorCode, message: string, more: { cause?: unknown; details?: ErrorDetails; hint?: string } = {}) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.name = 'AppError';
    this.code = code;
    this.details = more.details ?? {};
    this.ownHint = more.hint;
  }

  get retry(): Retry {
    return catalogue[this.code].retry;
  }

  get hint(): string {
    return this.ownHint ?? catalogue[this.code].hint;
  }

  report(): ErrorReport {
    const base = { code: this.code, message: this.message, hint: this.hint, retry: this.retry };
    return Object.keys(this.details).length > 0 ? { ...base, details: this.details } : base;
  }
}

/** Whatever was thrown, as an AppError: a foreign error becomes `internal` with its cause kept. */
export function asAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  return new AppError('internal', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
