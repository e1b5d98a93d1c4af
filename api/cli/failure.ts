// An error for people: what, where and why, what to do, and its permanent code.
import { type AppError, asAppError, catalogue } from '../../schema/errors.js';
import type { Paint } from './paint.js';

export function failureText(thrown: unknown, paint: Paint): string {
  const error = asAppError(thrown);
  const lines = [
    `${paint.bad('portoser:')} ${catalogue[error.code].title}`,
    `  ${error.message.split('\n').join('\n  ')}`,
    ...detailLines(error),
    `  ${paint.strong(sentence(error.hint))} ${paint.faint(`[${error.code}]`)}`,
  ];
  return [...lines, ...traceLines(error)].join('\n');
}

const sentence = (hint: string): string => `${hint.charAt(0).toUpperCase()}${hint.slice(1)}`;

function detailLines(error: AppError): string[] {
  return Object.entries(error.details)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => `  ${name}: ${String(value).split('\n').join('\n    ')}`);
}

/** A bug is only reported well with the place where it happened. */
function traceLines(error: AppError): string[] {
  if (error.code !== 'internal') return [];
  const stack = error.cause instanceof Error ? error.cause.stack : error.stack;
  return stack === undefined ? [] : [stack];
}
