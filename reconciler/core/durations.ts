// Durations as people write them → milliseconds, and back.
const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A number of seconds, or text such as `30s`, `1.5h`; text without a unit is seconds. undefined: not a duration. */
export function durationMs(written: number | string): number | undefined {
  if (typeof written === 'number')
    return Number.isFinite(written) && written >= 0 ? Math.round(written * 1000) : undefined;
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)?$/.exec(written);
  if (match === null) return undefined;
  const unit = (match[2] ?? 's') as keyof typeof unitMs;
  return Math.round(Number(match[1]) * unitMs[unit]);
}

/** In the largest unit that leaves no rest, as durations are written: `7d`, `36h`, `90s`. */
export function durationText(ms: number): string {
  const [unit, length] = Object.entries(unitMs).findLast(([, one]) => ms % one === 0) ?? ['ms', 1];
  return `${ms / length}${unit}`;
}
