// The controller: reconciles until it is stopped. One at a time uses a state folder.
import { AppError, asAppError } from '../../schema/errors.js';
import { joinSignals } from '../../schema/joined-signal.js';
import type { ControllerStatus, PassReport } from '../../schema/status.js';
import { startAnnouncer } from '../loop/announce.js';
import { auditPass } from '../loop/audited.js';
import { keepCopying } from '../loop/copy-audit.js';
import { recorded } from '../loop/record.js';
import { startReview } from '../loop/review.js';
import { auditForge } from '../loop/tell-forge.js';
import { type ControllerOptions, runController } from '../loop/turn.js';
import type { Context, Operation } from './operation.js';
import { passWords, type Said } from './parts/pass-words.js';
import { object } from './parts/shape.js';

const input = object({});

/** When a controller that was killed here last had come to the end of a pass; uptime counts what it watched until then. */
async function lastLife({ state }: Context['ports']): Promise<number | undefined> {
  const left = await state.read<ControllerStatus | null>('controller');
  return left?.lastPass?.endedAt ?? left?.since;
}

/** Machines follow commits: what lies in a folder may be half written. */
async function greet({ ports, emit }: Context): Promise<void> {
  const { git, path } = ports.source;
  if (git === undefined) {
    throw new AppError('git-missing', `${path} lies outside any repository, and a controller follows commits`, {
      hint: 'Put it into a git repository, or use `portoser deploy --uncommitted`.',
    });
  }
  const text = `follows ${git.address} (${git.branch})`;
  const seenUntil = await lastLife(ports);
  const data = seenUntil === undefined ? {} : { data: { seenUntil } };
  emit({ kind: 'change', text, event: 'controller.started', ...data });
}

interface Passes {
  readonly tell: (report: PassReport) => void;
  /** What was told stands in the audit log, too. */
  readonly settled: () => Promise<void>;
}

function tellPasses({ ports, emit }: Context): Passes {
  let said: Said | undefined;
  let audit: Promise<void> = Promise.resolve();
  const tell = (report: PassReport): void => {
    audit = audit.then(() => auditPass(ports, report));
    const words = passWords(report, said);
    said = words.said;
    for (const line of words.lines) emit({ kind: 'change', ...line });
  };
  return { tell, settled: () => audit };
}

/** Whoever reads one that stays (the disk is full) sees that its process is gone. */
async function takeNoteAway({ ports: { state, log } }: Context): Promise<void> {
  try {
    await state.write('controller', null);
  } catch (thrown) {
    log.warn({ code: asAppError(thrown).code }, 'controller note not taken away');
  }
}

/** The controller, and who watches it from beside: those who tell people, and, where there is one, the forge. */
async function keep(context: Context, passes: Passes): Promise<void> {
  const { ports, lists } = context;
  const announcer = startAnnouncer(ports);
  const review = ports.forge === undefined ? undefined : startReview(ports, lists, auditForge(ports.forge, ports));
  const emit: Context['emit'] = progress => {
    context.emit(progress);
    announcer.progress(progress);
  };
  const onPass: ControllerOptions['onPass'] = (report, desired) => {
    passes.tell(report);
    announcer.passEnded(report, desired);
    review?.passed(report);
  };
  const forReview = review && {
    onPullRequestHint: () => review.hint(),
    onConsidered: review.considered,
    onHealth: review.health,
  };
  try {
    await runController({ ...context, emit }, { onPass, onTransition: announcer.healthChanged, ...forReview });
  } finally {
    await Promise.all([announcer.stop(), review?.stop()]);
  }
}

export const run: Operation<typeof input, { readonly stopped: true }> = {
  name: 'run',
  summary: 'Keep the machines as the repository says, until stopped',
  effect: 'changes',
  role: 'admin',
  input,
  run: async asked => {
    const context = recorded(asked);
    const { state, store } = context.ports;
    const release = await state.lock();
    const ended = new AbortController();
    const passes = tellPasses(context);
    let copying: Promise<void> | undefined;
    try {
      store.serve();
      copying = keepCopying(context.ports, joinSignals(context.signal, ended.signal).signal);
      await greet(context);
      await keep(context, passes);
      context.emit({ kind: 'change', text: 'stopped', event: 'controller.stopped' });
      return { stopped: true };
    } finally {
      await takeNoteAway(context);
      await passes.settled();
      ended.abort();
      await copying;
      // The database is this controller's, and nobody's after it.
      await store.close();
      await release();
    }
  },
};
