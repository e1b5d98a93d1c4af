// The names under which images of healthy revisions are kept.
import { expect, test } from 'vitest';
import type { Stamp } from '../../schema/state.js';
import { imagesToKeep } from '../../reconciler/core/images.js';

const [one, two] = ['1'.repeat(64), '2'.repeat(64)];
const base = { service: 'web', driver: 'docker', fingerprint: two, images: { main: 'sha256:b' } } as unknown as Stamp;
const healthy = { fingerprint: one, commit: 'c', images: { main: 'sha256:a' }, pinned: false };
const long = 'x'.repeat(100);

test.each<[string, Partial<Stamp>, readonly string[] | undefined]>([
  ['the one that runs', {}, [`portoser/web:${two} sha256:b`]],
  ['and the healthy one before', { healthy }, [`portoser/web:${two} sha256:b`, `portoser/web:${one} sha256:a`]],
  [
    'of several inner services each',
    { images: { main: 'sha256:b', Db_1: 'sha256:c' } },
    [`portoser/web:${two}-main sha256:b`, `portoser/web:${two}-Db_1 sha256:c`],
  ],
  ['what is not finished keeps what is kept', { fingerprint: undefined } as unknown as Partial<Stamp>, undefined],
  ['nor what was stopped for good', { prunedAt: 1 }, undefined],
  ['others have no images', { driver: 'native' }, undefined],
])('%s', (_, more, expected) => {
  const kept = imagesToKeep({ ...base, ...more });
  expect(kept?.tags.map(tag => `${tag.name} ${tag.id}`)).toEqual(expected);
});

test('a name is never longer than a tag may be', () => {
  const tags = imagesToKeep({ ...base, images: { [long]: 'sha256:b', [`${long}y`]: 'sha256:c' } })?.tags ?? [];
  expect(new Set(tags.map(tag => tag.name)).size).toBe(2);
  for (const { name } of tags) expect(name.slice('portoser/web:'.length)).toMatch(/^[\w][\w.-]{0,127}$/);
});
