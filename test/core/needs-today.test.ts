// What an older revision depends on among the placements of today.
import { expect, it } from 'vitest';
import { needsToday } from '../../reconciler/core/needs-today.js';
import type { Placement } from '../../schema/state.js';
import { desire } from './thinking.js';

function olderOf(): Placement {
  const { placements } = desire({ services: { web: { depends_on: ['db', 'cache'] }, db: {}, cache: {} } });
  const older = placements.find(one => one.key === 'web@m1');
  if (older === undefined) throw new Error('no web');
  return older;
}

it.each([
  ['as they stand', { web: {}, db: {}, cache: {} }, ['db@m1', 'cache@m1']],
  ['where they moved', { web: {}, db: { machine: 'm2' }, cache: {} }, ['db@m2', 'cache@m1']],
  ['not what is gone', { web: {}, cache: {} }, ['cache@m1']],
  ['not what depends on it by now', { web: {}, db: { depends_on: ['web'] }, cache: {} }, ['cache@m1']],
  [
    'not what does so through others',
    { web: {}, db: { depends_on: ['api'] }, api: { depends_on: ['web'] }, cache: {} },
    ['cache@m1'],
  ],
  [
    'each once, whatever they need themselves',
    { web: {}, db: {}, cache: { depends_on: ['db'] } },
    ['db@m1', 'cache@m1'],
  ],
])('%s', (_, services, keys) => {
  expect(needsToday(olderOf(), desire({ services }))).toEqual(keys);
});
