// Brings the data of a service from one machine to another: what is there, whether there is room, the bytes, and whether they are the same.
import { AppError, type ErrorCode } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { Placement, Stamp } from '../../schema/state.js';
import type { Command } from '../commands/command.js';
import { type ProbeSection, readProbe } from '../commands/probe.js';
import {
  clearCopy,
  type CopyRoom,
  hashTrees,
  landCopy,
  lookAtTargets,
  measureTrees,
  openCopy,
  receiveTree,
  sendTree,
  type Tree,
  type TreeTarget,
} from '../commands/trees.js';
import type { Ports } from '../ports.js';
import { journal } from './journal.js';

export interface CopyRun {
  readonly ports: Ports;
  readonly cluster: string;
  readonly from: Machine;
  readonly to: Machine;
  readonly placement: Placement;
  /** As it stands on the machine that it leaves. */
  readonly stamp: Stamp;
  readonly signal: AbortSignal;
  readonly told: (text: string) => void;
}

interface Part {
  readonly tree: Tree;
  readonly target: TreeTarget;
}

/** What is to be copied, and what was seen of it before anything was stopped. */
export interface Load {
  readonly parts: readonly Part[];
  readonly bytes: number;
  /** What stands at the targets was this service's own, and is put aside. */
  readonly ownThere: boolean;
}

/** Looking at folders; hashing takes as long as a slow disk needs. */
const lookLimitMs = 10 * 60_000;
const slowestBytesPerMs = 5000;
const stallMs = 60_000;
/** Must be free besides what is copied. */
const spareKib = 16 * 1024;

const settingsOf = (ports: Ports, machine: Machine) => ({ nonce: ports.newId(), sudo: machine.sudo });

async function ask(
  { ports }: Pick<CopyRun, 'ports'>,
  machine: Machine,
  words: (settings: ReturnType<typeof settingsOf>) => Command,
  code: ErrorCode,
  timeLimitMs = lookLimitMs,
): Promise<readonly ProbeSection[]> {
  const settings = settingsOf(ports, machine);
  const result = await ports.shell.run(machine, words(settings), { timeLimitMs });
  if (result.lost) throw new AppError('ssh-lost', `the connection to ${machine.name} was lost`);
  const sections = readProbe(result.stdout, settings.nonce);
  const said = result.stderr.trim().split('\n').at(-1) ?? '';
  const failed = sections?.find(one => one.name === 'failed');
  if (failed !== undefined) throw new AppError(code, `${machine.name}: ${said || 'no'} (${failed.rest})`);
  if (sections !== undefined) return sections;
  if (result.stdout.includes(`@${settings.nonce} fenced`))
    throw new AppError('machine-fenced', `another controller took ${machine.name} over while it was changed`);
  throw new AppError('command-failed', `${machine.name}: ${said || 'it did not answer to the end'}`);
}

const rest = (sections: readonly ProbeSection[], name: string): readonly string[] =>
  sections.filter(one => one.name === name).map(one => one.rest);

const refuse = (message: string): AppError => new AppError('copy-refused', message);

function volumeParts(sections: readonly ProbeSection[], from: string): readonly Part[] {
  const [foreign] = rest(sections, 'foreign');
  if (foreign !== undefined)
    throw refuse(
      `a container on ${from} uses the volume ${foreign}, which is not named in its project: it would stay behind`,
    );
  return sections
    .filter(one => one.name === 'volume')
    .map(({ rest: row, lines }): Part => {
      const [name = '', driver, options, path = ''] = row.split(' ');
      if (driver !== 'local' || options !== '0' || !path.startsWith('/'))
        throw refuse(`the volume ${name} on ${from} is kept elsewhere (driver ${driver}): its data cannot be copied`);
      const labels = (JSON.parse(lines[0] ?? 'null') ?? {}) as Readonly<Record<string, string>>;
      return { tree: { path, ours: false, numeric: true }, target: { path: '', volume: { name, labels } } };
    });
}

interface Measure {
  readonly bytes: number;
  readonly kib: number;
  readonly owners: readonly string[];
}

function measureOf(lines: readonly string[], what: string): Measure {
  const [bytes, , kib, ...owners] = (lines.filter(line => line !== '').at(-1) ?? '').split(' ');
  if (!/^\d+$/.test(bytes ?? '') || !/^\d+$/.test(kib ?? ''))
    throw refuse(`${what} cannot be measured: ${lines.join(' ')}`);
  return { bytes: Number(bytes), kib: Math.max(Number(kib), Math.ceil(Number(bytes) / 1024)), owners };
}

async function measure(run: CopyRun, parts: readonly Part[], project?: string) {
  const trees = parts.map(one => one.tree);
  const more = project === undefined ? {} : { project };
  const sections = await ask(run, run.from, one => measureTrees({ ...one, trees, ...more }), 'copy-refused');
  const measures = sections
    .filter(one => one.name === 'tree')
    .map((one, index) => measureOf(one.lines, `${trees[index]?.path} on ${run.from.name}`));
  return { sections, measures };
}

/** What would stand in the way there; `own`: what lies there belonged to this service before. */
async function checkTargets(
  run: CopyRun,
  parts: readonly Part[],
  measures: readonly Measure[],
  own: boolean,
): Promise<void> {
  const { to } = run;
  const targets = parts.map(one => one.target);
  const sections = await ask(run, to, one => lookAtTargets({ ...one, targets }), 'copy-refused');
  rest(sections, 'target').forEach((row, index) => {
    const [, is = '', free = ''] = row.split(' ');
    const name = targets[index]?.volume?.name ?? targets[index]?.path ?? '';
    if (is === 'mount') throw refuse(`${name} on ${to.name} is a file system of its own: copy into a folder of it`);
    if (is === 'file' || (is === 'data' && !own))
      throw refuse(`${name} on ${to.name} holds something already, which is not written over`);
    if (!['absent', 'empty', 'data'].includes(is) || !/^\d+$/.test(free))
      throw refuse(`${name} on ${to.name} cannot be looked at: ${row}`);
    // All of them may lie on one disk.
    const need = measures.reduce((sum, one) => sum + one.kib, 0) + spareKib;
    if (Number(free) < need)
      throw new AppError(
        'machine-disk-full',
        `${to.name} has ${free} KiB free for ${name}, and ${need} KiB are needed`,
      );
  });
  const strange = measures.flatMap(one => one.owners).find(owner => owner !== to.user);
  if (rest(sections, 'root')[0] !== 'yes' && strange !== undefined)
    throw new AppError('sudo-refused', `${to.name}: only root could make files of ${strange}`);
}

/** Before anything is stopped: throws for what cannot be copied, or has no room, or would be written over. */
export async function survey(run: CopyRun, there: Stamp | undefined): Promise<Load> {
  const { placement, stamp } = run;
  const folder: Part = {
    tree: { path: stamp.path, ours: true, numeric: stamp.driver === 'docker' },
    target: { path: placement.spec.path },
  };
  const project = stamp.driver === 'docker' ? (stamp.project ?? stamp.service) : undefined;
  const first = await measure(run, [folder], project);
  const volumes = project === undefined ? [] : volumeParts(first.sections, run.from.name);
  const measures = [...first.measures, ...(volumes.length === 0 ? [] : (await measure(run, volumes)).measures)];
  const parts = [folder, ...volumes];
  const ownThere = there !== undefined && there.path === placement.spec.path;
  await checkTargets(run, parts, measures, ownThere);
  return { parts, bytes: measures.reduce((sum, one) => sum + one.bytes, 0), ownThere };
}

const limitOf = (load: Load): number => lookLimitMs + load.bytes / slowestBytesPerMs;

interface Beside {
  readonly target: string;
  readonly folder: string;
}

async function sendPart(run: CopyRun, tree: Tree, into: string): Promise<void> {
  const { ports, from, to } = run;
  let begun = false;
  const carried = await ports.shell.carry(
    { machine: from, command: sendTree(settingsOf(ports, from), tree) },
    { machine: to, command: receiveTree(settingsOf(ports, to), { ...tree, path: into }) },
    {
      stallMs,
      signal: run.signal,
      onBytes: () => {
        if (!begun) ports.crashPoint?.('while data are copied');
        begun = true;
      },
    },
  );
  if (run.signal.aborted) throw new AppError('interrupted', `interrupted while data were copied to ${to.name}`);
  // Whoever broke first is to blame: the other one then only lost its partner.
  for (const end of [carried.to, carried.from]) {
    if (end.code === 0) continue;
    const said = end.stderr.trim().split('\n').at(-1) ?? '';
    if (end.timedOut) throw new AppError('command-timeout', `no data came from ${from.name} for ${stallMs / 1000} s`);
    if (/No space left on device|Disk quota exceeded/.test(end.stderr))
      throw new AppError('machine-disk-full', `no space left on ${end.machine} (to copy data)`);
    if (end.lost && said === '')
      throw new AppError('ssh-lost', `the connection to ${end.machine} was lost while data were copied`);
    throw new AppError('command-failed', `copying data failed on ${end.machine}: ${said || `exit code ${end.code}`}`);
  }
}

/** One hash over everything, on both sides at once. */
async function compare(run: CopyRun, load: Load, beside: readonly Beside[]): Promise<number> {
  const here = load.parts.map(one => one.tree);
  const there = here.map((tree, index) => ({ ...tree, path: beside[index]?.folder ?? '' }));
  const hashes = async (machine: Machine, trees: readonly Tree[]) =>
    rest(await ask(run, machine, one => hashTrees({ ...one, trees }), 'copy-mismatch', limitOf(load)), 'manifest');
  const [before, after] = await Promise.all([hashes(run.from, here), hashes(run.to, there)]);
  const odd = here.findIndex((_, index) => before[index] === undefined || before[index] !== after[index]);
  if (odd >= 0)
    throw new AppError(
      'copy-mismatch',
      `${here[odd]?.path} of ${run.from.name} and its copy on ${run.to.name} are not the same (files and hash: ${before[odd]} there, ${after[odd]} here)`,
    );
  return before.reduce((sum, row) => sum + Number(row.split(' ')[1]), 0);
}

/** Copies, compares, and puts in place; under the lock there, whose fence it is. What it throws leaves no half behind. */
export async function carryOver(run: CopyRun, load: Load, fence: string): Promise<void> {
  const { ports, to, placement, cluster } = run;
  const { service, key } = placement.spec;
  const id = ports.newId();
  const roomOf = (settings: ReturnType<typeof settingsOf>): CopyRoom => ({ ...settings, cluster, fence, service });
  const within = (words: (room: CopyRoom) => Command) =>
    ask(run, to, settings => words(roomOf(settings)), 'command-failed', limitOf(load));
  await journal(ports, { id, to: 'machine', where: to.name, what: 'copy', keys: [key] }, async () => {
    const targets = load.parts.map(one => one.target);
    const opened = await within(room => openCopy(room, targets, id));
    const beside = opened
      .filter(one => one.name === 'beside')
      .map(({ lines: [target = '', folder = ''] }): Beside => ({ target, folder }));
    try {
      for (const [index, { tree }] of load.parts.entries()) {
        run.told(`copying ${tree.path} from ${run.from.name} (${Math.ceil(load.bytes / 1024)} KiB in all)`);
        await sendPart(run, tree, beside[index]?.folder ?? '');
      }
      const files = await compare(run, load, beside);
      run.told(`${files} files are the same on ${run.from.name} and ${to.name}`);
      const aside = (target: string) => (load.ownThere ? { aside: `${target}.portoser-aside.${id}` } : {});
      await within(room =>
        landCopy(
          room,
          beside.map(one => ({ ...one, ...aside(one.target) })),
        ),
      );
    } catch (thrown) {
      await within(clearCopy).catch((error: unknown) =>
        ports.log.debug({ machine: to.name, err: error }, 'copy not cleared; the next one does it'),
      );
      throw thrown;
    }
  });
}
