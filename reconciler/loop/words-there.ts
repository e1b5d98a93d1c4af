// The words that a change would run on its machine, as they would be sent now, for people: nothing is sent.
import { asAppError } from '../../schema/errors.js';
import type { Change } from '../../schema/plan.js';
import type { Machine } from '../../schema/registry-types.js';
import type { Work } from '../../schema/why.js';
import { display } from '../commands/command.js';
import { isStop } from '../core/plan.js';
import type { Preparing } from './prepare.js';
import { prepareStart, prepareStop } from './prepare.js';
import type { Prepared } from './batch-run.js';

export type WorkRun = Omit<Preparing, 'machine'> & { readonly machines: ReadonlyMap<string, Machine> };

const stepsOf = (prepared: Prepared): Work['steps'] =>
  prepared.steps.map(({ what, command }) => ({ what, command: display(command) }));

/** What replaces another place is begun by giving that one up. */
async function prepare(run: Preparing, change: Change): Promise<readonly Prepared[]> {
  const seen = run.live.machines[change.machine];
  if (seen?.state !== 'reachable') return [];
  if (isStop(change)) return change.stamp === undefined ? [] : [prepareStop(run, change, change.stamp, seen)];
  const before =
    change.kind === 'replace' && change.stamp !== undefined ? [prepareStop(run, change, change.stamp, seen)] : [];
  return [...before, await prepareStart(run, change, seen)];
}

/** What moves is stopped where it stands first; its words are those of that machine's own change. */
const before = ({ move }: Change): Work['steps'] =>
  move === undefined
    ? []
    : [
        {
          what: `wait until it is stopped on ${move.from}${move.copies ? ', and bring its data here' : ''}`,
          command: '',
        },
      ];

/** Or why they cannot be told. */
export async function wordsThere(run: WorkRun, change: Change): Promise<Work | string> {
  const machine = run.machines.get(change.machine);
  if (machine === undefined) return `${change.machine} is not known`;
  try {
    const prepared = await prepare({ ...run, machine }, change);
    return {
      puts: prepared.flatMap(one => one.batch.files.map(file => file.path)),
      removes: prepared.flatMap(one => one.batch.unlink),
      steps: [...before(change), ...prepared.flatMap(stepsOf)],
    };
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    return error.message;
  }
}
