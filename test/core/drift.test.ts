// What was changed by hand on a machine: reason, fields and kind of change, each as text.
import { beforeEach, expect, test } from 'vitest';
import type { DesiredState } from '../../schema/state.js';
import { diff } from '../../reconciler/core/diff.js';
import { parse } from '../../reconciler/core/parse.js';
import { makePlan } from '../../reconciler/core/plan.js';
import { resolve } from '../../reconciler/core/resolve.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { FakeFleet, type FakeMachine, sha256 } from '../fakes/fleet.js';

const text = `machines: {m1: {host: 10.0.0.1, user: root, platform: linux}}
services:
  web: {type: native, machine: m1, path: /opt/web, source: web, command: /bin/serve}
  box: {type: docker, machine: m1, path: /opt/box, compose_service: main}
`;

function desiredState(): DesiredState {
  const { registry } = parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]), paths: ['web/page'] });
  if (registry === undefined) throw new Error('the registry is refused');
  const page = { path: 'page', sha256: sha256('page'), mode: 0o644 as const, oid: 'o', bytes: 4 };
  const gathered = new Map(
    registry.placements.map(one => [one.key, { source: one.service === 'web' ? [page] : [], texts: {} }]),
  );
  return resolve(registry, { commit: 'c', rootCommit: 'root', gathered }, drivers);
}

const desired = desiredState();
let fleet: FakeFleet;
let machine: FakeMachine;

const plan = () =>
  makePlan(diff(desired, fleet.look(desired), { drivers, busy: new Set(), again: new Set(), leaving: [] }), desired);

beforeEach(() => {
  fleet = new FakeFleet(drivers);
  machine = fleet.machine('m1');
  machine.own.set('/opt/box/compose.yaml', 'services:\n  main:\n    image: lab/web:1\n');
  fleet.apply(plan(), desired);
});

const unit = '/etc/systemd/system/web.service';
const edited = { sha256: sha256('edited'), mode: 0o644 };

function runner(service: string) {
  const found = machine.runners.get(service);
  if (found === undefined) throw new Error(`${service} does not run`);
  return found;
}

test.each<[string, () => void, string]>([
  ['nothing', () => undefined, ''],
  ['a stopped unit', () => (runner('web').run = 'stopped'), 'web repair stopped'],
  ['a disabled unit', () => (runner('web').settings['enabled'] = 'disabled'), 'web repair drifted enabled'],
  ['a removed container', () => machine.runners.delete('box'), 'box repair missing'],
  ['an edited unit file', () => machine.files.set(unit, edited), `web repair drifted file:${unit}`],
  ['a removed file of git', () => machine.files.delete('/opt/web/page'), 'web repair drifted file:/opt/web/page'],
  [
    'another mode',
    () => machine.files.set('/opt/web/page', { sha256: sha256('page'), mode: 0o666 }),
    'web repair drifted mode:/opt/web/page',
  ],
  [
    'a masked unit: a link stands where its file was',
    () => {
      machine.files.set(unit, { sha256: sha256(''), mode: 0o666 });
      runner('web').settings['unit-load'] = 'masked';
    },
    `web repair drifted file:${unit} masked`,
  ],
  [
    'an edited file of what was removed',
    () => {
      machine.files.set(unit, edited);
      machine.runners.delete('web');
    },
    `web repair drifted file:${unit}`,
  ],
])('%s', (_, damage, expected) => {
  damage();
  const changes = plan().waves.flat();
  const lines = changes.map(one =>
    [one.service, one.kind, one.reason, ...one.fields.map(({ field }) => field)].join(' '),
  );
  expect(lines.join('\n')).toBe(expected);
  fleet.apply(plan(), desired);
  expect(plan().waves).toEqual([]);
});
