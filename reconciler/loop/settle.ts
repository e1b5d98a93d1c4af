// Closes what killed processes had begun: read from the journal, judged by what the pass saw, told in one line each.
import { asAppError } from '../../schema/errors.js';
import type { LeftIntent, Settled } from '../../schema/journal.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState } from '../../schema/state.js';
import { doingOf, endingOf } from '../core/left.js';
import type { Progress } from '../operations/operation.js';
import type { GitRepo, Ports } from '../ports.js';
import { readApplied } from './applied.js';
import { readApprovals } from './approvals.js';
import { readFleet } from './fleet.js';
import { sessionOf } from './session.js';
import { forgetRuns, settleRun } from './settle-run.js';

/** Commits that are looked through for one of ours; a branch gets no more while a controller is down. */
const longestWalk = 200;
/** Clocks of those who commit may be wrong by so much. */
const clockSlackMs = 86_400_000;

/** Whether a commit with our id stands in the branch, from its head back to before the intent. */
async function isCommitted(git: GitRepo, head: string, left: LeftIntent): Promise<boolean> {
  const open = [head];
  const seen = new Set<string>();
  while (open.length > 0 && seen.size < longestWalk) {
    const id = open.shift() ?? '';
    if (seen.has(id) || !(await git.has(id))) continue;
    seen.add(id);
    const { message, at, parents } = await git.commitFacts(id);
    if (message.includes(`Portoser-Id: ${left.id}`)) return true;
    if (at > left.at - clockSlackMs) open.push(...parents);
  }
  return false;
}

/** Whether what a person said stands in its document. */
async function isNoted({ state }: Ports, left: LeftIntent): Promise<boolean> {
  if (left.what === 'forget') {
    const { machines, leaving, emptied = [] } = await readFleet(state);
    return ![...machines, ...leaving, ...emptied].some(one => left.keys.includes(one.name));
  }
  const approvals = await readApprovals(state);
  const { acceptedCommit } = await readApplied(state);
  return left.keys.every(key => key === acceptedCommit || approvals[key] !== undefined);
}

async function stands(ports: Ports, commit: string, left: LeftIntent): Promise<boolean> {
  const { git } = ports.source;
  if (left.to === 'git') return git !== undefined && commit !== 'work-tree' && (await isCommitted(git, commit, left));
  return left.to === 'state' && (await isNoted(ports, left));
}

export interface Sight {
  readonly desired: DesiredState;
  readonly live: LiveState;
}

interface Settling {
  readonly ports: Ports;
  readonly emit: (progress: Progress) => void;
}

async function settleWrite(
  { ports }: Settling,
  { desired, live }: Sight,
  left: LeftIntent,
): Promise<Settled | undefined> {
  const ending = endingOf(left, desired, live, await stands(ports, desired.commit, left));
  if (ending === undefined) return undefined;
  const text = `an earlier run was killed while ${doingOf(left)}; ${ending.text}`;
  const { process: _, ...intent } = left;
  ports.store.record({ kind: 'write', write: { ...intent, end: ending.end, text } });
  return { ...left, end: ending.end, text };
}

/** Whether a run that began later, here or in a process that was killed as well, was about to change it too. */
function isOvertaken(ports: Ports, all: readonly LeftIntent[], { at }: LeftIntent, key: PlacementKey): boolean {
  if ((sessionOf(ports).begun.get(key) ?? Number.NEGATIVE_INFINITY) > at) return true;
  return all.some(one => one.at > at && one.intends?.changes.some(change => change.key === key) === true);
}

/**
 * Nothing of the machines is changed here: what is not whole differs from what git says, and the pass does it again. What
 * cannot be told yet (its machine does not answer, its steps still run) stays open for a later pass. Runs are told to
 * history, and closed when it has them.
 */
export async function settleLeft(context: Settling, sight: Sight): Promise<readonly Settled[]> {
  const { ports, emit } = context;
  const settled: Settled[] = [];
  const all = await ports.journal.left();
  forgetRuns(ports, new Set(all.map(one => one.id)));
  for (const left of all) {
    const { intends } = left;
    const overtaken = (key: PlacementKey): boolean => isOvertaken(ports, all, left, key);
    const one =
      intends === undefined
        ? await settleWrite(context, sight, left)
        : settleRun(ports, left, intends, { live: sight.live, overtaken });
    if (one === undefined) continue;
    settled.push(one);
    emit({ kind: 'note', text: one.text });
  }
  const writes = settled.filter(one => one.to !== 'history');
  try {
    await ports.journal.settle(writes.map(one => one.id));
  } catch (thrown) {
    // Then it is told again; the machines are not left alone for that.
    ports.log.warn({ code: asAppError(thrown).code }, 'earlier intents not closed');
  }
  return settled;
}
