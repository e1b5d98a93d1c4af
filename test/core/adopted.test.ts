// What was adopted, in the engine's eyes: as found it differs in nothing; what the registry wants beyond that is a change; it is let go of, never stopped.
import { beforeEach, describe, expect, it } from 'vitest';
import { adoptedStamp, claimOf, finalStamp } from '../../reconciler/core/stamps.js';
import { docker } from '../../reconciler/drivers/docker.js';
import { native } from '../../reconciler/drivers/native.js';
import type { DesiredState, Placement } from '../../schema/state.js';
import type { FakeFleet } from '../fakes/fleet.js';
import { desire, newFleet, planned, settle } from './thinking.js';

const web = { type: 'docker', path: '/opt/web', compose_project: 'web_old' };
const clock = { type: 'native', service_name: 'tick' };
const compose = '/opt/web/compose.yaml';

let fleet: FakeFleet;

function first(desired: DesiredState): Placement {
  const [placement] = desired.placements;
  if (placement === undefined) throw new Error('no placement');
  return placement;
}

/** As it runs on m1, with nothing of ours. */
function found(desired: DesiredState) {
  const placement = first(desired);
  const sighting = fleet.look(desired).sightings[placement.key];
  if (sighting === undefined || sighting.state === 'unknown') throw new Error('not seen');
  const driver = placement.spec.type === 'docker' ? docker : native;
  const identity = driver.identity(placement.spec);
  const ownFiles = driver.ownFiles(placement.spec).map(file => file.path);
  return { placement, identity, sighting, ownFiles, commit: 'c1' };
}

function adopt(desired: DesiredState): void {
  fleet.machine('m1').stamps.set(first(desired).spec.service, adoptedStamp(found(desired)));
}

beforeEach(() => {
  fleet = newFleet();
  const machine = fleet.machine('m1');
  machine.id = 'id-m1';
  machine.identity = 'root';
  machine.own.set(compose, 'services:\n  main: {image: "web:1"}\n');
  machine.runners.set('web', { run: 'running', settings: { fingerprint: 'none' }, images: { main: 'sha256:1' } });
  machine.runners.set('clock', {
    run: 'running',
    settings: { enabled: 'enabled', 'unit-load': 'loaded' },
    images: {},
  });
});

describe('a project that was adopted', () => {
  const asFound = desire({ services: { web } });

  it('is blocked before, and differs in nothing after', () => {
    expect(planned(fleet, asFound)).toEqual(['blocked web@m1: web_old is on m1 already and is not ours']);
    adopt(asFound);
    expect(fleet.machine('m1').stamps.get('web')).toMatchObject({
      project: 'web_old',
      adopted: true,
      files: [],
      images: { main: 'sha256:1' },
      fingerprint: first(asFound).fingerprint,
    });
    expect(planned(fleet, asFound)).toEqual([]);
  });

  it('is changed when the registry or its own files change, and stays adopted', () => {
    adopt(asFound);
    const wanted = desire({ services: { web: { ...web, env: { A: '1' } } } }, 'c2');
    expect(planned(fleet, wanted)).toEqual(['1 update web@m1 changed: env.A changed in git [env.A - → 1]']);
    fleet.machine('m1').own.set(compose, 'services:\n  main: {image: "web:2"}\n');
    expect(planned(fleet, asFound)[0]).toMatch(/^1 update web@m1 changed: edited on m1: own:\/opt\/web\/compose\.yaml/);
    const before = fleet.machine('m1').stamps.get('web');
    const common = { ...found(wanted), generated: [], replaced: before };
    expect(claimOf({ ...common, before })).toMatchObject({ adopted: true, project: 'web_old' });
    expect(finalStamp(common)).toMatchObject({ adopted: true });
  });

  it('is not adopted any more where it became something else', () => {
    adopt(asFound);
    const replaced = fleet.machine('m1').stamps.get('web');
    const other = desire({ services: { web: { ...web, compose_project: 'other' } } });
    expect(finalStamp({ ...found(other), generated: [], replaced }).adopted).toBe(false);
  });

  it('differs by what it wants beyond how it was found, from the first plan on', () => {
    const more = desire({ services: { web: { ...web, port: 80, compose_service: 'main' } } });
    adopt(more);
    expect(planned(fleet, more)).toEqual(['1 update web@m1 changed: port changed in git [port - → 80]']);
  });

  it('is brought up again when somebody stops it, or runs another image', () => {
    adopt(asFound);
    const runner = fleet.machine('m1').runners.get('web');
    if (runner === undefined) throw new Error('no runner');
    runner.run = 'stopped';
    expect(planned(fleet, asFound)).toEqual(['1 repair web@m1 stopped: it is stopped']);
    runner.run = 'running';
    runner.images = { main: 'sha256:2' };
    expect(planned(fleet, asFound)[0]).toContain('1 repair web@m1 drifted');
  });

  it('misses our label once it was made with it', () => {
    adopt(asFound);
    const wanted = desire({ services: { web: { ...web, env: { A: '1' } } } }, 'c2');
    settle(fleet, wanted);
    fleet.machine('m1').runners.set('web', { run: 'running', settings: { fingerprint: 'none' }, images: {} });
    expect(planned(fleet, wanted)[0]).toMatch(/^1 repair web@m1 drifted: changed by hand on m1: label/);
  });

  it('is let go of when it leaves', () => {
    adopt(asFound);
    expect(planned(fleet, desire({ services: {} }))).toEqual([
      expect.stringMatching(/^1 release web@m1 orphaned/) as string,
    ]);
  });
});

describe('a unit that was adopted', () => {
  it('differs in nothing, whatever its entry says besides', () => {
    const desired = desire({ services: { clock: { ...clock, port: 9000 } } });
    adopt(desired);
    expect(planned(fleet, desired)).toEqual([]);
    expect(planned(fleet, desire({ services: {} }))[0]).toMatch(/^1 release clock@m1 orphaned/);
  });

  it('is written by us, and then ours, once the registry says what it runs', () => {
    adopt(desire({ services: { clock } }));
    const written = desire({ services: { clock: { ...clock, command: '/bin/tick' } } });
    expect(planned(fleet, written)[0]).toMatch(/^1 update clock@m1 changed: command, stop_timeout changed in git/);
    const replaced = fleet.machine('m1').stamps.get('clock');
    expect(finalStamp({ ...found(written), generated: [], replaced }).adopted).toBe(false);
  });

  it('that shall be written is adopted as it stands, and then changed', () => {
    const written = desire({ services: { clock: { ...clock, command: '/bin/tick' } } });
    expect(planned(fleet, written)).toEqual(['blocked clock@m1: tick.service is on m1 already and is not ours']);
    adopt(written);
    expect(planned(fleet, written)[0]).toMatch(/^1 update clock@m1 changed: .*command.* changed in git/);
  });
});
