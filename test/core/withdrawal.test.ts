// A plain move whose new end failed and was left running: the next plan stops just that, and nothing that has a reason to stay.
import { beforeEach, describe, expect, it } from 'vitest';
import type { DesiredState, Stamp } from '../../schema/state.js';
import { heldStamp } from '../../reconciler/core/stamps.js';
import type { FakeFleet } from '../fakes/fleet.js';
import { desire, newFleet, order, planned, settle, think } from './thinking.js';

const at = (machine: string, more: object = {}, top: object = {}): DesiredState =>
  desire({ services: { web: { machine, ...more } }, ...top });

let fleet: FakeFleet;

/** It stands on m1, was started on m2, and its stamp there says that it failed; the controller came no further. */
function failOnSecond(to: DesiredState, more: Partial<Stamp> = {}): void {
  settle(fleet, at('m1'));
  const before = fleet.machine('m1').stamps.get('web');
  const runner = fleet.machine('m1').runners.get('web');
  if (before === undefined || runner === undefined) throw new Error('it does not stand on m1');
  settle(fleet, to);
  fleet.machine('m1').stamps.set('web', before);
  fleet.machine('m1').runners.set('web', { ...runner, run: 'running' });
  const stamp = fleet.machine('m2').stamps.get('web');
  if (stamp === undefined) throw new Error('it was not started on m2');
  fleet.machine('m2').stamps.set('web', { ...heldStamp(stamp, undefined), ...more });
}

beforeEach(() => {
  fleet = newFleet();
});

describe('what failed where it was to go', () => {
  it('is stopped again there, is held still, and then nothing is left to do', () => {
    failOnSecond(at('m2'));
    expect(think(fleet, at('m2')).waves.flat()).toMatchObject([
      {
        key: 'web@m2',
        kind: 'stop',
        reason: 'moved',
        because: 'it did not become healthy here, and runs on m1 still',
        after: [],
      },
    ]);
    const held = (): readonly string[] => think(fleet, at('m2')).leftAlone.map(one => `${one.state} ${one.key}`);
    expect(held()).toEqual(['held web@m2', 'held web@m1']);

    fleet.apply(think(fleet, at('m2')), at('m2'));

    expect(order(think(fleet, at('m2')))).toBe('');
    expect(held()).toEqual(['held web@m2', 'held web@m1']);
    const runs = (machine: string) => fleet.machine(machine).runners.get('web')?.run;
    expect([runs('m1'), runs('m2')]).toEqual(['running', 'stopped']);
    expect(order(think(fleet, at('m2', { env: { CORRECTED: 'yes' } })))).toBe('update web@m2 | stop web@m1');
  });

  it('waits for nobody and no window, and is no removal', () => {
    const never = { deny: true, cron: '* * * * *', for: '1h' };
    const strict = { apply: 'approve', approve_when: ['removes'], max_removals: 0, windows: [never] };
    const to = at('m2', {}, { policy: strict });
    expect(planned(fleet, to).join()).toContain('held: ');
    failOnSecond(at('m2'));
    expect(planned(fleet, to)[0]).toBe('1 stop web@m2 moved: it did not become healthy here, and runs on m1 still');
  });

  it('is tried again instead, when a person says so', () => {
    failOnSecond(at('m2'));
    expect(order(think(fleet, at('m2'), { again: ['web'] }))).toBe('update web@m2 | stop web@m1');
  });

  it.each<[string, () => DesiredState]>([
    ['policy wants it left', () => at('m2', { policy: { on_failure: 'stop' } })],
    [
      'it was stopped where it came from',
      () => {
        const { stamps } = fleet.machine('m1');
        const stamp = stamps.get('web');
        if (stamp !== undefined) stamps.set('web', { ...stamp, prunedAt: 1 });
        return at('m2');
      },
    ],
    [
      'nobody can see where it came from',
      () => {
        fleet.machine('m1').reachable = false;
        return at('m2');
      },
    ],
    [
      'it was refused before it came up',
      () => {
        const { stamps, runners } = fleet.machine('m2');
        const { finishedAt: _, ...refused } = stamps.get('web') ?? ({} as Stamp);
        stamps.set('web', refused);
        runners.delete('web');
        return at('m2');
      },
    ],
    [
      'it is the same machine under another name',
      () => {
        fleet.machine('m1').id = fleet.machine('m2').id ?? '';
        return at('m2');
      },
    ],
    ['it is suspended', () => at('m2', { suspend: true })],
    ['it is wanted on both', () => desire({ services: { web: { machines: ['m1', 'm2'] } } })],
  ])('stays when %s', (_, wanted) => {
    failOnSecond(at('m2'));
    expect(order(think(fleet, wanted()))).not.toContain('stop web@m2');
  });

  it('goes back to what was healthy there before, instead of being stopped', () => {
    const healthy = { fingerprint: 'older', commit: 'c0', images: {}, pinned: false };
    failOnSecond(at('m2'), { healthy });
    expect(order(think(fleet, at('m2')))).not.toContain('stop web@m2');
  });
});
