// Sends a batch to its machine and writes its stamps: every word that changes a machine leaves from here, through the journal.
import { AppError } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { MachineSeen } from '../../schema/state.js';
import { type Batch, batchCommand, finishCommand } from '../commands/batch.js';
import type { KeptImages } from '../commands/docker-images.js';
import type { LockHolder } from '../commands/lock.js';
import { readProbe } from '../commands/probe.js';
import { imagesToKeep } from '../core/images.js';
import { identityOf } from '../core/machines.js';
import { parseStamp } from '../core/ownership.js';
import type { Step } from '../drivers/driver.js';
import { type Batched, type BatchReading, readBatch } from './batch-result.js';
import type { BatchRun, Prepared } from './batch-run.js';
import type { RunLimits } from '../ports.js';
import { followSteps } from './follow-steps.js';
import { journal } from './journal.js';

/** What sending needs of a batch's run. */
export type Sending = Pick<BatchRun, 'ports' | 'machine' | 'desired' | 'holder' | 'runId'>;

const ofRun = ({ runId }: Sending): { readonly run?: string } => (runId === undefined ? {} : { run: runId });

type OnOutput = NonNullable<RunLimits['onOutput']>;

/** Tests end this process as soon as the machine works on its own: after the upload, with the lock taken. */
function begun({ ports: { crashPoint } }: Sending, nonce: string): OnOutput | undefined {
  if (crashPoint === undefined) return undefined;
  let said = '';
  return chunk => {
    const before = said.includes(`@${nonce} fence `);
    said += Buffer.from(chunk).toString();
    if (!before && said.includes(`@${nonce} fence `)) crashPoint('while the batch works');
  };
}

function heard(all: readonly (OnOutput | undefined)[]): Pick<RunLimits, 'onOutput'> {
  const listeners = all.filter(one => one !== undefined);
  return listeners.length === 0 ? {} : { onOutput: chunk => listeners.forEach(one => one(chunk)) };
}

/** What is joined with others is tried alone once more when that fails. */
const longestOf = ({ merge, timeLimitMs }: Step): number => (merge?.word === undefined ? 1 : 2) * timeLimitMs;

async function send(
  run: Sending,
  prepared: readonly Prepared[],
  seen: MachineSeen,
  gone: string,
): Promise<BatchReading> {
  const { ports, machine, desired } = run;
  const id = ports.newId();
  const nonce = ports.newId();
  const follow = followSteps(run, { machine: machine.name, nonce, changes: prepared });
  const batch: Batch = {
    id,
    nonce,
    sudo: machine.sudo,
    cluster: desired.cluster,
    identity: identityOf(desired),
    newMachineId: ports.newId(),
    holder: run.holder,
    gone,
    sshUser: seen.facts.user,
    changes: prepared.map(one => one.batch),
    timeLimitMs: 60_000 + prepared.flatMap(one => one.steps).reduce((sum, step) => sum + longestOf(step), 0),
    ...(follow === undefined ? {} : { live: true }),
  };
  const intent = {
    id,
    to: 'machine',
    where: machine.name,
    what: 'batch',
    keys: prepared.map(one => one.change.key),
    ...ofRun(run),
  } as const;
  const result = await journal(ports, intent, () =>
    ports.shell.run(machine, batchCommand(batch), {
      timeLimitMs: batch.timeLimitMs + 30_000,
      ...heard([begun(run, nonce), follow]),
    }),
  );
  if (result.lost) throw new AppError('ssh-lost', `the connection to ${machine.name} was lost while it was changed`);
  const batched: Batched = { batch, machine: machine.name, steps: prepared };
  const sections = readProbe(result.stdout, nonce) ?? readProbe(`${result.stdout}\n@${nonce} end`, nonce);
  const reading = readBatch(sections, batched);
  if (reading !== undefined) return reading;
  if (result.timedOut)
    throw new AppError(
      'command-timeout',
      `the changes on ${machine.name} took longer than ${Math.round(batch.timeLimitMs / 1000)} s`,
    );
  throw new AppError(
    'machine-shell',
    `${machine.name} answered a change with something else: ${lastOf((result.stderr || result.stdout).trim(), 400)}`,
  );
}

/** Sends it; a lock held by a process of this same controller that is gone is taken over at once. */
export async function sendLocked(
  run: Sending,
  prepared: readonly Prepared[],
  seen: MachineSeen,
): Promise<BatchReading> {
  const first = await send(run, prepared, seen, goneHolder(run, seen.lock));
  const gone = goneHolder(run, first.lockedBy);
  return gone === '-' ? first : await send(run, prepared, seen, gone);
}

/** The process that holds the lock, when it is one of this same controller that is gone; else `-`. */
function goneHolder(run: Sending, by: Pick<LockHolder, 'controller' | 'process'> | undefined): string {
  const mayBe = by !== undefined && by.controller === run.holder.controller;
  return mayBe && !run.ports.state.runs(by.process) ? by.process : '-';
}

/** What the end of a batch writes: final stamps, and which go away. */
export interface Ended {
  readonly stamps: { readonly service: string; readonly text: string }[];
  readonly forget: string[];
}

/** Of what runs, and of what is no longer ours: nothing of it then. */
function keptImages({ stamps, forget }: Ended, seen: MachineSeen): readonly KeptImages[] {
  const gone = seen.stamps.filter(one => one.driver === 'docker' && forget.includes(one.service));
  const kept = stamps.flatMap(({ text }) => {
    const stamp = parseStamp(text);
    return (stamp === undefined ? undefined : imagesToKeep(stamp)) ?? [];
  });
  return [...kept, ...gone.map(({ service }) => ({ service, tags: [] }))];
}

export async function finish(
  run: Sending,
  ended: Ended,
  { batch, fence }: Pick<BatchReading, 'batch' | 'fence'>,
  seen: MachineSeen,
  release = true,
): Promise<void> {
  const { ports, machine } = run;
  const id = ports.newId();
  const nonce = ports.newId();
  const command = finishCommand({
    id,
    batch,
    nonce,
    sudo: machine.sudo,
    cluster: run.desired.cluster,
    fence,
    sshUser: seen.facts.user,
    stamps: ended.stamps,
    forget: ended.forget,
    images: keptImages(ended, seen),
    release,
  });
  const services = [...ended.stamps.map(one => one.service), ...ended.forget];
  const keys = services.map(service => `${service}@${machine.name}`);
  const intent = { id, to: 'machine', where: machine.name, what: 'stamps', keys, ...ofRun(run) } as const;
  const result = await journal(ports, intent, () => ports.shell.run(machine, command, { timeLimitMs: 60_000 }));
  if (result.lost)
    throw new AppError('ssh-lost', `the connection to ${machine.name} was lost before its stamps were written`);
  const sections = readProbe(result.stdout, nonce);
  if (sections !== undefined) return;
  const fenced = result.stdout.includes(`@${nonce} fenced`);
  if (fenced) throw new AppError('machine-fenced', `another controller took ${machine.name} over while it was changed`);
  throw new AppError(
    'machine-state',
    `the stamps on ${machine.name} could not be written: ${lastOf(result.stderr.trim(), 400)}`,
  );
}
