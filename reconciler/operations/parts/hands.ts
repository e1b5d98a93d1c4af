// Where hands are taken off or put on: services on their machines, whole machines, or all of them; each machine by itself.
import { AppError, asAppError, type ErrorReport } from '../../../schema/errors.js';
import type { Machine, Registry } from '../../../schema/registry-types.js';
import { wholeMachine } from '../../core/suspends.js';
import { desire } from '../../loop/desired.js';
import type { HandsRun } from '../../loop/suspend.js';
import { sync } from '../../loop/sync.js';
import type { Context } from '../operation.js';
import { needMachine, needPlacements, needRegistry } from './names.js';
import { flag, text, texts } from './shape.js';

export const place = {
  services: texts('Names of services, or service@machine'),
  machine: text('Name of a whole machine'),
  all: flag('All machines of the registry'),
} as const;

export interface Place {
  readonly services?: readonly string[];
  readonly machine?: string;
  readonly all?: boolean;
}

export interface OnMachine {
  readonly machine: Machine;
  /** Services, or `wholeMachine` alone. */
  readonly names: readonly string[];
}

/** Throws `usage` when not just one kind of place is named, `unknown-name` for one that is not there. */
function placesOf(registry: Registry, { services = [], machine, all = false }: Place): readonly OnMachine[] {
  const kinds = [services.length > 0, machine !== undefined, all].filter(Boolean).length;
  if (kinds !== 1)
    throw new AppError(
      'usage',
      kinds === 0 ? 'nothing was named' : 'services, --machine and --all exclude each other',
      {
        hint: 'Name services, or service@machine, or say --machine <name>, or --all.',
      },
    );
  if (all) return registry.machines.map(one => ({ machine: one, names: [wholeMachine] }));
  if (machine !== undefined) return [{ machine: needMachine(registry, machine), names: [wholeMachine] }];
  const byMachine = new Map<string, Set<string>>();
  for (const spec of services.flatMap(name => needPlacements(registry, name)))
    byMachine.set(spec.machine, (byMachine.get(spec.machine) ?? new Set()).add(spec.service));
  return [...byMachine].map(([name, names]) => ({ machine: needMachine(registry, name), names: [...names] }));
}

export interface Handled<T> {
  readonly machine: string;
  /** Names of services; empty: the whole machine. */
  readonly services: readonly string[];
  /** Absent where it could not be done: `error` says why. */
  readonly done?: T;
  readonly error?: ErrorReport;
}

/** On all machines at once; what fails on one fails there alone. */
export async function onEach<T>(
  context: Context,
  asked: Place,
  work: (run: HandsRun, on: OnMachine, registry: Registry) => Promise<T>,
): Promise<readonly Handled<T>[]> {
  const { ports, lists, emit, signal } = context;
  const synced = await sync(ports, { from: ports.source.git === undefined ? 'files' : 'commit' });
  const registry = needRegistry(synced);
  const places = placesOf(registry, asked);
  const desired = await desire(ports, lists, synced);
  ports.shell.setMachines(desired.machines);
  return await Promise.all(
    places.map(async (on): Promise<Handled<T>> => {
      const { machine } = on;
      const services = on.names.filter(name => name !== wholeMachine);
      try {
        return {
          machine: machine.name,
          services,
          done: await work({ ports, desired, machine, emit, signal }, on, registry),
        };
      } catch (thrown) {
        const error = asAppError(thrown);
        if (error.code === 'internal') throw thrown;
        return { machine: machine.name, services, error: error.report() };
      }
    }),
  );
}
