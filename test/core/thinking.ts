// From a registry and a fleet in memory to a plan as text: what the tests of diff, plan and guard think with.
import type { Plan } from '../../schema/plan.js';
import type { DesiredState, LiveState, MachineSeen } from '../../schema/state.js';
import { diff } from '../../reconciler/core/diff.js';
import { guard } from '../../reconciler/core/guard.js';
import { parse } from '../../reconciler/core/parse.js';
import { makePlan, type Selection } from '../../reconciler/core/plan.js';
import { resolve } from '../../reconciler/core/resolve.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { FakeFleet, sha256 } from '../fakes/fleet.js';

export interface Written {
  readonly services: Readonly<Record<string, object>>;
  readonly machines?: Readonly<Record<string, object>>;
  readonly policy?: object;
  /** Text of source files by service and path. */
  readonly source?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const two = { m1: {}, m2: {} };

/** Services are native with a command and stand on m1, where a test does not say otherwise. */
export function desire({ services, machines = two, policy = {}, source = {} }: Written, commit = 'c1'): DesiredState {
  const named = Object.entries(machines).map(([name, one], index) => [
    name,
    { host: `10.0.0.${index + 1}`, user: 'root', platform: 'linux', ...one },
  ]);
  const written = Object.entries(services).map(([name, one]) => {
    const place = 'machines' in one ? {} : { machine: 'm1' };
    const more = 'type' in one ? {} : { type: 'native', command: '/bin/serve' };
    const files = name in source ? { source: `apps/${name}` } : {};
    return [name, { ...place, path: `/opt/${name}`, ...more, ...files, ...one }];
  });
  const text = JSON.stringify({
    cluster: 'c',
    machines: Object.fromEntries(named),
    services: Object.fromEntries(written),
    policy,
  });
  const paths = Object.entries(source).flatMap(([name, files]) =>
    Object.keys(files).map(path => `apps/${name}/${path}`),
  );
  const { registry, diagnostics } = parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]), paths });
  if (registry === undefined) throw new Error(diagnostics.map(one => `${one.path}: ${one.message}`).join('\n'));
  const gathered = new Map(
    registry.placements.map(spec => {
      const files = Object.entries(source[spec.service] ?? {}).map(([path, content]) => ({
        path,
        sha256: sha256(content),
        mode: 0o644 as const,
        oid: sha256(content),
        bytes: content.length,
      }));
      return [spec.key, { source: files, texts: {} }];
    }),
  );
  return resolve(registry, { commit, rootCommit: 'root', gathered }, drivers);
}

export const newFleet = (): FakeFleet => new FakeFleet(drivers);

export interface Thought {
  readonly live?: LiveState;
  readonly leaving?: readonly string[];
  readonly busy?: readonly string[];
  readonly again?: readonly string[];
  readonly selection?: Selection;
  readonly approved?: readonly string[];
}

export function think(fleet: FakeFleet, desired: DesiredState, how: Thought = {}): Plan {
  const { leaving = [], busy = [], again = [], selection, approved = [] } = how;
  const live = how.live ?? fleet.look(desired, leaving);
  const differences = diff(desired, live, { drivers, busy: new Set(busy), again: new Set(again), leaving });
  return guard(makePlan(differences, desired, selection), desired, live, new Set(approved));
}

/** The plan in lines: `1 create web@m1 missing: it is not there`, `blocked web@m1: …`, `machine m1 unknown: …`, `held: …`, `waits web@m1: …`. */
export function written(plan: Plan): readonly string[] {
  const fields = (one: { field: string; from?: string; to?: string }) =>
    `${one.field} ${one.from ?? '-'} → ${one.to ?? '-'}`;
  return [
    ...plan.waves.flatMap((wave, index) =>
      wave.map(one => {
        const changed = one.fields.length === 0 ? '' : ` [${one.fields.map(fields).join(', ')}]`;
        return `${index + 1} ${one.kind} ${one.key} ${one.reason}: ${one.because}${changed}`;
      }),
    ),
    ...plan.leftAlone.map(one => `${one.state} ${one.key}: ${one.why}`),
    ...plan.machines.map(one => `machine ${one.machine} ${one.state}: ${one.why}`),
    ...(plan.held === undefined ? [] : [`held: ${plan.held.why}`]),
    ...(plan.waiting ?? []).map(part => `waits ${part.changes.map(one => one.key).join(' ')}: ${part.why}`),
  ];
}

/** Kinds and keys by wave: `create db@m1 | create web@m1, stop old@m1`. */
export const order = (plan: Plan): string =>
  plan.waves
    .map(wave =>
      wave
        .map(one => `${one.kind} ${one.key}`)
        .toSorted()
        .join(', '),
    )
    .join(' | ');

export const planned = (fleet: FakeFleet, desired: DesiredState, how: Thought = {}): readonly string[] =>
  written(think(fleet, desired, how));

/** Applies until there is nothing left to do. */
export function settle(fleet: FakeFleet, desired: DesiredState, how: Thought = {}): void {
  for (let round = 0; round < 4; round += 1) {
    const plan = think(fleet, desired, how);
    if (plan.waves.length === 0) return;
    fleet.apply(plan, desired);
  }
  throw new Error(`it does not settle: ${planned(fleet, desired, how).join('\n')}`);
}

/** The live state with one machine seen otherwise. */
export function seenAs(live: LiveState, machine: string, more: Partial<MachineSeen>): LiveState {
  const view = live.machines[machine];
  if (view?.state !== 'reachable') throw new Error(`${machine} is not seen`);
  return { ...live, machines: { ...live.machines, [machine]: { ...view, ...more } } };
}
