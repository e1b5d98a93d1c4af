// What is done to the soak's world, a disturbance at a time: commits, ill revisions, drift, kills, cuts and crashes.
import type { Dice } from './dice.js';
import type { Act, Draft } from './round.js';
import {
  folderOf,
  type HostIndex,
  type Illness,
  keyOf,
  napStart,
  type Revision,
  servingOf,
  type Slot,
  slots,
  type Wanted,
  wantedOf,
  type Wants,
} from './services.js';

/** Undefined: there is nothing to do it to. */
export type Disturbance = (draft: Draft) => Act | undefined;

const present = (wants: Wants): readonly Slot[] => slots.filter(one => wantedOf(wants, one.name).present);

/** Where it serves. */
const hostOf = ({ wants }: Draft, { name, host }: Slot): HostIndex => servingOf(wantedOf(wants, name))?.host ?? host;

/** Those whose host is on: a host that is only cut off can be reached behind its network. */
const alive = (draft: Draft): readonly Slot[] =>
  present(draft.wants).filter(one => !draft.crashed.has(hostOf(draft, one)) && !draft.suspended.has(one.name));

function add(counts: Map<string, number>, { name }: Slot, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}

interface Wish {
  readonly what: string;
  readonly from: readonly Slot[];
  readonly change?: (before: Wanted) => Partial<Wanted>;
}

function commit({ dice, wants, renewed, moved }: Draft, { what, from, change = () => ({}) }: Wish): Act | undefined {
  if (from.length === 0) return undefined;
  const slot = dice.pick(from);
  const before = wantedOf(wants, slot.name);
  const { ill: _, instead: __, ...well } = before;
  const wanted: Wanted = { ...well, version: before.version + 1, ...change(before) };
  wants.set(slot.name, wanted);
  if (wanted.ill === undefined) renewed.add(slot.name);
  if (wanted.present !== before.present) moved.set(slot.name, Number.POSITIVE_INFINITY);
  const text = `${what} ${slot.name} v${wanted.version}`;
  const now = new Map(wants);
  return { what: text, run: ground => ground.push(now, text) };
}

const configure: Disturbance = draft => commit(draft, { what: 'configure', from: present(draft.wants) });
/** For Docker, of the image. */
const command: Disturbance = draft =>
  commit(draft, {
    what: 'command',
    from: present(draft.wants),
    change: before => ({ command: before.command + 1 }),
  });
const bring: Disturbance = draft =>
  commit(draft, {
    what: 'add',
    from: slots.filter(one => !wantedOf(draft.wants, one.name).present),
    change: () => ({ present: true }),
  });
/** Few enough at a time that the guard does not ask. */
const remove: Disturbance = draft => {
  const now = present(draft.wants).filter(one => !draft.suspended.has(one.name));
  return commit(draft, { what: 'remove', from: now.length > 4 ? now : [], change: () => ({ present: false }) });
};

/** To the other host, without being down in between. */
const move: Disturbance = draft => {
  const act = commit(draft, {
    what: 'move',
    from: present(draft.wants).filter(one => one.moves === true && !draft.suspended.has(one.name)),
    change: before => ({ host: otherThan(before.host) }),
  });
  const slot = slots.find(one => act?.what.includes(` ${one.name} `));
  if (slot !== undefined) add(draft.moved, slot, 1);
  return act;
};

const otherThan = (host: HostIndex): HostIndex => (host === 1 ? 2 : 1);

const revisionOf = ({ version, command: words, host }: Wanted): Revision => ({ version, command: words, host });

/** Of what serves since before the round, so that it is known what it is to go back to. */
function spoil(draft: Draft, illness: Illness, from: readonly Slot[]): Act | undefined {
  const known = from.filter(
    ({ name }) =>
      wantedOf(draft.wants, name).present &&
      wantedOf(draft.before, name).present &&
      !draft.renewed.has(name) &&
      !draft.suspended.has(name),
  );
  const act = commit(draft, {
    what: `spoil (${illness})`,
    from: known,
    change: before => ({
      ill: illness,
      command: before.command + 1,
      instead: before.instead ?? revisionOf(before),
    }),
  });
  const slot = slots.find(one => act?.what.includes(` ${one.name} `));
  if (slot !== undefined) add(draft.spoiled, slot, 1);
  return act;
}

const spoilAtOnce: Disturbance = draft => spoil(draft, 'at-once', slots);
/** Not of Docker, whose check asks nobody of the container. */
const spoilLater: Disturbance = draft =>
  spoil(
    draft,
    'later',
    slots.filter(one => one.kind !== 'docker'),
  );

function onHost(draft: Draft, from: readonly Slot[], what: string, script: (slot: Slot) => string): Act | undefined {
  if (from.length === 0) return undefined;
  const slot = draft.dice.pick(from);
  const host = hostOf(draft, slot);
  add(draft.touched, slot, 1);
  // It may not run just now, or be on its way.
  return { what: `${what} ${keyOf(slot, host)}`, run: ground => ground.host(host).inside(script(slot)) };
}

const kinds = (draft: Draft, ...wanted: readonly Slot['kind'][]): readonly Slot[] =>
  alive(draft).filter(one => wanted.includes(one.kind));

function handStop(slot: Slot): string {
  switch (slot.kind) {
    case 'native':
      return `/usr/bin/systemctl stop ${slot.name}`;
    case 'bare':
      return `pkill -9 -fx 'sleep ${napStart(slot)}[0-9]{6}'`;
    case 'docker':
      return `docker stop -t 1 ${slot.name}-main-1`;
    default:
      return slot.kind satisfies never;
  }
}

const stop: Disturbance = draft => onHost(draft, kinds(draft, 'native', 'docker'), 'stop', handStop);
const disable: Disturbance = draft =>
  onHost(draft, kinds(draft, 'native'), 'disable', ({ name }) => `/usr/bin/systemctl disable --now ${name}`);
const edit: Disturbance = draft =>
  onHost(draft, kinds(draft, 'native', 'bare'), 'edit', slot =>
    slot.kind === 'native'
      ? `f=/etc/systemd/system/${slot.name}.service; [ ! -e $f ] || echo '# by hand' >>$f`
      : `f=${folderOf(slot)}/note.txt; [ ! -e $f ] || echo 'by hand' >>$f`,
  );
/** Whichever revision it is. */
const kill: Disturbance = draft =>
  onHost(draft, kinds(draft, 'native', 'bare'), 'kill', slot => `pkill -9 -fx 'sleep ${napStart(slot)}[0-9]{6}'`);

/** Whether anything that depends on it would wait too. */
const isNeeded = ({ name }: Slot): boolean => slots.some(one => one.needs === name);

/** Hands off, then all that would be put right otherwise: stopped by hand, and changed in git. */
const suspend: Disturbance = draft => {
  const from = alive(draft).filter(
    one => !isNeeded(one) && !draft.renewed.has(one.name) && !draft.cut.has(hostOf(draft, one)),
  );
  const stopped = onHost(draft, from, 'stop', handStop);
  const slot = slots.find(one => stopped?.what.includes(` ${one.name}@`));
  if (stopped === undefined || slot === undefined) return undefined;
  const changed = commit(draft, { what: 'configure', from: [slot] });
  const host = hostOf(draft, slot);
  const key = keyOf(slot, host);
  draft.suspended.set(slot.name, key);
  return {
    what: `suspend ${key}, ${stopped.what}, ${changed?.what}`,
    run: async ground => {
      await ground.suspend(slot.name);
      await stopped.run(ground);
      await ground.remember(slot.name, host);
      await changed?.run(ground);
    },
  };
};

const cut: Disturbance = ({ dice, ...draft }) => {
  const host = dice.pick([1, 2] as const);
  if (draft.crashed.has(host) || draft.cut.has(host)) return undefined;
  draft.cut.add(host);
  return { what: `cut h${host}`, run: ground => ground.host(host).cut() };
};

const crash: Disturbance = ({ dice, ...draft }) => {
  const host = dice.pick([1, 2] as const);
  if (draft.crashed.has(host)) return undefined;
  draft.crashed.add(host);
  // What runs there is started by the boot, and once more where a change was under way.
  for (const slot of slots)
    if ([draft.before, draft.wants].some(wants => runsOn(wants, slot, host))) add(draft.touched, slot, 2);
  return { what: `crash h${host}`, run: ground => ground.host(host).crash() };
};

const runsOn = (wants: Wants, slot: Slot, host: HostIndex): boolean =>
  [wantedOf(wants, slot.name), servingOf(wantedOf(wants, slot.name))].some(one => one?.host === host);

const killController: Disturbance = () => ({
  what: 'kill the controller',
  run: ground => ground.killController(),
});
const armController: Disturbance = ({ dice }) => {
  const point = 1 + dice.below(40);
  return { what: `kill the controller at crash point ${point}`, run: ground => ground.armController(point) };
};
const rival: Disturbance = () => ({
  what: 'start a rival',
  run: async ground => ground.startRival(),
});

/** As often as each stands here. */
const always: readonly Disturbance[] = [
  configure,
  configure,
  command,
  command,
  bring,
  remove,
  spoilAtOnce,
  spoilLater,
  move,
  move,
  stop,
  disable,
  edit,
  kill,
  suspend,
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
