// Takes the hands off services of a machine, or puts them on again: written there under its lock, so that every controller knows it.
import { AppError } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import type { Command } from '../commands/command.js';
import type { LockHolder } from '../commands/lock.js';
import { type ProbeSection, readProbe } from '../commands/probe.js';
import { resumeCommand, suspendCommand } from '../commands/suspend.js';
import { identityOf } from '../core/machines.js';
import { suspendHead, wholeMachine } from '../core/suspends.js';
import type { Progress } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { refusal } from './batch-result.js';
import { journal } from './journal.js';
import { pause } from './pause.js';
import { inTurn } from './machine-turn.js';

export interface HandsRun {
  readonly ports: Ports;
  readonly desired: DesiredState;
  readonly machine: Machine;
  readonly emit: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

const limitMs = 30_000;
const lookAgainMs = 2000;
/** A change that runs on the machine is waited for so long. */
const patienceMs = 180_000;

interface Words {
  readonly what: 'suspend' | 'resume';
  readonly names: readonly string[];
  readonly command: (common: Common) => Command;
}

interface Common {
  readonly nonce: string;
  readonly sudo: Machine['sudo'];
  readonly cluster: string;
  readonly identity: string;
  readonly newMachineId: string;
  readonly id: string;
  readonly holder: LockHolder;
  readonly gone: string;
}

/** Sends it once. `refused` with `machine-lock`: something is being changed there, by `lockedBy` where that is known. */
async function attempt(run: HandsRun, words: Words, holder: LockHolder, gone: string) {
  const { ports, machine, desired } = run;
  const [nonce, id] = [ports.newId(), ports.newId()];
  const common = { nonce, sudo: machine.sudo, cluster: desired.cluster, newMachineId: ports.newId(), id, holder, gone };
  const command = words.command({ ...common, identity: identityOf(desired) });
  const keys = words.names.filter(name => name !== wholeMachine).map(name => `${name}@${machine.name}`);
  const intent = { id, to: 'machine', where: machine.name, what: words.what, keys } as const;
  const result = await journal(ports, intent, () => ports.shell.run(machine, command, { timeLimitMs: limitMs }));
  if (result.lost) throw new AppError('ssh-lost', `the connection to ${machine.name} was lost`);
  const sections = readProbe(result.stdout, nonce) ?? readProbe(`${result.stdout}\n@${nonce} end`, nonce);
  if (sections === undefined)
    throw new AppError(
      'machine-shell',
      `${machine.name} answered with something else: ${lastOf(result.stderr.trim(), 400)}`,
    );
  const refused = refusal(sections, machine.name);
  const fenced = sections.some(section => section.name === 'fenced');
  const whole = result.stdout.includes(`@${nonce} end`);
  return { sections, lockedBy: refused?.lockedBy, refused: refused?.refused, fenced, whole };
}

/** Waits for the change that runs there: what a person says now holds for what comes after it. */
async function underLock(run: HandsRun, words: Words): Promise<readonly ProbeSection[]> {
  const { ports, machine, emit } = run;
  const holder = { controller: await ports.state.controllerId(), process: ports.state.processName };
  const until = ports.clock.monotonic() + patienceMs;
  for (let gone = '-'; ;) {
    const { sections, lockedBy, refused, fenced, whole } = await attempt(run, words, holder, gone);
    if (whole && refused === undefined && !fenced) return sections;
    const dead = lockedBy?.controller === holder.controller && !ports.state.runs(lockedBy.process);
    if (refused?.code !== 'machine-lock' && !fenced) {
      const message = `the state folder on ${machine.name} cannot be written`;
      throw new AppError(refused?.code ?? 'machine-state', refused?.message ?? message);
    }
    if (ports.clock.monotonic() > until) {
      const hint = 'Wait for it, and try again.';
      throw new AppError('machine-lock', refused?.message ?? `others are changing ${machine.name}`, { hint });
    }
    if (dead && gone !== lockedBy.process) {
      gone = lockedBy.process;
      continue;
    }
    emit({ kind: 'waiting', machine: machine.name, text: 'the end of the change that runs there' });
    if (!(await pause(ports.clock, lookAgainMs, run.signal)))
      throw new AppError('interrupted', `${machine.name} is being changed, and nobody waited for its end`);
  }
}

export interface SuspendAsk {
  /** Services, or `wholeMachine`. */
  readonly names: readonly string[];
  readonly reason: string;
  readonly by: string;
  readonly forMs?: number;
}

export async function suspendOn(run: HandsRun, ask: SuspendAsk): Promise<void> {
  const files = ask.names.map(name => ({ name, head: suspendHead(name, ask.reason, ask.by) }));
  const seconds = ask.forMs === undefined ? {} : { seconds: Math.max(1, Math.round(ask.forMs / 1000)) };
  const command = (common: Common) => suspendCommand({ ...common, files, ...seconds });
  await inTurn(run.ports, run.machine.name, () => underLock(run, { what: 'suspend', names: ask.names, command }));
}

export interface Resumed {
  /** Names that were suspended, and are not any more. */
  readonly resumed: readonly string[];
  /** Names that still are. */
  readonly left: readonly string[];
}

export async function resumeOn(run: HandsRun, names: readonly string[]): Promise<Resumed> {
  const command = (common: Common) => resumeCommand({ ...common, names });
  const sections = await inTurn(run.ports, run.machine.name, () => underLock(run, { what: 'resume', names, command }));
  const said = (name: string) => sections.filter(one => one.name === name).map(one => one.rest);
  return { resumed: said('resumed'), left: said('left') };
}
