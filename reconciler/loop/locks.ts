// Who holds the locks of machines, as this controller understands it; and the breaking of one that a person asks for.
import { AppError } from '../../schema/errors.js';
import type { ErrorReport } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState, LockSeen, MachineView } from '../../schema/state.js';
import { lines, sh } from '../commands/command.js';
import { breakLock, lockSeconds } from '../commands/lock.js';
import { findState } from '../commands/ownership.js';
import { prelude } from '../commands/prelude.js';
import { readProbe } from '../commands/probe.js';
import type { Ports } from '../ports.js';
import { journal } from './journal.js';

/** `ours`: a process of this controller that runs here. `left`: one that is gone. `theirs`: another controller. */
export type Holding = 'free' | 'ours' | 'left' | 'theirs' | 'unknown';

export interface LockShown {
  readonly machine: string;
  readonly state: Holding;
  readonly lock?: LockSeen;
  /** The next change takes it over without asking. */
  readonly stale: boolean;
  /** Steps that still run there, by id. */
  readonly steps: readonly string[];
  readonly error?: ErrorReport;
}

export async function showLock({ state }: Ports, machine: string, view: MachineView | undefined): Promise<LockShown> {
  if (view?.state !== 'reachable')
    return { machine, state: 'unknown', stale: false, steps: [], ...(view === undefined ? {} : { error: view.error }) };
  const { lock, openSteps: steps } = view;
  if (lock === undefined) return { machine, state: 'free', stale: false, steps };
  const mine = lock.controller === (await state.controllerId());
  const holding = !mine ? 'theirs' : state.runs(lock.process) ? 'ours' : 'left';
  const stale = holding === 'left' || Math.abs(lock.ageSeconds) > lockSeconds;
  return { machine, state: holding, lock, stale, steps };
}

export interface LockBroken {
  readonly machine: string;
  /** `free`: there was none. */
  readonly state: 'broken' | 'free';
  /** Who held it. */
  readonly before?: LockSeen;
}

const limitMs = 30_000;

/** Takes just this lock away. Throws `machine-lock` when another holds it by now, `machine-state` when it cannot be done. */
export async function breakLockOf(
  ports: Ports,
  machine: Machine,
  desired: DesiredState,
  before: LockSeen,
): Promise<LockBroken> {
  const { state } = ports;
  const [id, nonce] = [ports.newId(), ports.newId()];
  const mine = { controller: await state.controllerId(), process: state.processName };
  const words = lines([
    prelude({ nonce, sudo: machine.sudo }),
    sh`p_say portoser 1`,
    findState(desired.cluster),
    breakLock(mine, before, id),
    sh`p_say end`,
  ]);
  const intent = { id, to: 'machine', where: machine.name, what: 'lock.break', keys: [before.process] } as const;
  const result = await journal(ports, intent, () => ports.shell.run(machine, words, { timeLimitMs: limitMs }));
  const said = readProbe(`${result.stdout}\n@${nonce} end`, nonce)?.map(section => section.name) ?? [];
  if (said.includes('broken')) return { machine: machine.name, state: 'broken', before };
  if (said.includes('free')) return { machine: machine.name, state: 'free', before };
  if (said.includes('locked')) throw new AppError('machine-lock', `another took the lock of ${machine.name} meanwhile`);
  throw new AppError(
    'machine-state',
    `the lock of ${machine.name} cannot be broken: ${lastOf(result.stderr.trim(), 400)}`,
  );
}
