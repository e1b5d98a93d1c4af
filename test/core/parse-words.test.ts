// The small readers of parse: command words, durations, sizes, cron, look-alikes, circles, paths.
import { describe, expect, it } from 'vitest';
import { splitWords } from '../../reconciler/core/command-words.js';
import { isCron } from '../../reconciler/core/cron.js';
import { findCycles } from '../../reconciler/core/cycles.js';
import { durationMs } from '../../reconciler/core/durations.js';
import { isSystemFolder, normalPath } from '../../reconciler/core/paths.js';
import { sizeBytes } from '../../reconciler/core/sizes.js';
import { lookalike } from '../../reconciler/core/yaml-lookalike.js';

describe('splitWords', () => {
  it.each([
    ['run', ['run']],
    ['  run   --a\t-b  ', ['run', '--a', '-b']],
    [`a 'b c' "d e" f\\ g`, ['a', 'b c', 'd e', 'f g']],
    [`a'b'"c"d`, ['abcd']],
    [`'' ""`, ['', '']],
    [`"a\\"b\\\\c\\$d\\n"`, ['a"b\\c$d\\n']],
    [`'a | b && c > d $(e) \`f\`'`, ['a | b && c > d $(e) `f`']],
    [`"a | b; c"`, ['a | b; c']],
    [`sh -c 'echo $HOME | cat'`, ['sh', '-c', 'echo $HOME | cat']],
    ['a\\\nb', ['ab']],
    [
      'a=b x=* y[1] z? {1,2} a#b ~x $PORT %d ! ^',
      ['a=b', 'x=*', 'y[1]', 'z?', '{1,2}', 'a#b', '~x', '$PORT', '%d', '!', '^'],
    ],
    ['wéb "日本"', ['wéb', '日本']],
    ['run\n', ['run']],
  ])('%j', (text, words) => {
    expect(splitWords(text)).toEqual({ words });
  });

  it.each([
    '',
    '   ',
    'a | b',
    'a && b',
    'a;b',
    'a > b',
    'a<b',
    'a &',
    '(a)',
    'a $(b)',
    'a `b`',
    '"$(b)"',
    '"`b`"',
    'a\nb',
    "a 'b",
    'a "b',
    'a \\',
    '# a',
    'a #b',
    '~/bin/a',
    'a ~/b',
    'a ~',
  ])('%j is refused', text => {
    expect(splitWords(text)).toHaveProperty('problem');
  });
});

describe('durationMs', () => {
  it.each([
    [0, 0],
    [30, 30_000],
    [0.5, 500],
    ['30', 30_000],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
    [-1, undefined],
    [Number.NaN, undefined],
    ['', undefined],
    ['5 m', undefined],
    ['m', undefined],
    ['1h30m', undefined],
    ['-5s', undefined],
    ['1e3', undefined],
  ])('%s', (written, expected) => {
    expect(durationMs(written)).toBe(expected);
  });
});

describe('sizeBytes', () => {
  it.each([
    [1024, 1024],
    ['512', 512],
    ['1k', 1024],
    ['512M', 536_870_912],
    ['512MB', 536_870_912],
    ['512MiB', 536_870_912],
    ['1G', 1_073_741_824],
    ['1.5g', 1_610_612_736],
    ['1T', 1024 ** 4],
    [1.5, undefined],
    [-1, undefined],
    ['', undefined],
    ['M', undefined],
    ['1P', undefined],
    ['1 G', undefined],
  ])('%s', (written, expected) => {
    expect(sizeBytes(written)).toBe(expected);
  });
});

describe('isCron', () => {
  it.each(['* * * * *', '0 4 * * *', '*/5 0-6,22 1 jan-mar mon-fri', '30 0 4 * * *', '0 0 * * 7'])(
    '%s is one',
    text => {
      expect(isCron(text)).toBe(true);
    },
  );
  it.each([
    '',
    '* * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    'a * * * *',
    '@daily',
    '1/2/3 * * * *',
    '1-2-3 * * * *',
    '* * * * * * *',
  ])('%s is none', text => {
    expect(isCron(text)).toBe(false);
  });
});

describe('lookalike', () => {
  it.each([
    ['yes', 'true'],
    ['OFF', 'false'],
    ['0644', '420'],
    ['22:30', '1350'],
    ['1:30:00', '5400'],
  ])('%s is %s to others', (source, other) => {
    expect(lookalike(source)).toBe(other);
  });
  it.each(['true', 'y', 'yes!', '0', '10', '0o17', '089', '8080:80', '1.5', 'a:b', '10.0.0.1'])(
    '%s is the same to all',
    source => {
      expect(lookalike(source)).toBeUndefined();
    },
  );
});

describe('findCycles', () => {
  const graph = (edges: Readonly<Record<string, readonly string[]>>) => findCycles(new Map(Object.entries(edges)));
  it('finds none where there is none', () => {
    expect(graph({ a: ['b', 'c'], b: ['c'], c: [], d: ['nowhere'] })).toEqual([]);
  });
  it('gives the whole way around', () => {
    expect(graph({ a: ['b'], b: ['c'], c: ['a'] })).toEqual([['a', 'b', 'c', 'a']]);
    expect(graph({ a: ['a'] })).toEqual([['a', 'a']]);
    expect(graph({ x: ['b'], b: ['c'], c: ['b'] })).toEqual([['b', 'c', 'b']]);
  });
  it('goes through long chains', () => {
    const long = Array.from({ length: 50_000 }, (_, index) => [`n${index}`, [`n${index + 1}`]] as const);
    expect(findCycles(new Map(long))).toEqual([]);
  });
});

describe('paths', () => {
  it.each([
    ['/opt//a/./b/', '/opt/a/b'],
    ['/', '/'],
    ['a//b/', 'a/b'],
    ['./a', 'a'],
  ])('%s is %s', (path, expected) => {
    expect(normalPath(path)).toBe(expected);
  });
  it.each(['/', '/etc', '/usr/bin', '/proc/1', '/sys/x', '/var'])('%s is the system’s', path => {
    expect(isSystemFolder(path)).toBe(true);
  });
  it.each(['/opt/a', '/home/a/b', '/srv/x', '/etc/myapp', '/var/lib/x'])('%s can be a service’s', path => {
    expect(isSystemFolder(path)).toBe(false);
  });
});
