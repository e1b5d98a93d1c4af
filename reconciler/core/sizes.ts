// Sizes as people write them → bytes. K, M, G, T are powers of 1024, as in Docker (`--memory`) and systemd (`MemoryMax=`).
const powers = { '': 0, k: 1, m: 2, g: 3, t: 4 } as const;

/** A number of bytes, or text such as `512M`, `1.5GiB`. undefined: not a size. */
export function sizeBytes(written: number | string): number | undefined {
  if (typeof written === 'number') return Number.isSafeInteger(written) && written >= 0 ? written : undefined;
  const match = /^(\d{1,9}(?:\.\d{1,3})?)([kmgt]?)(?:i?b)?$/i.exec(written);
  if (match === null) return undefined;
  const power = powers[(match[2] ?? '').toLowerCase() as keyof typeof powers];
  return Math.round(Number(match[1]) * 1024 ** power);
}
