// Ports that a placement wants: whose they are, and whom that blocks.
import { beforeEach, expect, it } from 'vitest';
import type { Listener } from '../../schema/state.js';
import type { FakeFleet } from '../fakes/fleet.js';
import { desire, newFleet, planned, seenAs, settle, think } from './thinking.js';

let fleet: FakeFleet;
beforeEach(() => {
  fleet = newFleet();
});

const on = (port: number, more: Partial<Listener> = {}): Listener => ({ port, address: '*', ...more });

function plannedWith(services: Readonly<Record<string, object>>, listeners: readonly Listener[]): readonly string[] {
  const desired = desire({ services });
  return planned(fleet, desired, { live: seenAs(fleet.look(desired), 'm1', { listeners }) });
}

it('a stranger on the port blocks, by name where the machine tells, with a free one', () => {
  expect(plannedWith({ web: { port: 80 } }, [on(80, { process: 'nginx', pid: 7 }), on(81), on(83)])).toEqual([
    'blocked web@m1: port 80 on m1 is taken by nginx (pid 7), which is not ours; 82 is free',
  ]);
  expect(plannedWith({ web: { port: 80 } }, [on(80)])[0]).toContain('is taken by another program');
  expect(plannedWith({ web: { port: 80 } }, [on(81)])).toHaveLength(1);
});

it('of docker-proxy it is said how to find the container, and what frees a port that Docker keeps for none', () => {
  const desired = desire({ services: { web: { port: 80 } } });
  const hintOf = (process: string): string | undefined => {
    const live = seenAs(fleet.look(desired), 'm1', { listeners: [on(80, { process })] });
    return think(fleet, desired, { live }).leftAlone[0]?.error?.hint;
  };
  expect(hintOf('docker-proxy')).toMatch(/docker ps --filter publish=80.*restart Docker/);
  expect(hintOf('nginx')).not.toContain('Docker');
});

it('any of its ports', () => {
  expect(plannedWith({ web: { port: 80, ports: [80, 443] } }, [on(443)])[0]).toMatch(/^blocked web@m1: port 443/);
});

it('its own, while it runs, are no strangers; a new one may be', () => {
  settle(fleet, desire({ services: { web: { port: 80 } } }));
  expect(plannedWith({ web: { port: 80, env: { A: '1' } } }, [on(80)])[0]).toMatch(/^1 update web@m1/);
  expect(plannedWith({ web: { port: 81 } }, [on(80), on(81)])[0]).toMatch(/^blocked web@m1: port 81/);
});

it('a port that it had, taken by somebody while it was down, is a stranger', () => {
  settle(fleet, desire({ services: { web: { port: 80 } } }));
  const runner = fleet.machine('m1').runners.get('web');
  if (runner === undefined) throw new Error('it does not run');
  runner.run = 'stopped';
  expect(plannedWith({ web: { port: 80 } }, [on(80)])[0]).toMatch(/^blocked web@m1: port 80/);
});

it('a port of another service of ours is settled between the two', () => {
  settle(fleet, desire({ services: { old: { port: 80 } } }));
  expect(plannedWith({ web: { port: 80 } }, [on(80)]).filter(line => line.startsWith('blocked'))).toEqual([]);
});

it('what runs as it should is not asked about its ports', () => {
  settle(fleet, desire({ services: { web: { port: 80 } } }));
  expect(plannedWith({ web: { port: 80 } }, [on(80, { process: 'python' })])).toEqual([]);
});
