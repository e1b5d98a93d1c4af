// Set up for every test: whatever an operation of the list answers must be what it says that it answers.
import { operations } from '../reconciler/operations/index.js';
import type { Operation } from '../reconciler/operations/operation.js';
import { answerFaults } from './answers.js';

type Load = () => Promise<Operation>;

const checked = new WeakSet<Operation>();

/** Once for each operation: test files may share what was loaded. */
function check(operation: Operation): Operation {
  if (checked.has(operation)) return operation;
  checked.add(operation);
  const run = operation.run.bind(operation);
  operation.run = async (context, input) => {
    const answer = await run(context, input);
    const fault = answerFaults(operation.name, answer);
    if (fault !== undefined) throw new TypeError(fault);
    return answer;
  };
  return operation;
}

const list: Record<string, Load> = operations;
const mark = Symbol.for('portoser.answers-are-checked');
if (!Object.hasOwn(list, mark)) {
  Object.defineProperty(list, mark, { value: true });
  for (const [name, load] of Object.entries(list)) list[name] = async () => check(await load());
}
