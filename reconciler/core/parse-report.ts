// Collects diagnostics while parsing: each mistake once, whatever number of placements meet it.
import type { Diagnostic, DiagnosticCode } from '../../schema/diagnostics.js';
import { pathText, type Locate, type Path } from '../../schema/validate.js';

export interface More {
  readonly severity?: 'error' | 'warning';
  readonly where?: 'key' | 'value';
  readonly expected?: string | undefined;
  readonly hint?: string | undefined;
  readonly related?: Diagnostic['related'];
}

export interface Report {
  add(diagnostic: Diagnostic): void;
  /** At a path of the registry; an error unless told otherwise. */
  at(locate: Locate, path: Path, code: DiagnosticCode, message: string, more?: More): void;
  all(): readonly Diagnostic[];
}

export function newReport(): Report {
  const found = new Map<string, Diagnostic>();
  const add = (one: Diagnostic): void => {
    const key = `${one.file}\0${one.line}\0${one.column}\0${one.code}\0${one.message}`;
    if (!found.has(key)) found.set(key, one);
  };
  return {
    add,
    at(locate, path, code, message, { severity = 'error', where = 'value', expected, hint, related } = {}) {
      add({
        code,
        severity,
        ...locate(path, where),
        path: pathText(path),
        message,
        ...(expected === undefined ? {} : { expected }),
        ...(hint === undefined ? {} : { hint }),
        ...(related === undefined ? {} : { related }),
      });
    },
    all: () => [...found.values()],
  };
}
