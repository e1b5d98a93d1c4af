// Runs a program where a service lives, or on a machine; its output is told as it comes.
import { AppError } from '../../schema/errors.js';
import type { Registry } from '../../schema/registry-types.js';
import { desire } from '../loop/desired.js';
import { exec as runExec } from '../loop/exec.js';
import { look } from '../loop/look.js';
import type { Synced } from '../loop/sync.js';
import { type Seen, seenPlacement } from '../loop/tail.js';
import { needMachine, needPlacements, needRegistry } from './parts/names.js';
import type { Context, Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { object, text, texts } from './parts/shape.js';

const input = object(
  {
    target: text('Name of a service, service@machine, or a machine'),
    machine: text('The machine, where the service runs on several'),
    command: texts('The program and its words; no shell reads them'),
  },
  ['target', 'command'],
);

export interface Executed {
  readonly machine: string;
  readonly key?: string;
  /** null: it was ended, or the connection was lost. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly lost: boolean;
}

async function seenOf(
  { ports, lists }: Context,
  synced: Synced,
  registry: Registry,
  target: string,
  machine?: string,
): Promise<Seen> {
  const specs = needPlacements(registry, target, machine);
  const [spec] = specs;
  if (spec === undefined || specs.length > 1) {
    const places = specs.map(one => one.machine).join(', ');
    throw new AppError('usage', `${target} runs on several machines: ${places}`, {
      hint: 'Name one with --machine, or as service@machine.',
    });
  }
  const desired = await desire(ports, lists, synced);
  return seenPlacement(spec, desired, await look(ports, lists, desired, { only: new Set([spec.machine]) }));
}

export const exec: Operation<typeof input, Executed> = {
  name: 'exec',
  summary: 'Run a program where a service lives',
  effect: 'changes',
  role: 'operator',
  input,
  run: async (context, { target, machine, command }) => {
    const { ports, emit, signal } = context;
    const synced = await lying(context);
    const registry = needRegistry(synced);
    const isMachine =
      registry.machines.some(one => one.name === target) && !registry.placements.some(one => one.service === target);
    const seen = isMachine ? undefined : await seenOf(context, synced, registry, target, machine);
    const where = seen?.machine ?? needMachine(registry, target);
    ports.shell.setMachines(registry.machines);
    const decoder = new TextDecoder();
    const onOutput = (chunk: Uint8Array): void =>
      emit({ kind: 'output', machine: where.name, text: decoder.decode(chunk, { stream: true }) });
    const result = await runExec({
      ports,
      machine: where,
      words: command,
      signal,
      onOutput,
      ...(seen === undefined ? {} : { seen }),
    });
    const { code, stdout, stderr, timedOut, lost } = result;
    return {
      machine: where.name,
      ...(seen === undefined ? {} : { key: seen.spec.key }),
      code,
      stdout,
      stderr,
      timedOut,
      lost,
    };
  },
};
