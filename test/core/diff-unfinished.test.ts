// What is planned for a change that nobody saw the end of: its gate and stamp alone when all steps were made, else all of it.
import { expect, it } from 'vitest';
import { diff } from '../../reconciler/core/diff.js';
import { changesOf, makePlan } from '../../reconciler/core/plan.js';
import { madeNote } from '../../reconciler/core/made.js';
import { claimOf } from '../../reconciler/core/stamps.js';
import { parse } from '../../reconciler/core/parse.js';
import { resolve } from '../../reconciler/core/resolve.js';
import { drivers } from '../../reconciler/drivers/index.js';
import type { DesiredState, LiveState, MachineSeen, Stamp } from '../../schema/state.js';
import { FakeFleet } from '../fakes/fleet.js';

function desire(service: object): DesiredState {
  const machines = { m1: { host: '10.0.0.1', user: 'root', platform: 'linux' } };
  const web = { machine: 'm1', path: '/opt/web', type: 'native', command: 'sleep 1', ...service };
  const text = JSON.stringify({ cluster: 'any', machines, services: { web } });
  const { registry } = parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]) });
  if (registry === undefined) throw new Error('the registry of the test is not valid');
  return resolve(registry, { commit: 'c', rootCommit: 'root', gathered: new Map() }, drivers);
}

const ask = { drivers, busy: new Set<string>(), again: new Set<string>(), leaving: [] };
const planned = (desired: DesiredState, live: LiveState): readonly string[] =>
  changesOf(makePlan(diff(desired, live, ask), desired)).map(one => `${one.kind} ${one.reason}: ${one.because}`);

/** As after a change whose end nobody saw: everything stands, and only the claim tells of it. */
function unfinished(desired: DesiredState, made: string | undefined, more: Partial<Stamp> = {}): LiveState {
  const fleet = new FakeFleet(drivers);
  fleet.apply(makePlan(diff(desired, fleet.look(desired), ask), desired), desired);
  const live = fleet.look(desired);
  const [placement] = desired.placements;
  const seen = live.machines['m1'] as MachineSeen;
  const [final] = seen.stamps;
  if (placement === undefined || final === undefined) throw new Error('nothing was applied');
  const identity = { scope: final.scope, ...(final.unit === undefined ? {} : { unit: final.unit }) };
  const claim: Stamp = {
    ...claimOf({ placement, identity, generated: [], commit: 'c', before: undefined }),
    files: final.files,
    ...more,
  };
  const view: MachineSeen = { ...seen, stamps: [claim], ...(made === undefined ? {} : { made: { web: made } }) };
  return { ...live, machines: { m1: view } };
}

const desired = desire({});
const fingerprint = desired.placements[0]?.fingerprint ?? '';
const again = ['update missing: an earlier attempt was not finished'];

it('is judged only, when all steps of this revision were made', () => {
  expect(planned(desired, unfinished(desired, fingerprint))).toEqual([
    'repair missing: an earlier attempt was made and not judged',
  ]);
});

it('is made again when its steps were not all made, or were those of another revision', () => {
  expect(planned(desired, unfinished(desired, undefined))).toEqual(again);
  expect(planned(desired, unfinished(desired, 'another'))).toEqual(again);
});

it("is judged only when the user's own files are as it was made from, else made again", () => {
  const own = desire({ env_file: 'web.env' });
  const [placement] = own.placements;
  const driver = drivers['native'];
  if (placement === undefined || driver === undefined) throw new Error('nothing is placed');
  const madeFrom = (sha256: string) => madeNote(placement, driver, { '/opt/web/web.env': { sha256 } });
  const seenWith = (made: string): LiveState => {
    const live = unfinished(own, made);
    const sighting = live.sightings['web@m1'];
    if (sighting?.state !== 'present') throw new Error('it does not stand');
    return { ...live, sightings: { 'web@m1': { ...sighting, own: { '/opt/web/web.env': { sha256: 'now' } } } } };
  };
  expect(planned(own, seenWith(madeFrom('now')))).toEqual([
    'repair missing: an earlier attempt was made and not judged',
  ]);
  expect(planned(own, seenWith(madeFrom('then')))).toEqual(again);
  expect(planned(own, seenWith(placement.fingerprint))).toEqual(again);
});

it('is judged only on the way back to an older revision too, whose stamp names the one that failed', () => {
  const back: DesiredState = {
    ...desired,
    placements: desired.placements.map(one => ({ ...one, instead: { of: 'failed', commit: 'c0', images: {} } })),
  };
  const stamp = { failed: 'failed' };
  expect(planned(back, unfinished(back, fingerprint, stamp))).toEqual([
    'repair missing: an earlier attempt was made and not judged',
  ]);
  expect(planned(back, unfinished(back, undefined, stamp))).toEqual([
    'update changed: the newer revision failed: back to the last healthy one',
  ]);
});

it('is held when it was judged and failed', () => {
  const live = unfinished(desired, fingerprint, { failed: fingerprint });
  expect(diff(desired, live, ask).leftAlone).toMatchObject([{ key: 'web@m1', state: 'held' }]);
});

it('is drift when it was changed by hand since', () => {
  const live = unfinished(desired, fingerprint);
  const sighting = live.sightings['web@m1'];
  if (sighting?.state !== 'present') throw new Error('it does not stand');
  const stopped: LiveState = { ...live, sightings: { 'web@m1': { ...sighting, run: 'stopped' } } };
  expect(planned(desired, stopped)).toEqual(['repair stopped: it is stopped']);
});
