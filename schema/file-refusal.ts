// What the operating system says of a file, in words: it answers in codes for programmers.
import { AppError } from './errors.js';

const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a folder of its path is a file',
  EISDIR: 'it is a folder',
  EEXIST: 'a file stands where a folder is needed',
  EACCES: 'this user has no right to it',
  EPERM: 'this user has no right to it',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left there',
  EDQUOT: 'no space is left there for this user',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its links lead in a circle',
  EMFILE: 'this process has too many files open',
  ENFILE: 'the system has too many files open',
  EIO: 'the disk failed',
};

/** undefined: it is no answer of the operating system. */
export function systemWords(thrown: unknown): string | undefined {
  const code: unknown = thrown instanceof Error ? (thrown as { code?: unknown }).code : undefined;
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return undefined;
  return words[code] ?? `the system says ${code}`;
}

type Purpose = 'read' | 'written';

const hints: Readonly<Record<string, Readonly<Record<Purpose, string>>>> = {
  ENOENT: { read: 'Correct the path.', written: 'Make its folder first, or correct the path.' },
  ENOTDIR: { read: 'Correct the path.', written: 'Correct the path.' },
  EEXIST: { read: 'Correct the path.', written: 'Correct the path.' },
  EISDIR: { read: 'Name a file in it.', written: 'Name a file in it.' },
};

/** `file-refused` for what the operating system answered about a path that a person named; anything else as it was thrown. */
export function fileRefusal(path: string, purpose: Purpose, thrown: unknown): unknown {
  const why = systemWords(thrown);
  if (why === undefined) return thrown;
  const hint = hints[String((thrown as { code?: unknown }).code)]?.[purpose];
  return new AppError('file-refused', `${path} cannot be ${purpose}: ${why}`, {
    cause: thrown,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Does it, and tells by `fileRefusal` what the operating system has against it. */
export async function onFile<T>(path: string, purpose: Purpose, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileRefusal(path, purpose, error);
  }
}
