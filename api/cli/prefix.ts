// Lines of several sources with their names in front, also where a line comes in pieces.

/** `key | line` for each line. */
export function prefixed(key: string, text: string): string {
  const lines = text.replace(/\n$/, '').split('\n');
  return lines.map(line => `${key} | ${line}\n`).join('');
}

export interface Prefixer {
  /** The whole lines that this piece completes. */
  add(key: string, text: string): string;
}

/** With one source only, its pieces pass as they are. */
export function createPrefixer(): Prefixer {
  const rests = new Map<string, string>();
  return {
    add: (key, text) => {
      const known = rests.get(key) ?? '';
      const all = known + text;
      const end = all.lastIndexOf('\n') + 1;
      rests.set(key, all.slice(end));
      if (end === 0) return '';
      return prefixed(key, all.slice(0, end));
    },
  };
}
