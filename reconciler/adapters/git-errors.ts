// Turns what isomorphic-git and the disk say during a remote operation into errors of the catalogue, by class and code.
import { AppError, type ErrorCode } from '../../schema/errors.js';
import { systemWords } from '../../schema/file-refusal.js';
import { systemCode } from './git-fs.js';
import type { Purpose } from './git-transport.js';
import { unreachable } from './git-transport.js';
import { Errors } from './isomorphic-git.js';

export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return error instanceof AppError && codes.includes(error.code);
}

export function statusError(shown: string, purpose: Purpose, status: number, cause: unknown): AppError {
  const details = { address: shown, status };
  if (status === 401 || status === 403) return authError(shown, purpose, `HTTP ${status}`, cause, details);
  if (status === 404 || status === 410) {
    const hint = 'Check --repo; forges also say this of a repository that the credentials may not see.';
    return new AppError('git-missing', `there is no repository at ${shown} (HTTP ${status})`, { cause, details, hint });
  }
  if (status >= 300 && status < 400)
    return unreachable(shown, cause, { why: `it redirects what was sent (HTTP ${status})`, details });
  return unreachable(shown, cause, { why: `it answers HTTP ${status}`, details });
}

export function authError(
  shown: string,
  purpose: Purpose,
  why: string,
  cause: unknown,
  details: Readonly<Record<string, string | number>> = {},
): AppError {
  const may = purpose === 'write' ? 'write' : 'read';
  const suffix = purpose === 'write' ? ' (or PORTOSER_GIT_TOKEN_WRITE, PORTOSER_GIT_SSH_KEY_WRITE)' : '';
  return new AppError('git-auth', `${shown} does not let us ${may}: ${why}`, {
    cause,
    details: { address: shown, ...details },
    hint: `Set PORTOSER_GIT_TOKEN or PORTOSER_GIT_SSH_KEY${suffix} to a credential that may ${may} the repository.`,
  });
}

/** Codes of system calls on our own disk that only a person can do something about. */
const diskCodes = new Set(['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EMFILE', 'ENFILE']);

export function translate(error: unknown, shown: string, purpose: Purpose): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof Errors.HttpError) {
    // The class's declaration leaves its fields out.
    const { statusCode } = error.data as { statusCode: number };
    return statusError(shown, purpose, statusCode, error);
  }
  if (error instanceof Errors.SmartHttpError) {
    return new AppError('git-missing', `${shown} answers, but not as a git repository does`, {
      cause: error,
      details: { address: shown },
    });
  }
  if (error instanceof Errors.EmptyServerResponseError || error instanceof Errors.ParseError) {
    return unreachable(shown, error, { why: 'it does not answer as a git server does' });
  }
  if (error instanceof Errors.UnsafeFilepathError) {
    return new AppError('git-unsupported', `${shown} holds a file name that cannot be pushed: ${error.message}`, {
      cause: error,
    });
  }
  if (error instanceof Errors.NotFoundError) {
    return new AppError('git-missing', `${shown} does not have what was asked for: ${error.message}`, { cause: error });
  }
  const code = systemCode(error);
  if (code !== undefined && diskCodes.has(code)) {
    return new AppError('state-dir-unusable', `the clone of ${shown} cannot be kept: ${systemWords(error) ?? code}`, {
      cause: error,
      details: { reason: code },
    });
  }
  return new AppError(
    'git-broken',
    `the local clone of ${shown} failed: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  );
}
