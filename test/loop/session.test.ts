// What a process keeps between passes has bounds: a controller runs for months, and each commit brings something new.
import { expect, it } from 'vitest';
import { drivers } from '../../reconciler/drivers/index.js';
import { desire } from '../../reconciler/loop/desired.js';
import { forgetMachines, mostHashes, noteBegun, sessionOf } from '../../reconciler/loop/session.js';
import { forgetRuns } from '../../reconciler/loop/settle-run.js';
import { sync } from '../../reconciler/loop/sync.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { MachineFacts } from '../../schema/state.js';
import { createFakePorts, registryText } from '../fakes/ports.js';

const source = { type: 'docker', machine: 'm1', path: '/opt/web', source: 'apps/web', compose_service: 'main' };

it('hashes of blobs: what the newest commit does not hold is forgotten when there are too many', async () => {
  const ports = createFakePorts();
  const { hashes } = sessionOf(ports);
  const commit = async (version: number): Promise<void> => {
    const compose = `services:\n  main:\n    image: lab/web:${version}`;
    ports.git.make({ 'registry.yml': registryText({ web: source }), 'apps/web/compose.yaml': compose });
    await desire(ports, { drivers }, await sync(ports, { from: 'commit' }));
  };
  await commit(1);
  const [own] = hashes.keys();
  for (let blob = 1; blob < mostHashes; blob += 1) hashes.set(`${blob}`, 'x 1');
  await commit(1);
  expect([hashes.size, hashes.has(own ?? '')]).toEqual([mostHashes, true]);
  await commit(2);
  expect(hashes.size).toBe(1);
  expect(hashes.has(own ?? '')).toBe(false);
  await commit(3);
  expect(hashes.size).toBe(2);
});

it('begun changes: for a day', () => {
  const hourMs = 3_600_000;
  const begun = new Map<PlacementKey, number>();
  for (let hour = 0; hour < 1000; hour += 1) noteBegun({ begun }, [`s${hour}@m1`, 'web@m1'], hour * hourMs);
  expect(begun.size).toBe(26);
  expect(begun.get('web@m1')).toBe(999 * hourMs);
  expect(begun.has('s975@m1')).toBe(true);
});

it('machines: as long as anybody knows them', () => {
  const stamps = new Map([
    ['m1', []],
    ['m2', []],
  ] as const);
  const facts = new Map<string, MachineFacts>([['m2', {} as MachineFacts]]);
  forgetMachines({ stamps, facts }, new Set(['m1']));
  expect([[...stamps.keys()], facts.size]).toEqual([['m1'], 0]);
});

it('told runs: as long as the journal has them', () => {
  const ports = createFakePorts();
  const { toldRuns } = sessionOf(ports);
  for (const id of ['a', 'b', 'c']) toldRuns.set(id, 'over');
  forgetRuns(ports, new Set(['b']));
  expect([...toldRuns.keys()]).toEqual(['b']);
});
