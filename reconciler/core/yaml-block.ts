// The lines of one entry within a YAML text, found without parsing it: most commits leave most entries as they are.

const indentOf = (line: string): number => line.length - line.trimStart().length;
const isBlank = (line: string): boolean => /^\s*(#.*)?$/.test(line);
const plainKey = /^\s*([A-Za-z0-9_-]+):(?=\s|$)/;

/** Aliases and merge keys bring in what stands elsewhere. */
const reachesOut = (lines: readonly string[]): boolean => lines.some(line => /(^|[\s[{,:-])\*[\w-]|<<\s*:/.test(line));

interface Block {
  /** What stands behind the key on its line. */
  readonly head: string;
  readonly lines: readonly string[];
}

/** The lines below a key of the map that these lines are. undefined: not told; `none`: every key is plain, and none is it. */
function below(lines: readonly string[], key: string): Block | 'none' | undefined {
  const first = lines.find(line => !isBlank(line));
  if (first === undefined) return 'none';
  const indent = indentOf(first);
  const starts = lines.flatMap((line, index) => (!isBlank(line) && indentOf(line) <= indent ? [index] : []));
  const keys = starts.map(index => plainKey.exec(lines[index] ?? '')?.[1]);
  if (keys.includes(undefined) || starts.some(index => indentOf(lines[index] ?? '') !== indent)) return undefined;
  const at = keys.indexOf(key);
  if (at < 0) return 'none';
  const start = starts[at] ?? 0;
  const head = (lines[start] ?? '').slice(indent + key.length + 1).trim();
  return { head, lines: lines.slice(start + 1, starts[at + 1]) };
}

/**
 * Words that are the same in two texts only where the entry says the same in both; `''`: there is no such entry. undefined:
 * only a parser can tell, because the text is not written in plain blocks, or the entry borrows from elsewhere.
 */
export function blockWords(text: string, path: readonly (string | number)[]): string | undefined {
  let lines: readonly string[] = text.replace(/^---\s*\n/, '').split(/\r?\n/);
  let head = '';
  for (const step of path) {
    if (head !== '' && !head.startsWith('#')) break;
    const found = below(lines, String(step));
    if (found === undefined || found === 'none') return found === undefined ? undefined : '';
    ({ head, lines } = found);
  }
  if (reachesOut([head, ...lines])) return undefined;
  // Blank lines and comments before the next entry would make a difference of none.
  return [head, ...lines].join('\n').trimEnd() || '~';
}
