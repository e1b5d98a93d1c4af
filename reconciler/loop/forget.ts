// Takes our traces off a machine that left the registry, under its lock, and drops it from what we know of the fleet.
import { AppError } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { forget } from '../commands/forget.js';
import type { LockHolder } from '../commands/lock.js';
import { type ProbeSection, readProbe } from '../commands/probe.js';
import { identityOf } from '../core/machines.js';
import type { Ports } from '../ports.js';
import { forgetApprovals, readApprovals, removalOf } from './approvals.js';
import { refusal } from './batch-result.js';
import { changeFleet, forgetIn } from './fleet.js';
import { journal } from './journal.js';
import { isBusy, occupied } from './machine-turn.js';
import { sessionOf } from './session.js';

export interface Traces {
  readonly ports: Ports;
  readonly machine: Machine;
  readonly desired: DesiredState;
  /** Services that have a stamp there. */
  readonly services: readonly string[];
}

/** `emptied`: the folder itself is root's, and stays there empty. */
export type TracesEnd = 'removed' | 'emptied' | 'nothing';

const limitMs = 120_000;

async function send(traces: Traces, holder: LockHolder, gone: string): Promise<readonly ProbeSection[]> {
  const { ports, machine, desired } = traces;
  const [id, nonce] = [ports.newId(), ports.newId()];
  const words = forget({
    id,
    nonce,
    sudo: machine.sudo,
    cluster: desired.cluster,
    identity: identityOf(desired),
    holder,
    gone,
  });
  const keys = traces.services.map(service => `${service}@${machine.name}`);
  const intent = { id, to: 'machine', where: machine.name, what: 'forget', keys } as const;
  const result = await journal(ports, intent, () => ports.shell.run(machine, words, { timeLimitMs: limitMs }));
  if (result.lost)
    throw new AppError('ssh-lost', `the connection to ${machine.name} was lost while our traces were removed`);
  const sections = readProbe(result.stdout, nonce) ?? readProbe(`${result.stdout}\n@${nonce} end`, nonce);
  const said = sections?.some(one => ['forgot', 'open', 'busy', 'locked', 'refused'].includes(one.name)) === true;
  if (sections !== undefined && said) return sections;
  throw new AppError(
    'machine-state',
    `our traces on ${machine.name} could not be removed: ${lastOf(result.stderr.trim(), 400) || `exit code ${result.code}`}`,
  );
}

function endOf(sections: readonly ProbeSection[], machine: string): TracesEnd {
  const rest = (name: string) => sections.find(one => one.name === name)?.rest;
  const refused = refusal(sections, machine)?.refused;
  if (refused !== undefined) throw new AppError(refused.code, refused.message);
  const end = rest('forgot')?.split(' ')[0];
  return end === 'removed' || end === 'emptied' ? end : 'nothing';
}

async function remove(traces: Traces): Promise<TracesEnd> {
  const { ports, machine } = traces;
  const holder = { controller: await ports.state.controllerId(), process: ports.state.processName };
  const first = await send(traces, holder, '-');
  const by = refusal(first, machine.name)?.lockedBy;
  const left = by !== undefined && by.controller === holder.controller && !ports.state.runs(by.process);
  return endOf(left ? await send(traces, holder, by.process) : first, machine.name);
}

/**
 * Removes the state folder there, and nothing that a service needs. Throws `machine-lock` while a change runs or another
 * controller has the lock, `machine-claimed` where another repository has the cluster's name, `machine-state` where it
 * cannot be written, and what the connection throws.
 */
export async function removeTraces(traces: Traces): Promise<TracesEnd> {
  const { name } = traces.machine;
  const { ports } = traces;
  if (isBusy(ports, name)) throw new AppError('machine-lock', `a change is running on ${name}`);
  const { stamps, facts } = sessionOf(ports);
  try {
    return await occupied(ports, name, () => remove(traces));
  } finally {
    stamps.delete(name);
    facts.delete(name);
  }
}

/** From then on nobody asks it any more. What was approved of it is approved no longer. */
export async function dropMachine(ports: Ports, name: string): Promise<void> {
  const { state } = ports;
  const write = (where: string, job: () => Promise<void>) =>
    journal(ports, { id: ports.newId(), to: 'state', where, what: 'forget', keys: [name] }, job);
  await write('fleet', () => changeFleet(state, before => forgetIn(before, name)));
  const approvals = Object.keys(await readApprovals(state)).filter(id => id.startsWith(removalOf('')));
  const stale = new Set(approvals.filter(id => id.endsWith(`@${name}`)));
  if (stale.size > 0) await write('approvals', () => forgetApprovals(state, stale));
}
