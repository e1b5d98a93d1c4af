// What a person chooses, by names that are there; and a preview that thinks and touches nothing.
import { afterEach, describe, expect, it } from 'vitest';
import { selectionOf, preview } from '../../reconciler/loop/preview.js';
import { parse } from '../../reconciler/core/parse.js';
import { createWorld, type World } from './world.js';

const text = `machines: {m1: {host: h, user: u, platform: linux}, m2: {host: i, user: u, platform: linux}}
groups: {edge: [web]}
services:
  web: {type: native, machine: m1, path: /opt/web, command: x}
  api: {type: native, machine: m2, path: /opt/api, command: x, group: edge}
  db: {type: native, machine: m2, path: /opt/db, command: x}
`;
const { registry } = parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]) });
if (registry === undefined) throw new Error('the registry is refused');

describe('a choice', () => {
  it.each([
    ['nothing', {}, undefined],
    ['services', { only: ['web'] }, ['web']],
    ['a group', { group: 'edge' }, ['api', 'web']],
    ['both', { only: ['db'], group: 'edge' }, ['api', 'db', 'web']],
  ])('of %s', (_, choice, services) => {
    const chosen = selectionOf(registry, choice).services;
    expect(chosen === undefined ? undefined : [...chosen].toSorted()).toEqual(services);
  });

  it.each([
    ['a service', { only: ['wbe'] }, 'there is no service "wbe" in the registry'],
    ['a group', { group: 'inner' }, 'there is no group "inner" in the registry'],
    ['a machine', { machine: 'm9' }, 'there is no machine "m9" in the registry'],
  ])('of %s that is not there is an error', (_, choice, message) => {
    expect(() => selectionOf(registry, choice)).toThrow(message);
  });
});

describe('a preview', () => {
  let world: World;
  afterEach(() => world.close());

  it('shows the plan, and neither machines nor notes are touched', async () => {
    world = await createWorld();
    await world.push({ web: { machine: 'm1' } });
    const { plan, synced } = await preview(world.ports, world.lists, { from: 'commit', check: true });
    expect(plan?.waves.flat().map(one => `${one.kind} ${one.key}`)).toEqual(['create web@m1']);
    expect(synced.commit).toMatch(/^[0-9a-f]{40}$/);
    expect([world.sent.toSorted(), world.writes]).toEqual([['m1 probe', 'm2 probe'], []]);
    expect(world.readStamp('m1', 'web')).toBeUndefined();
  });
});
