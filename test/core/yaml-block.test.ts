// An entry's lines, found without a parser: equal words only where a parser would find the same.
import { describe, expect, it } from 'vitest';
import { blockWords } from '../../reconciler/core/yaml-block.js';
import { readYaml } from '../../reconciler/core/yaml-text.js';

const text = `# top
vars: {PORT: 8080}
services:
  # the first
  web:
    type: native

    command: |
      services:
        db: 1
  db: {type: native}   # small
policy:
  drift: report
`;

const wordsOf = (path: readonly string[], from = text) => blockWords(from, path);

describe('the lines of an entry', () => {
  it('are those below its key', () => {
    expect(wordsOf(['services', 'web'])).toBe('\n    type: native\n\n    command: |\n      services:\n        db: 1');
    expect(wordsOf(['services', 'db'])).toBe('{type: native}   # small');
    expect(wordsOf(['policy', 'drift'])).toBe('report');
  });

  it('are those of the whole where it is written in one line', () => {
    expect(wordsOf(['vars', 'PORT'])).toBe('{PORT: 8080}');
  });

  it('are none where there is no such entry', () => {
    expect(wordsOf(['services', 'api'])).toBe('');
    expect(wordsOf(['machines', 'm1'])).toBe('');
  });

  it.each([
    ['JSON', '{"services": {"web": {}}}\n'],
    ['quoted keys', 'services:\n  "web": {}\n'],
    ['uneven indentation', '  services:\n web: {}\n'],
    ['an alias', 'a: &a {x: 1}\nservices:\n  web: *a\n'],
    ['a merge key', 'a: &a {x: 1}\nservices:\n  web:\n    <<: *a\n'],
    ['an alias in a list', 'a: &a x\nservices:\n  web:\n    - *a\n'],
    ['a list', '- services\n'],
  ])('are not told of %s', (_, from) => {
    expect(wordsOf(['services', 'web'], from)).toBeUndefined();
  });

  it('stay the same when other entries change, and only then', () => {
    const others = [
      text.replace('drift: report', 'drift: revert'),
      text.replace('  db: {', '  api: {type: local}\n  db: {'),
      text.replace('vars: {PORT: 8080}\n', ''),
      `---\n${text}`,
      text.replaceAll('\n', '\r\n'),
    ];
    for (const other of others) expect(wordsOf(['services', 'web'], other)).toBe(wordsOf(['services', 'web']));
    const changed = text.replace('type: native\n', 'type: local\n');
    expect(wordsOf(['services', 'web'], changed)).not.toBe(wordsOf(['services', 'web']));
  });

  it('mean what a parser finds', () => {
    const value = readYaml('', text).value as { services: Record<string, unknown> };
    expect(Object.keys(value.services)).toEqual(['web', 'db']);
    expect(readYaml('', `web:${wordsOf(['services', 'web'])}`).value).toEqual({ web: value.services['web'] });
  });
});
