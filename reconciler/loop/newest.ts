// What was measured last of each machine: remembered for all controllers of the fleet, and asked of the database now and then.
import { AppError, asAppError, type ErrorReport } from '../../schema/errors.js';
import type { Measurement } from '../../schema/samples.js';
import type { Ports, Replicas } from '../ports.js';

const shelf = 'newest';
/** When the database was asked last, by machine or of all. */
const askedShelf = 'newest-asked';
const keptMs = 24 * 3_600_000;
/** What others kept there, and did not tell, is seen so much later. */
const askAgainMs = 10_000;

export function noteNewest(replicas: Replicas, measurement: Measurement, now: number): void {
  const leftMs = measurement.at + keptMs - now;
  if (leftMs > 0) replicas.put(shelf, measurement.machine, measurement, leftMs);
}

/** Others may have written it. */
const isMeasurement = (value: unknown): value is Measurement => {
  const { machine, at, values } = (value ?? {}) as Partial<Measurement>;
  return typeof machine === 'string' && typeof at === 'number' && typeof values === 'object' && values !== null;
};

async function remembered(replicas: Replicas, machine: string | undefined): Promise<ReadonlyMap<string, Measurement>> {
  const all = [...(await replicas.all(shelf)).values()].filter(isMeasurement);
  return new Map(all.flatMap(one => (machine === undefined || one.machine === machine ? [[one.machine, one]] : [])));
}

const sorted = (all: Iterable<Measurement>): readonly Measurement[] =>
  [...all].toSorted((one, other) => (one.machine < other.machine ? -1 : 1));

export interface Newest {
  readonly newest: readonly Measurement[];
  /** The database cannot be asked: these are what controllers remember. */
  readonly away?: ErrorReport;
}

/** Throws as the store does where there is nothing to remember either. */
export async function newestOf(
  { store, replicas, clock }: Pick<Ports, 'store' | 'replicas' | 'clock'>,
  machine?: string,
): Promise<Newest> {
  if (replicas === undefined) return { newest: await store.newest(machine) };
  const asked = machine ?? '*';
  const known = await remembered(replicas, machine);
  const askedNow = await replicas.all(askedShelf);
  if (known.size > 0 && (askedNow.has(asked) || askedNow.has('*'))) return { newest: sorted(known.values()) };
  try {
    const kept = new Map((await store.newest(machine)).map(one => [one.machine, one]));
    replicas.put(askedShelf, asked, true, askAgainMs);
    for (const one of kept.values())
      if ((known.get(one.machine)?.at ?? -1) < one.at) noteNewest(replicas, one, clock.now());
    for (const one of known.values()) if ((kept.get(one.machine)?.at ?? -1) < one.at) kept.set(one.machine, one);
    return { newest: sorted(kept.values()) };
  } catch (thrown) {
    const isAway = thrown instanceof AppError && (thrown.code === 'store-away' || thrown.code === 'store-none');
    if (!isAway || known.size === 0) throw thrown;
    return { newest: sorted(known.values()), away: asAppError(thrown).report() };
  }
}
