// Which further files a registry includes: patterns from its text, and the paths of the repository that they match.
import { readYaml } from './yaml-text.js';

/** The patterns of `include`; none where the text is broken or has none (parse tells what is wrong with it). */
export function includePatterns(mainText: string): readonly string[] {
  if (!/include["']?\s*:/.test(mainText)) return [];
  const { value } = readYaml('', mainText);
  const include =
    typeof value === 'object' && value !== null && Object.hasOwn(value, 'include')
      ? (value as { include: unknown }).include
      : [];
  return Array.isArray(include) ? include.filter(one => typeof one === 'string') : [];
}

/** One part of a path: `*` is any text, `?` any character. Goes back to the last star only, so that stars in a row cost nothing. */
function partMatches(pattern: string, part: string): boolean {
  let [at, star, retry] = [0, -1, 0];
  for (let index = 0; index < part.length;) {
    if (pattern[at] === '*') [star, retry, at] = [at, index, at + 1];
    else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === part[index]))
      [at, index] = [at + 1, index + 1];
    else if (star < 0) return false;
    else [at, retry, index] = [star + 1, retry + 1, retry + 1];
  }
  return /^\**$/.test(pattern.slice(at));
}

/** `**` as a whole part goes through folders. Row by row: which beginnings of the path the pattern's beginning matches. */
function pathMatches(pattern: readonly string[], path: readonly string[]): boolean {
  let row = [true, ...path.map(() => false)];
  for (const part of pattern) {
    if (part === '**') row = throughFolders(row);
    else row = [false, ...path.map((one, index) => row[index] === true && partMatches(part, one))];
  }
  return row.at(-1) === true;
}

function throughFolders(row: readonly boolean[]): boolean[] {
  const first = row.indexOf(true);
  return row.map((_, index) => first >= 0 && index >= first);
}

/** The paths that one of the patterns matches, sorted. Patterns start at the repository's root. */
export function matchIncludes(patterns: readonly string[], allPaths: Iterable<string>): readonly string[] {
  const split = patterns.map(pattern => pattern.split('/').filter(part => part !== '.' && part !== ''));
  const matches = (path: string): boolean =>
    split.some(pattern => pattern.length > 0 && pathMatches(pattern, path.split('/')));
  return [...allPaths].filter(matches).toSorted();
}
