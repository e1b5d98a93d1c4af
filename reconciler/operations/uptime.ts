// How much of a time services were up, and how often and how long they were not: from the transitions of health in the store.
import type { HistoryEvent, Transition } from '../../schema/history.js';
import type { ControllerStatus } from '../../schema/status.js';
import type { PlacementUptime, UptimeReport } from '../../schema/uptime.js';
import { type Unwatched, unwatchedOf, uptimeOf } from '../core/uptime.js';
import type { Ports } from '../ports.js';
import type { Operation } from './operation.js';
import { runningController } from './parts/controller.js';
import { integer, object, text } from './parts/shape.js';

const defaultMs = 30 * 86_400_000;
/** Starts and stops of controllers within a year. */
const mostLives = 10_000;

const input = object({
  service: text('Only of this service, on all its machines, or of service@machine'),
  since: integer('Milliseconds since 1970; from then on (default: 30 days ago)', 0, Number.MAX_SAFE_INTEGER),
});

function livesOf(events: readonly HistoryEvent[]) {
  return events.map(({ at, kind, data }) => {
    const until = data?.['seenUntil'];
    return { at, started: kind === 'controller.started', ...(typeof until === 'number' ? { seenUntil: until } : {}) };
  });
}

/** When no controller watched, from the first of these transitions on. */
async function findUnwatched(ports: Ports, moves: readonly Transition[]): Promise<readonly Unwatched[]> {
  const kinds = ['controller.started', 'controller.stopped'] as const;
  const since = Math.min(...moves.map(one => one.at));
  const events = await ports.store.events({ kinds, since, limit: mostLives });
  const watches = (await runningController(ports)) !== undefined;
  if (watches) return unwatchedOf(livesOf(events), 'watches');
  const left = await ports.state.read<ControllerStatus | null>('controller');
  return unwatchedOf(livesOf(events), left?.lastPass?.endedAt);
}

type Some = readonly [Transition, ...Transition[]];

function byKey(moves: readonly Transition[]): ReadonlyMap<string, Some> {
  const all = new Map<string, Some>();
  for (const move of moves) all.set(move.key, [...(all.get(move.key) ?? []), move] as unknown as Some);
  return all;
}

export const uptime: Operation<typeof input, UptimeReport> = {
  name: 'uptime',
  summary: 'Availability of services, and time between and until the repair of failures',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }, { service, since }) => {
    const to = ports.clock.now();
    const from = Math.min(since ?? to - defaultMs, to);
    const moves = await ports.store.transitionsSince({ ...(service === undefined ? {} : { service }), since: from });
    if (moves.length === 0) return { from, to, placements: [] };
    const unwatched = await findUnwatched(ports, moves);
    const placements = [...byKey(moves).values()].flatMap((own): readonly PlacementUptime[] => {
      const [{ key, machine }] = own;
      const one = { key, machine, ...uptimeOf(own, { from, to }, unwatched) };
      return one.upMs + one.downMs + one.plannedMs > 0 ? [one] : [];
    });
    return { from, to, placements: placements.toSorted((one, other) => (one.key < other.key ? -1 : 1)) };
  },
};
