// Prints the logs of placements, as their drivers know where these are.
import { AppError } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Machine, ServiceSpec } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineFacts, Stamp } from '../../schema/state.js';
import { lines } from '../commands/command.js';
import { prelude } from '../commands/prelude.js';
import type { Lists, Progress } from '../operations/operation.js';
import type { Ports } from '../ports.js';

/** A placement of ours on a machine that answers. */
export interface Seen {
  readonly spec: ServiceSpec;
  readonly machine: Machine;
  readonly stamp: Stamp;
  readonly facts: MachineFacts;
}

/** The stamp decides what is ours; without one there is nothing of ours to look into. Throws why not. */
export function seenPlacement(spec: ServiceSpec, desired: DesiredState, live: LiveState): Seen {
  const machine = desired.machines.find(one => one.name === spec.machine);
  const view = live.machines[spec.machine];
  if (machine === undefined || view === undefined)
    throw new AppError('unknown-name', `there is no machine ${spec.machine}`);
  if (view.state === 'unknown') throw new AppError(view.error.code, view.error.message, { hint: view.error.hint });
  const stamp = view.stamps.find(one => one.service === spec.service);
  if (stamp) return { spec, machine, stamp, facts: view.facts };
  throw new AppError('unknown-name', `nothing of ours runs as ${spec.service} on ${spec.machine}`, {
    hint: `Run \`portoser deploy ${spec.service}\` first.`,
  });
}

export interface TailAsk {
  readonly follow: boolean;
  readonly lines: number;
  readonly since?: string;
}

/** A follower is ended by its signal; this only bounds one that was forgotten. */
const longestFollowMs = 7 * 24 * 3_600_000;
const quickMs = 30_000;
const kept = 4 * 1024 * 1024;

export interface TailWorld {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly emit: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** The log's text; while following, it is told by `emit` as it comes. Throws `command-failed` with what the machine said. */
export async function tail({ ports, lists, emit, signal }: TailWorld, seen: Seen, ask: TailAsk): Promise<string> {
  const driver = lists.drivers[seen.stamp.driver];
  if (driver === undefined) throw new TypeError(`there is no driver ${seen.stamp.driver}`);
  const decoder = new TextDecoder();
  const tell = (chunk: Uint8Array): void =>
    emit({
      kind: 'output',
      key: seen.spec.key,
      machine: seen.machine.name,
      text: decoder.decode(chunk, { stream: true }),
    });
  const settings = { nonce: ports.newId(), sudo: seen.machine.sudo };
  const command = lines([prelude(settings), driver.logs(seen.stamp, ask, seen.facts)]);
  const result = await ports.shell.run(seen.machine, command, {
    timeLimitMs: ask.follow ? longestFollowMs : quickMs,
    outputLimit: ask.follow ? 65_536 : kept,
    signal,
    ...(ask.follow ? { onOutput: tell, yields: true } : {}),
  });
  if (result.code === 0 || signal.aborted || result.stdout !== '') return result.stdout;
  throw new AppError(
    'command-failed',
    `${seen.spec.key}: its log cannot be read: ${lastOf(result.stderr.trim(), 400) || `exit code ${result.code}`}`,
  );
}
