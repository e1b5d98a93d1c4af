// Every example plans: all its placements would be created, in order, with nothing blocked, and after that the plan is empty.
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { describe, expect, it } from 'vitest';
import { openWorkTree } from '../../reconciler/adapters/work-tree.js';
import { diff } from '../../reconciler/core/diff.js';
import { changesOf, makePlan } from '../../reconciler/core/plan.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { desire } from '../../reconciler/loop/desired.js';
import { readRegistry } from '../../reconciler/loop/sync.js';
import type { Ports, RepoFiles } from '../../reconciler/ports.js';
import { createRedactor } from '../../schema/redact.js';
import type { DesiredState, Placement } from '../../schema/state.js';
import { FakeFleet, fakeFacts } from '../fakes/fleet.js';

const root = resolve(import.meta.dirname, '../../examples');
/** Others are what goes beside a fleet, such as alert rules. */
const isFleet = (name: string): boolean => existsSync(join(root, name, 'registry.yml'));
const names = readdirSync(root, { withFileTypes: true })
  .filter(entry => entry.isDirectory() && isFleet(entry.name))
  .map(entry => entry.name);

/** The example as its own repository: what stands above its folder does not exist for it. */
async function filesOf(name: string): Promise<RepoFiles> {
  const files = await openWorkTree(root);
  const prefix = `examples/${name}`;
  const list = await files.list(prefix);
  const inner = list === undefined ? name : prefix;
  const below = (folder: string) => (folder === '' ? inner : `${inner}/${folder}`);
  return {
    revision: 'work-tree',
    read: path => files.read(below(path)),
    list: async folder =>
      (await files.list(below(folder)))?.map(entry => ({ ...entry, path: entry.path.slice(inner.length + 1) })),
  };
}

async function desiredOf(name: string): Promise<DesiredState> {
  const files = await filesOf(name);
  // Only the parts of the ports that reading uses: no repository, no machine.
  const ports = { source: { path: 'registry.yml' }, redactor: createRedactor() } as unknown as Ports;
  const { registry, diagnostics } = await readRegistry(ports, files);
  expect(diagnostics.filter(one => one.severity === 'error')).toEqual([]);
  if (registry === undefined) throw new Error('no registry');
  return await desire(ports, { drivers }, { commit: 'work-tree', files, registry, diagnostics });
}

/** Machines as the registry describes them, with what services without `source` bring along themselves. */
function fleetFor(desired: DesiredState): FakeFleet {
  const fleet = new FakeFleet(drivers);
  for (const machine of desired.machines) {
    const manager = machine.platform === 'darwin' ? 'launchd' : machine.platform === 'linux' ? 'systemd' : 'rc';
    fleet.machine(machine.name).facts = {
      ...fakeFacts(machine.name),
      platform: machine.platform,
      arch: machine.arch ?? 'amd64',
      serviceManager: manager,
    };
  }
  for (const placement of desired.placements) provideOwn(fleet, placement);
  return fleet;
}

function provideOwn(fleet: FakeFleet, placement: Placement): void {
  const { spec } = placement;
  if (spec.type === 'native' && spec.command === undefined) {
    const settings = { enabled: 'enabled', 'unit-load': 'loaded' };
    fleet.machine(spec.machine).runners.set(spec.service, { run: 'running', settings, images: {} });
  }
  if (spec.type !== 'docker' || spec.source !== undefined) return;
  const own = fleet.machine(spec.machine).own;
  own.set(
    `${spec.path}/${spec.docker?.composeFile ?? 'compose.yaml'}`,
    `services:\n  ${spec.docker?.composeService ?? spec.service}:\n    image: any\n`,
  );
}

const planFor = (fleet: FakeFleet, desired: DesiredState) =>
  makePlan(diff(desired, fleet.look(desired), { drivers, busy: new Set(), again: new Set(), leaving: [] }), desired);

describe.each(names)('%s', name => {
  it('plans every placement, in order, and nothing once it is there', async () => {
    const desired = await desiredOf(name);
    const fleet = fleetFor(desired);

    const plan = planFor(fleet, desired);
    expect(plan.leftAlone).toEqual([]);
    expect(plan.machines).toEqual([]);
    expect(
      changesOf(plan)
        .map(change => change.key)
        .toSorted(),
    ).toEqual(desired.placements.map(one => one.key).toSorted());
    expect(desired.placements.length).toBeGreaterThanOrEqual(2);

    fleet.apply(plan, desired);
    expect(planFor(fleet, desired).waves).toEqual([]);
  });

  it('has machines that nobody mistakes for real ones', async () => {
    const text = await readFile(join(root, name, name === 'demo' ? 'machines.yml' : 'registry.yml'), 'utf8');
    const { machines } = parseYaml(text, { merge: true }) as {
      readonly machines: Readonly<Record<string, { readonly host: string }>>;
    };
    const hosts = Object.values(machines).map(machine => machine.host);
    // Private ranges, documentation ranges (RFC 5737, RFC 2606), mDNS names and this computer.
    expect(
      hosts.filter(
        host =>
          !/^(local|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)|\.(local|internal|lan|home|example|test)$|example\.(com|net|org)$|^[a-z0-9-]+$/.test(
            host,
          ),
      ),
    ).toEqual([]);
  });
});
