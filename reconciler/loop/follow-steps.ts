// Reads what a batch prints while it works, and tells who follows which step began, what it printed, and how it ended.
import type { RunTold } from '../../schema/live.js';
import type { Change } from '../../schema/plan.js';
import type { Step } from '../drivers/driver.js';
import type { Ports } from '../ports.js';
import { type Following, followedOf } from './follow.js';
import { fixed } from './step-ends.js';

export interface FollowedBatch {
  readonly machine: string;
  /** Marks our own lines. */
  readonly nonce: string;
  /** The changes of the batch, in its order. */
  readonly changes: readonly { readonly change: Pick<Change, 'key'>; readonly steps: readonly Step[] }[];
}

type StepsFollowing = Following & { readonly ports: Pick<Ports, 'redactor'> };

interface StepOfBatch {
  readonly what: string;
  /** Places of the changes in the batch. */
  readonly changes: readonly number[];
}

const longestLine = 4096;

const everyone = ({ changes }: FollowedBatch): readonly number[] => changes.map((_, index) => index);

const sharing = ({ changes }: FollowedBatch, shares: (step: Step) => boolean): readonly number[] =>
  changes.flatMap(({ steps }, index) => (steps.some(shares) ? [index] : []));

/** Several as one command: known by their phase alone, as the batch names them. */
function mergedStep(batch: FollowedBatch, phase: string): StepOfBatch {
  const isOne = (step: Step): boolean => step.phase === phase && step.merge?.word !== undefined;
  const first = batch.changes.flatMap(one => one.steps).find(isOne);
  return { what: first?.what ?? phase, changes: sharing(batch, isOne) };
}

/** By the id that the batch gave it; undefined: it is none that is told. */
export function stepOf(batch: FollowedBatch, id: string): StepOfBatch | undefined {
  const [head = '', rest = ''] = id.split('.');
  if (head === 'merged') return mergedStep(batch, rest.slice(0, rest.lastIndexOf('_')));
  const name = fixed[head];
  if (name !== undefined) return { what: name, changes: head === 'land' ? everyone(batch) : [Number(rest)] };
  const step = /^\d+\.\d+$/.test(id) ? batch.changes[Number(head)]?.steps[Number(rest)] : undefined;
  if (step === undefined) return undefined;
  const { merge, what } = step;
  // One without words of its own (one reload for all) is made for everybody who needs it.
  const shared = merge !== undefined && merge.word === undefined;
  return { what, changes: shared ? sharing(batch, one => one.merge?.key === merge.key) : [Number(head)] };
}

/** Takes the output as it comes; undefined: nobody follows. */
export function followSteps(
  { ports: { bus, clock, redactor }, runId }: StepsFollowing,
  batch: FollowedBatch,
): ((chunk: Uint8Array) => void) | undefined {
  if (runId === undefined || bus?.followed() !== true) return undefined;
  const mark = `@${batch.nonce} `;
  const decoder = new TextDecoder();
  // Before it is cut into lines that are not too long: half of a secret would not be known.
  const pieces = redactor.pieces();
  let open = '';
  let current: StepOfBatch | undefined;

  function tell(step: StepOfBatch, told: (of: object) => RunTold): void {
    const of = step.changes.flatMap(index => {
      const change = batch.changes[index]?.change;
      return change === undefined ? [] : [followedOf(runId ?? '', change.key)];
    });
    if (of.length > 0) bus?.tell(told({ run: runId, at: clock.now(), machine: batch.machine, of }));
  }

  function frame([name = '', id = '', code = '0']: readonly string[]): void {
    const step = name === 'begun' || name === 'ended' ? stepOf(batch, id) : undefined;
    current = name === 'begun' ? step : undefined;
    if (step === undefined) return;
    const { what } = step;
    const result = code === '0' ? { result: 'done' } : { result: 'failed', code: Number(code) };
    const kind = name === 'begun' ? { kind: 'step.begun', what } : { kind: 'step.ended', what, ...result };
    tell(step, of => ({ ...kind, ...of }) as RunTold);
  }

  function line(text: string, cut: boolean): void {
    if (current === undefined || text === '') return;
    const more = { text: text.slice(0, longestLine), ...(cut || text.length > longestLine ? { cut: true } : {}) };
    tell(current, of => ({ kind: 'step.line', ...of, ...more }) as RunTold);
  }

  return chunk => {
    const found = `${open}${pieces.push(decoder.decode(chunk, { stream: true }))}`.split('\n');
    open = found.pop() ?? '';
    for (const one of found) {
      if (one.startsWith(mark)) frame(one.slice(mark.length).split(' '));
      else line(one.replace(/\r$/, ''), false);
    }
    if (open.length > longestLine && !open.startsWith(mark)) {
      line(open, true);
      open = '';
    }
  };
}
