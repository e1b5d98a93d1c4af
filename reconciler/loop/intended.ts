// The intent of a run: on the disk before anything is changed, and open until all that came of it is kept in history.
import { asAppError } from '../../schema/errors.js';
import type { HistoryActor } from '../../schema/history.js';
import type { IntendedChange } from '../../schema/intended.js';
import type { Change, Plan } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { Placement } from '../../schema/state.js';
import { optional } from '../core/optional.js';
import { isStop } from '../core/plan.js';
import type { Ports } from '../ports.js';

/** What is known of a run before it begins. */
export interface RunBase {
  readonly id: string;
  readonly trigger: string;
  readonly actor: HistoryActor;
  readonly startedAt: number;
}

/** Of which revision a change is: an older one than the head's where the last healthy one is brought back. */
export function intendedOf(change: Change, placement: Placement | undefined, head: string | undefined): IntendedChange {
  const { stamp, after: _, ...rest } = change;
  const wanted = isStop(change) ? undefined : placement;
  return {
    ...rest,
    ...optional('commit', wanted?.instead?.commit ?? head),
    ...optional('fingerprint', wanted?.fingerprint),
    ...optional('previousCommit', stamp?.commit),
    ...(wanted?.spec.policy.onFailure === 'leave' ? { stays: true } : {}),
  };
}

/** What became ill is what its stamp says, and not what is wanted since. */
export function intendedIll({ change, error }: Ill, head: string | undefined): IntendedChange {
  const { stamp } = change;
  return {
    ...intendedOf(change, undefined, stamp?.commit ?? head),
    ...optional('fingerprint', stamp?.fingerprint),
    ill: error,
  };
}

/** A revision that became ill after the pass that it was deployed in. */
export interface Ill {
  readonly change: Change;
  readonly error: NonNullable<IntendedChange['ill']>;
}

export interface RunIntent {
  /** All that was begun, in that order. */
  changes(): readonly IntendedChange[];
  commit(): string | undefined;
  /** Of what was begun first. */
  plan(): Plan | undefined;
  /**
   * Notes those that were not noted before; a plan made again within the run is of the same changes. Where the disk has no
   * room, each write says so by its own intent, and what comes of it is noted as ever.
   */
  begin(changes: readonly IntendedChange[], plan: Plan, commit: string | undefined): Promise<void>;
  /** Will not be done: what is begun at them later is another change. */
  forget(keys: ReadonlySet<PlacementKey>): void;
  /** One more thing that has to be kept; call what it answers when it is. When all are, the intent ends. */
  hold(): () => void;
}

export function openIntent(
  { journal, clock, log, crashPoint }: Pick<Ports, 'journal' | 'clock' | 'log' | 'crashPoint'>,
  { id, ...base }: RunBase,
): RunIntent {
  const begun = new Map<PlacementKey, IntendedChange>();
  let first: { readonly plan: Plan; readonly commit: string | undefined } | undefined;
  let held = 0;

  async function end(): Promise<void> {
    crashPoint?.('after the run is kept');
    try {
      await journal.end(id, clock.now());
    } catch (thrown) {
      log.warn({ id, code: asAppError(thrown).code }, 'result not written down');
    }
    crashPoint?.('after the run is closed');
  }

  async function note(plan: Plan, commit: string | undefined): Promise<void> {
    const changes = [...begun.values()];
    const intends = { ...base, ...optional('commit', commit), plan: { id: plan.id, commit: plan.commit }, changes };
    crashPoint?.('before the run is intended');
    try {
      const intent = { id, to: 'history', where: 'history', what: 'run', keys: [], run: id, intends } as const;
      await journal.begin(intent, clock.now());
    } catch (thrown) {
      log.warn({ id, code: asAppError(thrown).code }, 'intent of a run not written down');
    }
    crashPoint?.('after the run is intended');
  }

  return {
    changes: () => [...begun.values()],
    commit: () => first?.commit,
    plan: () => first?.plan,
    begin: async (changes, plan, commit) => {
      const fresh = changes.filter(one => !begun.has(one.key));
      if (fresh.length === 0) return;
      first ??= { plan, commit };
      for (const one of fresh) begun.set(one.key, one);
      await note(plan, commit);
    },
    forget: keys => {
      for (const key of keys) begun.delete(key);
    },
    hold: () => {
      held += 1;
      return () => {
        held -= 1;
        if (held === 0 && first !== undefined) void end();
      };
    },
  };
}
