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

/** `*` and `?` stay within a folder, `**` goes through folders. */
function patternExpression(pattern: string): RegExp {
  const plain = pattern.replace(/^(\.\/)+/, '').replaceAll(/\*{2,}/g, '**');
  const source = plain.replaceAll(/\*\*\/|\*\*|\*|\?|[^*?]+/g, part => {
    switch (part) {
      case '**/':
        return '(?:[^/]+/)*';
      case '**':
        return '.*';
      case '*':
        return '[^/]*';
      case '?':
        return '[^/]';
      default:
        return part.replaceAll(/[\\^$.|+()[\]{}]/g, String.raw`\$&`);
    }
  });
  return new RegExp(`^${source}$`, 'u');
}

/** The paths that one of the patterns matches, sorted. Patterns start at the repository's root. */
export function matchIncludes(patterns: readonly string[], allPaths: Iterable<string>): readonly string[] {
  const expressions = patterns.map(patternExpression);
  return [...allPaths].filter(path => expressions.some(expression => expression.test(path))).toSorted();
}
