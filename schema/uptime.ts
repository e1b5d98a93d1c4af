// How much of a time a placement was up, from its transitions of health: as data.
import type { PlacementKey } from './registry-types.js';

/**
 * All of a time is one of four: up (healthy), down (unhealthy), planned (starting by a change of ours, or suspended), and
 * unknown (nobody looked, or could). Rates leave out what is planned or unknown; they are absent where there is nothing
 * to tell them from.
 */
export interface Uptime {
  readonly upMs: number;
  readonly downMs: number;
  readonly plannedMs: number;
  readonly unknownMs: number;
  /** Outages with down time in it. One lasts until it is healthy again, whatever is planned or unknown in between. */
  readonly failures: number;
  /** Up ÷ (up + down). */
  readonly availability?: number;
  /** Mean time between failures: up ÷ failures. */
  readonly mtbfMs?: number;
  /** Mean time to repair: down ÷ failures. */
  readonly mttrMs?: number;
  /** It is down at the end of the time: since when, in milliseconds since 1970. */
  readonly downSince?: number;
}

export interface PlacementUptime extends Uptime {
  readonly key: PlacementKey;
  readonly machine: string;
}

export interface UptimeReport {
  /** Milliseconds since 1970, as is `to`. */
  readonly from: number;
  readonly to: number;
  /** By key: those that were watched within that time. */
  readonly placements: readonly PlacementUptime[];
}
