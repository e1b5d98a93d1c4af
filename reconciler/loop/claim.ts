// Writes this repository's identity into a machine's state folder, because a person asked for it.
import { AppError } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { claim } from '../commands/claim.js';
import type { LockHolder } from '../commands/lock.js';
import { type ProbeSection, readProbe } from '../commands/probe.js';
import { identityOf } from '../core/machines.js';
import type { Ports } from '../ports.js';
import { holderOf } from './apply.js';
import { refusal } from './batch-result.js';
import { journal } from './journal.js';
import { sessionOf } from './session.js';

export interface Claimed {
  readonly machine: string;
  /** `free`: no repository has the cluster's name there; the first change will take it. */
  readonly state: 'claimed' | 'ours' | 'free';
  /** Root commit of the repository that had it. */
  readonly before?: string;
}

const limitMs = 30_000;

const answers: ReadonlySet<string> = new Set(['claimed', 'free', 'open', 'busy', 'locked', 'refused']);

async function send(ports: Ports, machine: Machine, desired: DesiredState, holder: LockHolder, gone: string) {
  const [id, nonce] = [ports.newId(), ports.newId()];
  const { cluster } = desired;
  const words = claim({ id, nonce, sudo: machine.sudo, cluster, identity: identityOf(desired), holder, gone });
  const intent = { id, to: 'machine', where: machine.name, what: 'claim', keys: [] } as const;
  const result = await journal(ports, intent, () => ports.shell.run(machine, words, { timeLimitMs: limitMs }));
  const sections = readProbe(result.stdout, nonce) ?? readProbe(`${result.stdout}\n@${nonce} end`, nonce);
  if (sections?.some(one => answers.has(one.name)) === true) return sections;
  throw new AppError(
    'machine-state',
    `${machine.name}: ${lastOf(result.stderr.trim(), 400) || 'its state folder cannot be written'}`,
  );
}

function claimedOf(sections: readonly ProbeSection[], machine: string, identity: string): Claimed {
  const rest = (name: string) => sections.find(one => one.name === name)?.rest;
  const refused = refusal(sections, machine)?.refused;
  if (refused !== undefined) throw new AppError(refused.code, refused.message);
  const before = rest('claimed');
  if (before === undefined) return { machine, state: 'free' };
  return before === identity ? { machine, state: 'ours' } : { machine, state: 'claimed', before };
}

async function take(ports: Ports, machine: Machine, desired: DesiredState): Promise<Claimed> {
  const holder = await holderOf(ports);
  const first = await send(ports, machine, desired, holder, '-');
  const by = refusal(first, machine.name)?.lockedBy;
  const left = by !== undefined && by.controller === holder.controller && !ports.state.runs(by.process);
  const sections = left ? await send(ports, machine, desired, holder, by.process) : first;
  return claimedOf(sections, machine.name, identityOf(desired));
}

/**
 * Under the machine's lock, so that it never comes between a change of the repository that had it and that one's stamps.
 * Throws `machine-lock` while a change runs or another has the lock, `machine-state` where it cannot be written.
 */
export async function claimMachine(ports: Ports, machine: Machine, desired: DesiredState): Promise<Claimed> {
  ports.shell.setMachines(desired.machines);
  const { busy } = sessionOf(ports);
  if (busy.has(machine.name)) throw new AppError('machine-lock', `a change is running on ${machine.name}`);
  const work = take(ports, machine, desired);
  busy.set(machine.name, work);
  try {
    return await work;
  } finally {
    busy.delete(machine.name);
  }
}
