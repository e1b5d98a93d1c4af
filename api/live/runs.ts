// How runs go: handed on as it is told, and of a run that is under way first what was told before.
import { AppError } from '../../schema/errors.js';
import type { RunTold } from '../../schema/live.js';
import type { Subscriber } from './connection.js';
import type { Shared, Write } from './shared.js';

/** What a client asked for; neither: all runs. */
export interface RunsAsk {
  readonly run?: string;
  readonly deployment?: string;
}

interface Remembered {
  readonly told: RunTold;
  /** Characters of its message, which is not kept: it is written anew for who comes later. */
  readonly length: number;
}

/** A run that is under way, or was a moment ago. */
interface Trail {
  told: Remembered[];
  length: number;
  /** Changes that were planned and have not come to an end. */
  readonly open: Set<string>;
  ended: boolean;
}

export interface Runs {
  hear(told: RunTold): void;
  /** Throws `unknown-name` for a run or change that is not under way. */
  follow(ask: RunsAsk, to: Subscriber): void;
}

/** Characters remembered of one run; the oldest lines go first. */
const trailLength = 256 * 1024;
const trails = 8;

function isOf(ask: RunsAsk, told: RunTold): boolean {
  if (ask.run !== undefined && told.run !== ask.run) return false;
  const { deployment } = ask;
  if (deployment === undefined) return true;
  switch (told.kind) {
    case 'run.planned':
      return told.changes.some(one => one.deployment === deployment);
    case 'run.ended':
      return false;
    case 'deployment.told':
    case 'deployment.ended':
      return told.deployment === deployment;
    case 'step.begun':
    case 'step.line':
    case 'step.ended':
      return told.of.some(one => one.deployment === deployment);
    default:
      return told satisfies never;
  }
}

function remember(trail: Trail, one: Remembered): void {
  trail.told.push(one);
  trail.length += one.length;
  while (trail.length > trailLength) {
    const oldest = Math.max(
      0,
      trail.told.findIndex(({ told }) => told.kind === 'step.line'),
    );
    const [gone] = trail.told.splice(oldest, 1);
    if (gone === undefined) return;
    trail.length -= gone.length;
  }
}

function advance(trail: Trail, told: RunTold): void {
  if (told.kind === 'run.planned') told.changes.forEach(one => trail.open.add(one.deployment));
  else if (told.kind === 'deployment.ended') trail.open.delete(told.deployment);
  else if (told.kind === 'run.ended') trail.ended = true;
}

const isOver = ({ ended, open }: Trail): boolean => ended && open.size === 0;

export function openRuns(write: Write): Runs {
  const known = new Map<string, Trail>();
  const followers = new Map<Subscriber, RunsAsk>();

  /** A plan names only the change that was asked for. */
  function messageFor({ deployment }: RunsAsk, told: RunTold, message: Shared): Shared {
    if (deployment === undefined || told.kind !== 'run.planned') return message;
    const changes = told.changes.filter(one => one.deployment === deployment);
    return write({ type: 'run', told: { ...told, changes } });
  }

  function trailOf(run: string): Trail {
    const trail = known.get(run) ?? { told: [], length: 0, open: new Set<string>(), ended: false };
    known.set(run, trail);
    if (known.size <= trails) return trail;
    const [oldest] = [...known].find(([id, one]) => id !== run && isOver(one)) ?? [...known][0] ?? [];
    if (oldest !== undefined) known.delete(oldest);
    return trail;
  }

  const isUnderWay = (ask: RunsAsk): boolean =>
    [...known.values()].some(trail => trail.told.some(({ told }) => isOf(ask, told)));

  return {
    hear: told => {
      const trail = trailOf(told.run);
      const message = write({ type: 'run', told });
      remember(trail, { told, length: message.length });
      advance(trail, told);
      for (const [to, ask] of followers) {
        if (isOf(ask, told)) to.send(messageFor(ask, told, message));
        if (isOver(trail) && ask.run === told.run) to.end();
        if (told.kind === 'run.ended' && ask.deployment !== undefined && followsIn(trail, ask)) to.end();
      }
    },
    follow: (ask, to) => {
      const named = ask.run ?? ask.deployment;
      if (named !== undefined && !isUnderWay(ask))
        throw new AppError('unknown-name', `nothing is known of ${named} here: it is not under way`, {
          hint: 'What has ended stands in history: GET /api/deployments/:id.',
        });
      followers.set(to, ask);
      to.signal.addEventListener('abort', () => followers.delete(to), { once: true });
      for (const trail of known.values()) {
        if (named === undefined && isOver(trail)) continue;
        // Written anew: more may be known to be secret than when it was told.
        for (const { told } of trail.told)
          if (isOf(ask, told)) to.send(messageFor(ask, told, write({ type: 'run', told })));
        if (named !== undefined && isOver(trail) && followsIn(trail, ask)) to.end();
      }
    },
  };
}

/** The run of this trail is that of what was asked for, and nothing more comes of it. */
const followsIn = ({ told, open }: Trail, ask: RunsAsk): boolean =>
  (ask.deployment === undefined || !open.has(ask.deployment)) && told.some(one => isOf(ask, one.told));
