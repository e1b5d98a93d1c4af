// The log (pino): JSON lines for programs, or plain lines for people, on standard error.
import pino, { type DestinationStream, type Logger } from 'pino';
import type { Redactor } from '../../schema/redact.js';
import type { Log } from '../ports.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogSettings {
  readonly level: LogLevel;
  /** `plain`: `12:30:01 warn  the connection was lost machine=m1`. */
  readonly format: 'json' | 'plain';
  /** Default: standard error, written at once, so that the last line before an exit is not lost. */
  readonly destination?: DestinationStream;
  /** Takes secrets out of every line. */
  readonly redactor?: Redactor;
}

/** What pino puts on every line besides our fields. */
const ownKeys = new Set(['level', 'time', 'msg', 'err']);

function plainValue(value: unknown): string {
  if (typeof value === 'string') return /^[\w@%+=:,./-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? String(value);
}

/** One JSON line of pino as a line for people; whatever is not one passes as it is. */
export function plainLine(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const time = new Date(Number(record['time'])).toISOString().slice(11, 19);
  const fields = Object.entries(record).flatMap(([key, value]) =>
    ownKeys.has(key) ? [] : [`${key}=${plainValue(value)}`],
  );
  const error = record['err'] as { readonly message?: string } | undefined;
  const cause = error === undefined ? [] : [`error=${plainValue(error.message)}`];
  return `${[time, String(record['level']).padEnd(5), record['msg'], ...fields, ...cause].join(' ')}\n`;
}

function adapt(logger: Logger): Log {
  return {
    child: fields => adapt(logger.child({ ...fields })),
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}

/** Thrown things go into the field `err`: their message, stack and fields are kept. */
export function openLog(settings: LogSettings): Log {
  const { redactor, format, destination = pino.destination({ fd: 2, sync: true }) } = settings;
  const shown = format === 'plain' ? plainLine : (line: string): string => line;
  const guarded: DestinationStream = { write: line => destination.write(shown(redactor?.json(line) ?? line)) };
  const options = { level: settings.level, base: null, formatters: { level: (level: string) => ({ level }) } };
  return adapt(pino(options, guarded));
}
