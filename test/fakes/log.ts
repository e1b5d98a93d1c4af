// A log that remembers its lines.
import type { Log } from '../../reconciler/ports.js';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface FakeLog extends Log {
  readonly lines: readonly LogLine[];
}

export function createFakeLog(lines: LogLine[] = [], own: Readonly<Record<string, unknown>> = {}): FakeLog {
  const at = (level: LogLine['level']) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ level, fields: { ...own, ...fields }, message });
  return {
    lines,
    child: fields => createFakeLog(lines, { ...own, ...fields }),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}
