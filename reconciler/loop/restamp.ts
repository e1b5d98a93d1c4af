// Writes other stamps on a machine, under its lock and its fence, where nothing else there changes.
import type { Change } from '../../schema/plan.js';
import type { MachineSeen, Stamp } from '../../schema/state.js';
import { report } from '../core/machines.js';
import { basisOf, stampText } from '../core/ownership.js';
import type { Ground } from '../drivers/driver.js';
import type { Lists } from '../operations/operation.js';
import type { ErrorReport } from '../../schema/errors.js';
import type { Prepared } from './batch-run.js';
import { isBusy, occupied } from './machine-turn.js';
import { finish, sendLocked, type Sending } from './send.js';

export interface Restamp {
  /** As it was looked at, absent where none was; when another one stands there by now, it is left as it is. */
  readonly from?: Stamp;
  readonly to: Stamp;
  /** For people and the journal: `it became unhealthy soon after its deploy`. */
  readonly because: string;
}

export function restampChange(machine: string, { from, to, because }: Restamp): Change {
  return {
    key: `${to.service}@${machine}`,
    machine,
    service: to.service,
    kind: 'restart',
    reason: 'unhealthy',
    because,
    fields: [],
    basis: basisOf(from),
    after: [],
    ...(from === undefined ? {} : { stamp: from }),
  };
}

function prepare(run: Run, one: Restamp, seen: MachineSeen): readonly Prepared[] {
  const driver = run.lists.drivers[one.to.driver];
  if (driver === undefined) return [];
  const change = restampChange(run.machine.name, one);
  const ground: Ground = { facts: seen.facts, sudo: run.machine.sudo, own: {}, files: {} };
  const { service, basis } = change;
  const batch = { service, basis, claim: stampText(one.to), folders: [], files: [], unlink: [], steps: [] };
  return [{ change, driver, ground, steps: [], batch, generated: [] }];
}

interface Restamped {
  readonly refused?: ErrorReport;
  readonly failures: ReadonlyMap<number, ErrorReport>;
}

type Run = Sending & { readonly lists: Lists };

async function write(run: Run, all: readonly Restamp[], seen: MachineSeen): Promise<Restamped> {
  const prepared = all.flatMap(one => prepare(run, one, seen));
  const reading = await sendLocked(run, prepared, seen);
  if (reading.refused !== undefined) return { refused: reading.refused, failures: new Map() };
  const failures = new Map([...reading.failures].map(([index, { error }]) => [index, error] as const));
  const stamps = all
    .filter((_, index) => !failures.has(index))
    .map(({ to }) => ({ service: to.service, text: stampText(to) }));
  await finish(run, { stamps, forget: [] }, reading, seen);
  return { failures };
}

/**
 * Why none, or each by its index, was not written; throws for a machine that is lost meanwhile. Refused while this very
 * process changes something there: its lock would be given to us, and what it is in the middle of would be fenced off. So
 * while steps run there, which may be ours by a connection that was lost.
 */
export async function restamp(run: Run, all: readonly Restamp[], seen: MachineSeen): Promise<Restamped> {
  const { name } = run.machine;
  if (isBusy(run.ports, name))
    return { refused: report('machine-lock', `this controller is changing ${name}`), failures: new Map() };
  if (seen.openSteps.length > 0)
    return { refused: report('machine-lock', `a change is running on ${name}`), failures: new Map() };
  return await occupied(run.ports, name, () => write(run, all, seen));
}
