// Names of groups come from people and from the network: what every object has by itself is none.
import { expect, it } from 'vitest';
import { membersOf } from '../../reconciler/core/groups.js';

it('knows those that there are', () => {
  expect(membersOf({ groups: { web: ['a', 'b'] } }, 'web')).toEqual(['a', 'b']);
});

it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'none'])('%s is none', name => {
  expect(membersOf({ groups: { web: ['a'] } }, name)).toBeUndefined();
});
