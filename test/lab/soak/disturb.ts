// What is done to the soak's world, a disturbance at a time: commits, drift, kills, cuts and crashes.
import type { Host } from '../harness.js';
import type { Dice } from './dice.js';
import { folderOf, keyOf, napOf, type Slot, slots, type Wanted, wantedOf, type Wants } from './services.js';

/** The round that is going on. */
export interface Round {
  readonly dice: Dice;
  readonly hosts: readonly Host[];
  /** What the newest commit wants. */
  readonly wants: Map<string, Wanted>;
  /** Names of services that were disturbed on their machine, with how often. */
  readonly touched: Map<string, number>;
  readonly cut: Set<Host>;
  readonly crashed: Set<Host>;
  /** Commits and pushes what `wants` says. */
  readonly push: (message: string) => Promise<void>;
  readonly killController: () => Promise<void>;
  /** The controller is started anew, and kills itself at that crash point. */
  readonly armController: (point: number) => Promise<void>;
  /** Another controller works beside until the round ends. */
  readonly startRival: () => void;
}

/** Answers what was done, or undefined when there is nothing to do it to. */
export type Disturbance = (round: Round) => Promise<string | undefined>;

const present = (wants: Wants): readonly Slot[] => slots.filter(one => wantedOf(wants, one.name).present);
const hostOf = ({ hosts }: Round, slot: Slot): Host => {
  const host = hosts[slot.host - 1];
  if (host === undefined) throw new RangeError(`there is no host ${slot.host}`);
  return host;
};
/** Those whose host is on: a host that is only cut off can be reached behind its network. */
const alive = (round: Round): readonly Slot[] =>
  present(round.wants).filter(one => !round.crashed.has(hostOf(round, one)));

function touch(round: Round, slot: Slot, times = 1): void {
  round.touched.set(slot.name, (round.touched.get(slot.name) ?? 0) + times);
}

function want(round: Round, slot: Slot, change: (before: Wanted) => Partial<Wanted>): void {
  const before = wantedOf(round.wants, slot.name);
  round.wants.set(slot.name, { ...before, version: before.version + 1, ...change(before) });
}

async function commit(
  round: Round,
  from: readonly Slot[],
  what: string,
  change: (before: Wanted) => Partial<Wanted>,
): Promise<string | undefined> {
  if (from.length === 0) return undefined;
  const slot = round.dice.pick(from);
  want(round, slot, change);
  const text = `${what} ${slot.name} v${wantedOf(round.wants, slot.name).version}`;
  await round.push(text);
  return text;
}

const configure: Disturbance = round => commit(round, present(round.wants), 'configure', () => ({}));
/** For Docker, of the image. */
const command: Disturbance = round =>
  commit(round, present(round.wants), 'command', before => ({ command: before.command + 1 }));
const add: Disturbance = round =>
  commit(
    round,
    slots.filter(one => !wantedOf(round.wants, one.name).present),
    'add',
    () => ({ present: true }),
  );
/** Few enough at a time that the guard does not ask. */
const remove: Disturbance = round => {
  const now = present(round.wants);
  return commit(round, now.length > 4 ? now : [], 'remove', () => ({ present: false }));
};

async function onHost(
  round: Round,
  from: readonly Slot[],
  what: string,
  script: (slot: Slot) => string,
): Promise<string | undefined> {
  if (from.length === 0) return undefined;
  const slot = round.dice.pick(from);
  touch(round, slot);
  // It may not run just now, or be on its way.
  await hostOf(round, slot).inside(script(slot));
  return `${what} ${keyOf(slot)}`;
}

const kinds = (round: Round, ...wanted: readonly Slot['kind'][]): readonly Slot[] =>
  alive(round).filter(one => wanted.includes(one.kind));

const stop: Disturbance = round =>
  onHost(round, kinds(round, 'native', 'docker'), 'stop', ({ kind, name }) =>
    kind === 'docker' ? `docker stop -t 1 ${name}-main-1` : `/usr/bin/systemctl stop ${name}`,
  );
const disable: Disturbance = round =>
  onHost(round, kinds(round, 'native'), 'disable', ({ name }) => `/usr/bin/systemctl disable --now ${name}`);
const edit: Disturbance = round =>
  onHost(round, kinds(round, 'native', 'bare'), 'edit', slot =>
    slot.kind === 'native'
      ? `f=/etc/systemd/system/${slot.name}.service; [ ! -e $f ] || echo '# by hand' >>$f`
      : `f=${folderOf(slot)}/note.txt; [ ! -e $f ] || echo 'by hand' >>$f`,
  );
const kill: Disturbance = round =>
  onHost(round, kinds(round, 'native', 'bare'), 'kill', slot => {
    const nap = napOf(slot, wantedOf(round.wants, slot.name));
    return `pkill -9 -fx 'sleep ${nap}'`;
  });

const cut: Disturbance = async round => {
  const host = round.dice.pick(round.hosts);
  if (round.crashed.has(host) || round.cut.has(host)) return undefined;
  round.cut.add(host);
  await host.cut();
  return `cut ${host.name}`;
};

const crash: Disturbance = async round => {
  const host = round.dice.pick(round.hosts);
  if (round.crashed.has(host)) return undefined;
  round.crashed.add(host);
  // What runs there is started by the boot, and once more where a change was under way.
  for (const slot of slots.filter(one => one.host === host.index)) touch(round, slot, 2);
  await host.crash();
  return `crash ${host.name}`;
};

const killController: Disturbance = async round => {
  await round.killController();
  return 'kill the controller';
};
const armController: Disturbance = async round => {
  const point = 1 + round.dice.below(40);
  await round.armController(point);
  return `kill the controller at crash point ${point}`;
};
const rival: Disturbance = async round => {
  round.startRival();
  return 'start a rival';
};

/** As often as each stands here. */
const always: readonly Disturbance[] = [
  configure,
  configure,
  command,
  command,
  add,
  remove,
  stop,
  disable,
  edit,
  kill,
  cut,
  crash,
];
const withController: readonly Disturbance[] = [
  ...always,
  killController,
  killController,
  armController,
  armController,
  armController,
  armController,
  rival,
  rival,
];

/** One by chance. `controllerToo`: also those that concern the controller itself. */
export const pickDisturbance = (dice: Dice, controllerToo: boolean): Disturbance =>
  dice.pick(controllerToo ? withController : always);
