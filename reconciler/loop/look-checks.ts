// The one exec per machine and tick that serves all its process, docker and command checks: its words, and its reading.
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import type { MachineFacts, Placement } from '../../schema/state.js';
import type { Answer, Ask, Check, MachineAsk, RunnerView } from '../checks/check.js';
import { type Command, lines, sh } from '../commands/command.js';
import { findState } from '../commands/ownership.js';
import { prelude } from '../commands/prelude.js';
import { readProbe } from '../commands/probe.js';
import type { Driver, Target } from '../drivers/driver.js';

/** What is checked: a placement, or as much of one as checks need. */
export type Checked = Pick<Placement, 'key' | 'spec'>;

/** Where it is checked; without facts a driver's naming follows the registry alone. */
export interface CheckedMachine {
  readonly machine: Machine;
  /** Names the state folder there, where the bare supervisor keeps its records. */
  readonly cluster: string;
  readonly facts?: MachineFacts;
}

export interface CheckLists {
  readonly drivers: Readonly<Record<string, Driver>>;
  readonly checks: Readonly<Record<string, Check>>;
}

/** What each of its checks asks, in their order. */
export function asksOf(placement: Checked, lists: CheckLists): readonly Ask[] {
  return placement.spec.health.checks.map(check => {
    const kind = lists.checks[check.type];
    if (kind === undefined) throw new TypeError(`there is no health check of type ${check.type}`);
    return kind.ask(check, placement.spec);
  });
}

/** What one exec shall look at for one placement. */
export interface Wanted {
  readonly placement: Checked;
  /** How its runner stands is wanted. */
  readonly runner: boolean;
  /** Checks with words of their own, by their place in the placement's list. */
  readonly asks: ReadonlyMap<number, MachineAsk>;
}

export type Sightings = Readonly<Record<string, RunnerView>>;

/** What the exec has to look at, beyond what a probe saw just now. */
export function wantedOf(placements: readonly Checked[], lists: CheckLists, sightings: Sightings): readonly Wanted[] {
  return placements.flatMap(placement => {
    const asks = asksOf(placement, lists);
    const own = new Map(asks.flatMap((ask, check) => (ask.via === 'machine' ? [[check, ask] as const] : [])));
    const runner = asks.some(ask => ask.via === 'runner') && sightings[placement.key] === undefined;
    return runner || own.size > 0 ? [{ placement, runner, asks: own }] : [];
  });
}

export interface Looked {
  /** Seconds since 1970 by the machine's clock. */
  readonly clock: number | undefined;
  runner(key: PlacementKey): RunnerView | undefined;
  answer(key: PlacementKey, check: number): Answer | undefined;
}

interface RunnerLook {
  readonly driver: Driver;
  readonly targets: readonly Target[];
  readonly keys: readonly PlacementKey[];
}

function runnerLooks(wanted: readonly Wanted[], where: CheckedMachine, lists: CheckLists): readonly RunnerLook[] {
  return Object.values(lists.drivers).flatMap(driver => {
    const own = wanted.filter(one => one.runner && one.placement.spec.type === driver.type);
    if (own.length === 0) return [];
    const targets = own.map(({ placement: { spec } }, index) => {
      return { index, service: spec.service, path: spec.path, identity: driver.identity(spec, where.facts) };
    });
    return [{ driver, targets, keys: own.map(one => one.placement.key) }];
  });
}

interface OwnLook {
  readonly key: PlacementKey;
  readonly check: number;
  readonly ask: MachineAsk;
}

function ownLooks(wanted: readonly Wanted[]): readonly OwnLook[] {
  return wanted.flatMap(({ placement, asks }) => [...asks].map(([check, ask]) => ({ key: placement.key, check, ask })));
}

/** Drivers' looks one after the other, as in the probe; then the checks' own words side by side. Only reads. */
export function lookChecks(
  wanted: readonly Wanted[],
  where: CheckedMachine,
  lists: CheckLists,
  nonce: string,
): Command {
  const own = ownLooks(wanted);
  const functions = own.length === 0 ? [] : Object.values(lists.checks).flatMap(kind => kind.functions ?? []);
  return lines([
    prelude({ nonce, sudo: where.machine.sudo }),
    ...functions,
    sh`p_say portoser 1`,
    findState(where.cluster),
    ...runnerLooks(wanted, where, lists).map(
      ({ driver, targets }) => sh`p_say look ${driver.type}\n(\n${driver.look(targets)}\n)`,
    ),
    sh`p_say checks "$(date +%s)"`,
    ...own.map(({ ask }, index) => sh`${ask.look(index)} &`),
    sh`wait\np_say end`,
  ]);
}

/**
 * Reads the answer of the same exec. What it does not say stays undefined: could not look. An answer that was cut short
 * at the time limit counts as far as it came, so that one check that hangs does not take the others along.
 */
export function readChecks(
  stdout: string,
  wanted: readonly Wanted[],
  where: CheckedMachine,
  lists: CheckLists,
  nonce: string,
): Looked {
  const whole = stdout.slice(0, stdout.lastIndexOf('\n') + 1);
  const sections = readProbe(stdout, nonce) ?? readProbe(`${whole}@${nonce} end`, nonce) ?? [];
  const clock = sections.find(section => section.name === 'checks')?.rest;
  const views = new Map<PlacementKey, RunnerView>();
  for (const { driver, targets, keys } of clock !== undefined ? runnerLooks(wanted, where, lists) : []) {
    const section = sections.find(({ name, rest }) => name === 'look' && rest === driver.type);
    const seen = driver.read(targets, section?.lines ?? []);
    keys.forEach((key, index) => {
      const view = seen.get(index);
      if (view !== undefined) views.set(key, view);
    });
  }
  const answers = new Map<string, Answer>();
  const own = ownLooks(wanted);
  for (const { name, rest } of sections) {
    const [, index, words] = (name === 'check' && /^(\d+) (.*)$/.exec(rest)) || [];
    const look = index === undefined ? undefined : own[Number(index)];
    if (look !== undefined) answers.set(`${look.check} ${look.key}`, look.ask.read(words ?? ''));
  }
  return {
    clock: clock === undefined || clock === '' ? undefined : Number(clock),
    runner: key => views.get(key),
    answer: (key, check) => answers.get(`${check} ${key}`),
  };
}
