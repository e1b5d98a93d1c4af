// Runs a person's own program on a machine, in a placement's folder or container. It is journaled like every write.
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { Command } from '../commands/command.js';
import { execInContainer, execInFolder } from '../commands/exec.js';
import type { CommandResult, Ports } from '../ports.js';
import { journal } from './journal.js';
import type { Seen } from './tail.js';

export interface ExecRun {
  readonly ports: Ports;
  readonly machine: Machine;
  /** Absent: on the machine itself. */
  readonly seen?: Seen;
  readonly words: readonly string[];
  readonly signal: AbortSignal;
  readonly onOutput: (chunk: Uint8Array) => void;
}

/** A person's program may take its time; Ctrl-C ends it. */
const longestMs = 24 * 3_600_000;

function commandOf({ ports, machine, seen, words }: ExecRun): Command {
  const settings = { nonce: ports.newId(), sudo: machine.sudo };
  if (seen === undefined) return execInFolder({ settings, words });
  const { spec, stamp } = seen;
  if (stamp.driver === 'docker') {
    const inner = spec.docker?.composeService ?? spec.service;
    return execInContainer({ settings, project: stamp.project ?? spec.service, inner, words });
  }
  return execInFolder({ settings, path: stamp.path, words, ...(spec.user === undefined ? {} : { user: spec.user }) });
}

/** Throws `usage` without words. */
export async function exec(run: ExecRun): Promise<CommandResult> {
  if (run.words.length === 0) throw new AppError('usage', 'there is no program to run');
  const { ports, machine, signal, onOutput } = run;
  const keys = run.seen === undefined ? [] : [run.seen.spec.key];
  const intent = { id: ports.newId(), to: 'machine', where: machine.name, what: 'exec', keys } as const;
  const limits = { timeLimitMs: longestMs, signal, onOutput };
  return await journal(ports, intent, () => ports.shell.run(machine, commandOf(run), limits));
}
