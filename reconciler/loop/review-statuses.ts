// Tells the forge how the commit in force fares. What could not be told waits, and what is told already is not told again.
import { asAppError } from '../../schema/errors.js';
import type { CommitStatus, Forge } from '../../schema/forge.js';
import type { Ports } from '../ports.js';
import { type Bell, hangBell } from './bell.js';
import { pause } from './pause.js';

/** Kept in the state folder; lost, the same is told once more. */
interface ToldNote {
  readonly commit: string;
  readonly told: Readonly<Record<string, string>>;
}

export interface Statuses {
  /** The newest word on a commit and context counts. */
  say(commit: string, status: CommitStatus): void;
  stop(): Promise<void>;
}

const firstMs = 5_000;
const mostMs = 60_000;
/** Every pass, or look, says how things stand: what the forge refused is not asked of it again with each of them. */
export const refusedForMs = 600_000;

interface Wish {
  readonly commit: string;
  readonly status: CommitStatus;
}

const textOf = ({ state, description }: CommitStatus): string => `${state} ${description}`;

const whatOf = ({ commit, status }: Wish): string => `${commit} ${status.context} ${textOf(status)}`;

/** What holds is not told anew because it was found by another pass: the first word of a success stays. */
const isSame = (status: CommitStatus, told: string | undefined): boolean =>
  told === textOf(status) || (status.state === 'success' && told?.startsWith('success ') === true);

/** `document`: where what was told is noted. One commit at a time is told of. */
export function startStatuses(ports: Ports, forge: Forge, document: string): Statuses {
  const wished = new Map<string, Wish>();
  const bell: Bell = hangBell();
  const over = new AbortController();
  let note: ToldNote | undefined;
  /** How long the forge wants to be left alone. */
  let quietMs = 0;
  /** Until when each is not asked again. Each by itself: a pass may say one thing at its beginning and another at its end. */
  const refused = new Map<string, number>();

  async function tellOne(wish: Wish): Promise<void> {
    const { commit, status } = wish;
    note ??= (await ports.state.read<ToldNote>(document)) ?? { commit, told: {} };
    const told = note.commit === commit ? note.told : {};
    if (!isSame(status, told[status.context])) {
      await forge.setStatus(commit, status);
      note = { commit, told: { ...told, [status.context]: textOf(status) } };
      await ports.state.write(document, note);
    }
    done(wish);
  }

  /** Something newer may have been said meanwhile. */
  function done(wish: Wish): void {
    if (wished.get(wish.status.context) === wish) wished.delete(wish.status.context);
  }

  /** False: something is left to be told. */
  async function tellAll(): Promise<boolean> {
    for (const wish of wished.values()) {
      try {
        await tellOne(wish);
      } catch (thrown) {
        const error = asAppError(thrown);
        const { waitMs } = error.details;
        quietMs = typeof waitMs === 'number' ? waitMs : 0;
        ports.log.warn({ code: error.code, forge: forge.repository }, 'statuses not told');
        if (error.retry === 'backoff') return false;
        // A person has to put it right. The forge may take others: a right can be missing for one commit alone.
        refuse(wish);
        done(wish);
      }
    }
    return true;
  }

  function refuse(wish: Wish): void {
    const now = ports.clock.monotonic();
    for (const [what, until] of refused) if (until <= now) refused.delete(what);
    refused.set(whatOf(wish), now + refusedForMs);
  }

  const isRefused = (wish: Wish): boolean => (refused.get(whatOf(wish)) ?? 0) > ports.clock.monotonic();

  const telling = (async () => {
    for (let failures = 0; (await bell.wait(over.signal)) !== undefined;) {
      if (await tellAll()) {
        failures = 0;
        continue;
      }
      failures += 1;
      const delayMs = Math.max(quietMs, Math.min(mostMs, firstMs * 2 ** (failures - 1)));
      if (!(await pause(ports.clock, delayMs, over.signal))) return;
      bell.ring('again');
    }
  })();

  return {
    say: (commit, status) => {
      // Of a commit that is not in force any more nothing is told.
      for (const [key, wish] of wished) if (wish.commit !== commit) wished.delete(key);
      const wish = { commit, status };
      if (isRefused(wish)) {
        // What was said between is true no more.
        wished.delete(status.context);
        return;
      }
      wished.set(status.context, wish);
      bell.ring('status');
    },
    stop: async () => {
      over.abort();
      await telling;
    },
  };
}
