// Approvals noted by several at once: none is lost, and what is used up takes none of the others along.
import { expect, it } from 'vitest';
import { forgetApprovals, noteApprovals, readApprovals } from '../../reconciler/loop/approvals.js';
import { createFakePorts } from '../fakes/ports.js';

it('all stand, however many are said at once', async () => {
  const { state } = createFakePorts();
  const ids = Array.from({ length: 20 }, (_, index) => `plan${index}`);
  await Promise.all(ids.map((id, at) => noteApprovals(state, [id], { by: 'ada', at })));
  await Promise.all([
    forgetApprovals(state, new Set(['plan3'])),
    noteApprovals(state, ['plan20'], { by: 'bob', at: 20 }),
    forgetApprovals(state, new Set(['plan4']), 'rest4'),
  ]);
  const kept = [...ids.filter(id => id !== 'plan3' && id !== 'plan4'), 'plan20', 'rest4'];
  expect(Object.keys(await readApprovals(state)).toSorted()).toEqual(kept.toSorted());
});
