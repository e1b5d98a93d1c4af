// Looks at all machines at once: one exec each, read into the live state. A second exec only where a stamp names something unknown.
import { AppError, asAppError, type ErrorReport } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import type {
  DesiredState,
  FileSeen,
  LiveState,
  MachineSeen,
  MachineView,
  OwnFileSeen,
  Placement,
  Sighting,
  Stamp,
} from '../../schema/state.js';
import { probeCommand, type ProbeSection, readProbe } from '../commands/probe.js';
import { readFacts, readListeners } from '../core/facts.js';
import { report } from '../core/machines.js';
import { parseStamps } from '../core/ownership.js';
import { parseSuspends } from '../core/suspends.js';
import type { Driver, Identity, RunnerSeen, Target } from '../drivers/driver.js';
import type { Ports } from '../ports.js';
import { forgetMachines, sessionOf } from './session.js';

interface Lists {
  readonly drivers: Readonly<Record<string, Driver>>;
}

/** Something to look at: a desired placement, or a stamp that no placement answers for. */
interface Wanted {
  readonly key: PlacementKey;
  readonly type: string;
  readonly path: string;
  readonly identity: Identity;
  readonly placement?: Placement;
}

/** For a probe; a machine that needs longer is as good as unreachable. */
const probeLimitMs = 30_000;

function identityOfStamp(stamp: Stamp): Identity {
  return {
    scope: stamp.scope,
    ...(stamp.unit === undefined ? {} : { unit: stamp.unit }),
    ...(stamp.project === undefined ? {} : { project: stamp.project }),
  };
}

const ofStamp = (machine: string, stamp: Stamp): Wanted => ({
  key: `${stamp.service}@${machine}`,
  type: stamp.driver,
  path: stamp.path,
  identity: identityOfStamp(stamp),
});

interface Probed {
  readonly seen: MachineSeen;
  readonly wanted: readonly Wanted[];
  readonly runners: ReadonlyMap<PlacementKey, RunnerSeen>;
  readonly files: Readonly<Record<string, FileSeen>>;
  readonly texts: ReadonlyMap<string, string>;
}

function targetsOf(wanted: readonly Wanted[], type: string): readonly Target[] {
  return wanted
    .map((one, index) => ({ one, index }))
    .filter(({ one }) => one.type === type)
    .map(({ one, index }) => ({
      index,
      service: one.key.slice(0, one.key.indexOf('@')),
      path: one.path,
      identity: one.identity,
    }));
}

const linesOf = (sections: readonly ProbeSection[], name: string) =>
  sections.filter(section => section.name === name).flatMap(section => section.lines);
const restOf = (sections: readonly ProbeSection[], name: string) =>
  sections.find(section => section.name === name)?.rest;

/** "hash  name" rows, as sha256sum and shasum print them; a name with a backslash is never ours (gather refuses it). */
function readHashes(hashes: readonly string[], modes: readonly string[]): Readonly<Record<string, FileSeen>> {
  const modeOf = new Map(modes.map(line => [line.slice(line.indexOf(' ') + 1), Number.parseInt(line, 8)]));
  return Object.fromEntries(
    hashes.flatMap(line => {
      const match = /^([0-9a-f]{64}) [ *](.+)$/.exec(line);
      if (!match) return [];
      const [, sha256 = '', path = ''] = match;
      const mode = modeOf.get(path);
      return [[path, { sha256, ...(mode === undefined || Number.isNaN(mode) ? {} : { mode }) }] as const];
    }),
  );
}

function readLock(rest: string | undefined, clock: number): Pick<MachineSeen, 'lock'> {
  const [controller, process, at, fence] = rest?.split(' ') ?? [];
  if (controller === undefined || process === undefined) return {};
  return { lock: { controller, process, ageSeconds: clock - Number(at), fence: Number(fence) } };
}

function readStamps(sections: readonly ProbeSection[]): Pick<MachineSeen, 'stamps' | 'unreadableStamps'> {
  const stamps = parseStamps(linesOf(sections, 'stamps')).filter(stamp => stamp !== undefined);
  const unreadable = Number(restOf(sections, 'stamped') ?? 0) - stamps.length;
  return { stamps, ...(unreadable > 0 ? { unreadableStamps: unreadable } : {}) };
}

function readSeen(sections: readonly ProbeSection[]): MachineSeen | undefined {
  const facts = readFacts(linesOf(sections, 'facts'), linesOf(sections, 'disks'), linesOf(sections, 'inodes'));
  const state = restOf(sections, 'state');
  if (facts === undefined || state === undefined) return undefined;
  const [found = '-', ...home] = state.startsWith('- ') ? ['-', state.slice(2)] : splitState(state);
  const id = restOf(sections, 'id');
  const identity = restOf(sections, 'identity');
  return {
    state: 'reachable',
    facts,
    stateFolder: { path: found === '-' ? home.join(' ') : found, exists: found !== '-' },
    ...(id === undefined ? {} : { id }),
    ...(identity === undefined ? {} : { identity }),
    ...readStamps(sections),
    suspends: parseSuspends(linesOf(sections, 'suspends')),
    listeners: readListeners(linesOf(sections, 'listeners')),
    ...readLock(restOf(sections, 'lock'), facts.clock),
    openSteps: sections.filter(section => section.name === 'open').map(section => section.rest),
    made: Object.fromEntries(
      sections
        .filter(section => section.name === 'made')
        .map(({ rest }) => [rest.slice(0, rest.indexOf(' ')), rest.slice(rest.indexOf(' ') + 1)]),
    ),
  };
}

/** The folder that is there and the one that would be made both end in the cluster's name. */
function splitState(rest: string): readonly string[] {
  const match = /^(\/.*\/clusters\/[a-z0-9-]+) (.*)$/.exec(rest);
  return match ? [match[1] ?? '', match[2] ?? ''] : [rest];
}

interface Look {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly cluster: string;
  readonly machine: Machine;
}

async function probeOnce(look: Look, wanted: readonly Wanted[]): Promise<Probed> {
  const { ports, lists, machine } = look;
  const nonce = ports.newId();
  const own = wanted.flatMap(one =>
    one.placement === undefined ? [] : (lists.drivers[one.type]?.ownFiles(one.placement.spec) ?? []),
  );
  const files = wanted.flatMap(one => one.placement?.source.map(file => `${one.path}/${file.path}`) ?? []);
  const types = Object.values(lists.drivers).flatMap(driver => {
    const targets = targetsOf(wanted, driver.type);
    return targets.length === 0 ? [] : [{ driver, targets }];
  });
  const looks = types.map(({ driver, targets }) => [driver.type, driver.look(targets)] as const);
  const command = probeCommand({ nonce, sudo: machine.sudo, cluster: look.cluster, files, own, looks });
  const result = await ports.shell.run(machine, command, { timeLimitMs: probeLimitMs });
  if (result.timedOut)
    throw new AppError('command-timeout', `${machine.name} did not answer the probe within ${probeLimitMs / 1000} s`);
  if (result.lost) throw new AppError('ssh-lost', `the connection to ${machine.name} was lost during the probe`);
  const sections = readProbe(result.stdout, nonce);
  const seen = sections === undefined ? undefined : readSeen(sections);
  if (sections === undefined || seen === undefined) {
    throw new AppError(
      'machine-shell',
      `${machine.name} answered the probe with something else: ${lastOf(result.stderr.trim(), 400) || `exit code ${result.code}`}`,
    );
  }
  const runners = new Map<PlacementKey, RunnerSeen>();
  for (const { driver, targets } of types) {
    const section = sections.find(one => one.name === 'look' && one.rest === driver.type);
    for (const [index, runner] of driver.read(targets, section?.lines ?? [])) {
      const one = wanted[index];
      if (one !== undefined) runners.set(one.key, runner);
    }
  }
  const textOf = own.filter(one => one.text);
  const texts = new Map(
    sections
      .filter(section => section.name === 'text')
      .map(section => [textOf[Number(section.rest)]?.path ?? '', section.lines.join('\n')]),
  );
  return { seen, wanted, runners, files: readHashes(linesOf(sections, 'files'), linesOf(sections, 'modes')), texts };
}

const sameName = (identity: Identity) => [identity.scope, identity.unit, identity.project].join('\n');

/** Stamps that no target of this exec stands for: removed services, and placements that are called otherwise now. */
function unanswered(probed: Probed, machine: string): readonly Stamp[] {
  const known = new Set(probed.wanted.map(one => `${one.key} ${one.type} ${sameName(one.identity)}`));
  return probed.seen.stamps.filter(
    stamp => !known.has(`${stamp.service}@${machine} ${stamp.driver} ${sameName(identityOfStamp(stamp))}`),
  );
}

function sightingOf(probed: Probed, one: Wanted, lists: Lists): Sighting {
  const runner = probed.runners.get(one.key);
  if (runner === undefined)
    return { state: 'unknown', error: report('machine-shell', `${one.key} was not in the probe's answer`) };
  if (runner.state === 'unknown') return { state: 'unknown', error: runner.error };
  const own = one.placement === undefined ? [] : (lists.drivers[one.type]?.ownFiles(one.placement.spec) ?? []);
  const ownSeen = own.flatMap(({ path }): readonly (readonly [string, OwnFileSeen])[] => {
    const file = probed.files[path];
    const text = probed.texts.get(path);
    return file === undefined ? [] : [[path, { sha256: file.sha256, ...(text === undefined ? {} : { text }) }]];
  });
  const common = { files: probed.files, own: Object.fromEntries(ownSeen) };
  return runner.state === 'absent' ? { state: 'absent', ...common } : { ...runner, ...common };
}

async function lookAtMachine(
  look: Look,
  placements: readonly Placement[],
): Promise<{ readonly view: MachineView; readonly sightings: Readonly<Record<string, Sighting>> }> {
  const { ports, lists, machine } = look;
  const session = sessionOf(ports);
  const wanted = placements.map((placement): Wanted => {
    const identity = lists.drivers[placement.spec.type]?.identity(placement.spec, session.facts.get(machine.name)) ?? {
      scope: 'system',
    };
    return { key: placement.key, type: placement.spec.type, path: placement.spec.path, identity, placement };
  });
  const keys = new Set(wanted.map(one => one.key));
  const remembered = (session.stamps.get(machine.name) ?? []).filter(
    stamp => !keys.has(`${stamp.service}@${machine.name}`),
  );
  try {
    const first = await probeOnce(look, [...wanted, ...remembered.map(stamp => ofStamp(machine.name, stamp))]);
    session.stamps.set(machine.name, first.seen.stamps);
    session.facts.set(machine.name, first.seen.facts);
    const renamed = renamedOn(first, lists);
    const strays = unanswered(first, machine.name).filter(stamp => !keys.has(`${stamp.service}@${machine.name}`));
    const again =
      renamed.length > 0
        ? [...renamed, ...strays.map(stamp => ofStamp(machine.name, stamp))]
        : strays.map(stamp => ofStamp(machine.name, stamp));
    const second = again.length === 0 ? undefined : await probeOnce(look, again);
    const sightings = [
      ...first.wanted.map(one => [one.key, sightingOf(first, one, lists)] as const),
      ...(second?.wanted.map(one => [one.key, sightingOf(second, one, lists)] as const) ?? []),
    ];
    return { view: first.seen, sightings: Object.fromEntries(sightings) };
  } catch (thrown) {
    const error: ErrorReport = asAppError(thrown).report();
    if (error.code === 'internal') throw thrown;
    return {
      view: { state: 'unknown', error },
      sightings: Object.fromEntries(placements.map(one => [one.key, { state: 'unknown', error }])),
    };
  }
}

/** Placements whose name on this machine depends on its facts (launchd instead of systemd, no service manager). */
function renamedOn(probed: Probed, lists: Lists): readonly Wanted[] {
  return probed.wanted.flatMap(one => {
    if (one.placement === undefined) return [];
    const identity = lists.drivers[one.type]?.identity(one.placement.spec, probed.seen.facts) ?? one.identity;
    return sameName(identity) === sameName(one.identity) ? [] : [{ ...one, identity }];
  });
}

export interface LookMore {
  /** Machines that left the registry, at their old addresses. */
  readonly leaving?: readonly Machine[];
  /** Only these machines. */
  readonly only?: ReadonlySet<string>;
}

/** Never throws for what machines do: a machine that does not answer is unknown, with the reason. */
export async function look(ports: Ports, lists: Lists, desired: DesiredState, more: LookMore = {}): Promise<LiveState> {
  const known = [...desired.machines, ...(more.leaving ?? [])];
  ports.shell.setMachines(known);
  forgetMachines(sessionOf(ports), new Set(known.map(machine => machine.name)));
  const machines = known.filter(machine => more.only?.has(machine.name) ?? true);
  const views = await Promise.all(
    machines.map(async machine => {
      const placements = desired.placements.filter(one => one.spec.machine === machine.name);
      return { machine, ...(await lookAtMachine({ ports, lists, cluster: desired.cluster, machine }, placements)) };
    }),
  );
  return {
    takenAt: ports.clock.now(),
    machines: Object.fromEntries(views.map(({ machine, view }) => [machine.name, view])),
    sightings: Object.assign({}, ...views.map(({ sightings }) => sightings)) as LiveState['sightings'],
  };
}
