// An approval says what it is good for: what the controller's newest plan holds under that id, or that nobody compared.
import { describe, expect, it } from 'vitest';
import { approvedText } from '../../api/cli/render/approve.js';
import type { Considered } from '../../reconciler/loop/preview.js';
import { readApprovals } from '../../reconciler/loop/approvals.js';
import { sessionOf } from '../../reconciler/loop/session.js';
import { approve } from '../../reconciler/operations/approve.js';
import type { Context } from '../../reconciler/operations/operation.js';
import type { Hold, Plan } from '../../schema/plan.js';
import { createFakePorts } from '../fakes/ports.js';

const bare: Plan = { id: 'aaaaaaaa', commit: 'c', waves: [], leftAlone: [], machines: [] };
const part = (id: string, hold: Hold) => ({ id, changes: [], ...hold });
const byPerson: Hold = { by: 'approval', why: 'policy.apply is approve' };
const byWindow: Hold = { by: 'window', why: 'policy.windows denies it', until: 5 };

async function said(id: string, plan?: Plan): Promise<string> {
  const ports = createFakePorts();
  if (plan !== undefined) sessionOf(ports).live = () => ({ considered: { plan } as Considered }) as never;
  const actor = { name: 'ada', by: 'cli' } as const;
  const approved = await approve.run({ ports, actor } as unknown as Context, { plan: id });
  expect(Object.keys(await readApprovals(ports.state))).toEqual([id]);
  return approvedText(approved);
}

describe('an approval', () => {
  const good = /^Plan \w+ is approved: the next pass applies it when it is still the same, as soon as its windows/;

  it.each([
    ['of a plan that is held', 'aaaaaaaa', { ...bare, held: byPerson }, good],
    ['of a plan that the guard holds', 'aaaaaaaa', { ...bare, held: { why: 'it removes too much' } }, good],
    ['of a part that waits', 'bbbbbbbb', { ...bare, waiting: [part('bbbbbbbb', byPerson)] }, good],
    [
      'of a plan with a part that waits',
      'aaaaaaaa',
      { ...bare, waiting: [part('cccccccc', byWindow), part('bbbbbbbb', byPerson)] },
      good,
    ],
    [
      'of a plan that waits for its window',
      'aaaaaaaa',
      { ...bare, held: byWindow },
      /it does not wait for one: policy\.windows denies it\. It goes on by itself when its window opens\./,
    ],
    [
      'of a part that is only observed',
      'bbbbbbbb',
      { ...bare, waiting: [part('bbbbbbbb', { by: 'observe', why: 'policy.apply is observe' })] },
      /it does not wait for one: policy\.apply is observe\. No approval changes that/,
    ],
    ['of an empty plan', 'aaaaaaaa', bare, /nothing waits under that id: the newest plan is aaaaaaaa\./],
    [
      'of an id that never was',
      'deadbeef',
      { ...bare, held: byPerson },
      /nothing waits under that id: the newest plan is aaaaaaaa\./,
    ],
  ] as const)('%s says so', async (_, id, plan, wanted) => {
    expect(await said(id, plan)).toMatch(wanted);
  });

  it('that nobody could compare promises nothing', async () => {
    expect(await said('deadbeef')).toMatch(/^Approval of deadbeef is noted: the next pass applies what waits for it/);
  });
});
