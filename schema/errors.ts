// The error catalogue: everything Portoser may fail at, with what to do about it, and the one class that carries it.
import {
  backupErrors,
  entry,
  machineErrors,
  rollbackErrors,
  storeErrors,
  type CatalogueEntry,
  type Retry,
} from './catalogue.js';
import { apiErrors } from './catalogue-api.js';
import { forgeErrors } from './catalogue-forge.js';
import { notifyErrors } from './catalogue-notify.js';

export type { Retry } from './catalogue.js';

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
  'state-note-busy': entry(
    'Another process is changing this note of the state folder',
    'backoff',
    409,
    'Ask again; if it stays so, look at the process that is named: it is stopped, or its disk hangs.',
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
    'The end of its log is in `portoser history show <id>` (ids: `portoser history list`); correct it in git, or raise health.deadline.',
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
  isolated: entry(
    'No machine can be reached',
    'backoff',
    502,
    'Look at the network of the controller itself; nothing is judged or changed until a machine answers.',
  ),
  held: entry('Held until a person approves', 'human', 409, 'Look at the plan, then run `portoser approve <plan>`.'),
  ...machineErrors,
  ...backupErrors,
  ...rollbackErrors,
  ...storeErrors,
  ...apiErrors,
  ...forgeErrors,
  ...notifyErrors,
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;
/** Codes by which a machine itself could not be reached, whatever was asked of it. */
export const noWayCodes: ReadonlySet<ErrorCode> = new Set(['ssh-unreachable', 'ssh-jump', 'ssh-lost']);
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
