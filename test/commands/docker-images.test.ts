// Names of images, by a real shell, with a program in Docker's place that keeps them in a file.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lines, render, sh } from '../../reconciler/commands/command.js';
import { keepImages, type KeptImages } from '../../reconciler/commands/docker-images.js';
import { prelude } from '../../reconciler/commands/prelude.js';
import { shells } from './supervise-shells.js';

const [one, two, three] = ['1'.repeat(64), '2'.repeat(64), '3'.repeat(64)];

let top = '';
const at = (...parts: readonly string[]): string => join(top, ...parts);

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'portoser-images-'));
  for (const folder of ['bin', 'clusters/c/stamps', 'clusters/other/stamps'])
    mkdirSync(at(folder), { recursive: true });
  writeFileSync(at('asked'), '');
  const words = `#!/bin/sh
echo "$*" >>${at('asked')}
case "$2" in
ls) exec grep '^portoser/' ${at('images')} ;;
tag) case $3 in gone) exit 1;; esac; { grep -v "^$4 " ${at('images')}; echo "$4 $3"; } >${at('next')}; exec mv ${at('next')} ${at('images')} ;;
rm) grep -v "^$3 " ${at('images')} >${at('next')}; exec mv ${at('next')} ${at('images')} ;;
esac
`;
  writeFileSync(at('bin/docker'), words, { mode: 0o755 });
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

const images = (): readonly string[] => readFileSync(at('images'), 'utf8').trimEnd().split('\n').toSorted();
const asked = (): readonly string[] =>
  readFileSync(at('asked'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => line.split(' ')[1] ?? '');
const stamp = (cluster: string, service: string, rows: string): void =>
  writeFileSync(at('clusters', cluster, 'stamps', service), `portoser-stamp 1\n${rows}`);

function keep(kept: readonly KeptImages[], shell = shells[0], path = at('bin')) {
  const words = lines([
    prelude({ nonce: 'n', sudo: 'never' }),
    sh`p_state=${at('clusters/c')}`,
    keepImages(kept),
    sh`echo "code $?"`,
  ]);
  const env = { PATH: `${path}:${process.env['PATH']}`, DOCKER_HOST: 'unix:///nowhere', HOME: top };
  return spawnSync(shell?.program ?? 'sh', [...(shell?.words ?? []), '-s'], {
    input: render(words),
    env,
    encoding: 'utf8',
  });
}

describe.each(shells)('$name', shell => {
  test('the last two keep their names, older ones and no others lose theirs', () => {
    const others = [`lab/web:1 sha256:a`, `portoser/web-db:${one} sha256:a`, 'portoser/other:x sha256:a'];
    writeFileSync(
      at('images'),
      [...others, `portoser/web:${one} sha256:a`, `portoser/web:${two}-main sha256:b`, ''].join('\n'),
    );
    stamp('c', 'web', `fingerprint ${three}\nhealthy ${two} tagged abc\n`);
    const tags = [
      { name: `portoser/web:${three}`, id: 'sha256:c' },
      { name: `portoser/web:${two}-main`, id: 'sha256:b' },
    ];
    const { stdout, stderr } = keep([{ service: 'web', tags }], shell);
    expect([stdout, stderr]).toEqual(['code 0\n', '']);
    expect(images()).toEqual(
      [...others, `portoser/web:${three} sha256:c`, `portoser/web:${two}-main sha256:b`].toSorted(),
    );
    // Before it goes the name is given to an image that has another one: Docker removes an image with its last name.
    expect(asked()).toEqual(['ls', 'tag', 'tag', 'rm']);
    expect(readFileSync(at('asked'), 'utf8')).toContain(
      `image tag sha256:c portoser/web:${one}\nimage rm portoser/web:${one}\n`,
    );
  });

  test('what has its name already costs one question; one that means another image by now is corrected', () => {
    writeFileSync(at('images'), `portoser/web:${one} sha256:a\n`);
    stamp('c', 'web', `fingerprint ${one}\n`);
    keep([{ service: 'web', tags: [{ name: `portoser/web:${one}`, id: 'sha256:a' }] }], shell);
    expect(asked()).toEqual(['ls']);
    keep([{ service: 'web', tags: [{ name: `portoser/web:${one}`, id: 'sha256:b' }] }], shell);
    expect(images()).toEqual([`portoser/web:${one} sha256:b`]);
  });

  test('a service that is gone lets go of all, but for what another cluster there keeps', () => {
    writeFileSync(at('images'), `portoser/web:${one} sha256:a\nportoser/web:${two} sha256:b\n`);
    stamp('other', 'web', `failed ${one}\nhealthy ${two} pinned abc\n`);
    keep([{ service: 'web', tags: [] }], shell);
    expect(images()).toEqual([`portoser/web:${two} sha256:b`]);
  });

  test('an image that is gone, or no Docker at all, is no fault', () => {
    writeFileSync(at('images'), `portoser/web:${one} sha256:a\n`);
    stamp('c', 'web', `fingerprint ${two}\nhealthy ${one} tagged c\n`);
    expect(keep([{ service: 'web', tags: [{ name: `portoser/web:${two}`, id: 'gone' }] }], shell).stdout).toBe(
      'code 0\n',
    );
    expect(images()).toEqual([`portoser/web:${one} sha256:a`]);
    rmSync(at('bin/docker'));
    expect(keep([{ service: 'web', tags: [] }], shell).stdout).toBe('code 0\n');
  });
});

test('nothing to keep: nothing is asked', () => {
  writeFileSync(at('images'), '');
  keep([]);
  expect(asked()).toEqual(['']);
});
