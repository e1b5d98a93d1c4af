// Writes this repository's identity into a machine's state folder, because a person asked for it.
import { AppError } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { claim } from '../commands/claim.js';
import { identityOf } from '../core/machines.js';
import type { Ports } from '../ports.js';
import { journal } from './journal.js';

export interface Claimed {
  readonly machine: string;
  /** `free`: no repository has the cluster's name there; the first change will take it. */
  readonly state: 'claimed' | 'ours' | 'free';
  /** Root commit of the repository that had it. */
  readonly before?: string;
}

const limitMs = 30_000;

export async function claimMachine(ports: Ports, machine: Machine, desired: DesiredState): Promise<Claimed> {
  ports.shell.setMachines(desired.machines);
  const nonce = ports.newId();
  const identity = identityOf(desired);
  const words = claim({ nonce, sudo: machine.sudo }, desired.cluster, identity);
  const intent = { id: ports.newId(), to: 'machine', where: machine.name, what: 'claim', keys: [] } as const;
  const result = await journal(ports, intent, () => ports.shell.run(machine, words, { timeLimitMs: limitMs }));
  const said = result.stdout
    .split('\n')
    .find(line => line.startsWith(`@${nonce} `))
    ?.slice(nonce.length + 2)
    .trim();
  if (said === 'free') return { machine: machine.name, state: 'free' };
  const before = /^claimed (\S+)$/.exec(said ?? '')?.[1];
  if (before !== undefined)
    return before === identity
      ? { machine: machine.name, state: 'ours' }
      : { machine: machine.name, state: 'claimed', before };
  throw new AppError(
    'machine-state',
    `${machine.name}: ${lastOf(result.stderr.trim(), 400) || 'its state folder cannot be written'}`,
  );
}
