// A time as a person writes it: so long ago, or an instant.
import { AppError } from '../../schema/errors.js';

const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Milliseconds since 1970. A date without a time is its midnight here. Throws `usage`. */
export function instantOf(written: string, now: number): number {
  const ago = /^(\d{1,6})([smhdw])$/.exec(written);
  if (ago !== null) return Math.max(0, now - Number(ago[1]) * unitMs[ago[2] as keyof typeof unitMs]);
  const dateOnly = /^\d{4}-\d{2}-\d{2}$/.test(written);
  const isDate = dateOnly || /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/.test(written);
  const at = isDate ? Date.parse(dateOnly ? `${written}T00:00` : written.replace(' ', 'T')) : Number.NaN;
  if (Number.isFinite(at) && at >= 0) return at;
  throw new AppError('usage', `\`${written}\` is no time`, { hint: 'Write 10m, 2h, 7d, or 2026-01-31T12:00:00Z.' });
}
