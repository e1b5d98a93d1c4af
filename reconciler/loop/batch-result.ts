// Reads what a batch said: which change went through, which step of which change failed, and what that means.
import type { ErrorReport } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { StepEnd } from '../../schema/plan.js';
import type { Batch } from '../commands/batch.js';
import { batchCodes } from '../commands/batch-words.js';
import type { ProbeSection } from '../commands/probe.js';
import type { Driver, Step } from '../drivers/driver.js';
import { report } from '../core/machines.js';
import { fixed, type Row, stepEnds } from './step-ends.js';

export interface StepFailure {
  readonly error: ErrorReport;
  readonly output: string;
  /** It failed when it was started: its own log may tell more. */
  readonly started?: true;
}

export interface BatchReading {
  /** Set when nothing was changed, or nothing can be said. */
  readonly refused?: ErrorReport;
  readonly lockedBy?: { readonly controller: string; readonly process: string };
  /** Id of the batch, which names its step folder. */
  readonly batch: string;
  /** Checked by later scripts of this change; '' when nothing was begun. */
  readonly fence: string;
  /** By index of the change; a change without entry went through. */
  readonly failures: ReadonlyMap<number, StepFailure>;
  /** By index of the change: what was to be done for it, and how each of it ended. */
  readonly steps: ReadonlyMap<number, readonly StepEnd[]>;
}

const restOf = (sections: readonly ProbeSection[], name: string) =>
  sections.find(section => section.name === name)?.rest;

/** Why nothing was begun, as all scripts say it that take the lock of a machine; undefined: it was. */
export function refusal(
  sections: readonly ProbeSection[],
  machine: string,
): Pick<BatchReading, 'refused' | 'lockedBy'> | undefined {
  const locked = restOf(sections, 'locked');
  if (locked !== undefined) {
    const [controller = '', process = '', age = '0'] = locked.split(' ');
    return {
      refused: report('machine-lock', `${machine} is locked by controller ${controller} for ${age} s`),
      lockedBy: { controller, process },
    };
  }
  const open = restOf(sections, 'open');
  if (open !== undefined) return { refused: report('machine-lock', `a change (${open}) is running on ${machine}`) };
  if (restOf(sections, 'busy') !== undefined)
    return { refused: report('machine-lock', `steps of an earlier change still run on ${machine}`) };
  const refused = restOf(sections, 'refused');
  const room = sections.find(section => section.name === 'refused')?.lines ?? [];
  if (refused?.startsWith('identity') === true) {
    return {
      refused: report(
        'machine-claimed',
        `the cluster's name on ${machine} belongs to the repository that began with ${refused.slice(9, 21)}`,
      ),
    };
  }
  if (refused === undefined) return undefined;
  const code = noRoom(room) ? 'machine-disk-full' : 'machine-state';
  return { refused: report(code, `${refused.slice(6)} on ${machine} cannot be written`) };
}

/** Rows of df(1): nothing is available, of blocks or of inodes. */
const noRoom = (rows: readonly string[]): boolean => rows.some(row => /\s0+\s+\d+%\s+\//.test(row));

const noSpace = /No space left on device|Disk quota exceeded/;

/** What an exit code of our own, or the text of a foreign tool, means. */
function meaning(
  code: number,
  output: string,
  what: string,
  machine: string,
  { explained, limitMs }: { readonly explained?: ErrorReport | undefined; readonly limitMs?: number | undefined },
): ErrorReport {
  const last = lastOf(output.trim().split('\n').at(-1) ?? '', 400);
  if (code === batchCodes.stale) return report('stale-plan', `${machine}: ${last}`);
  if (code === batchCodes.fenced)
    return report('machine-fenced', `another controller took ${machine} over while it was changed`);
  if (code === batchCodes.sudo)
    return report('sudo-refused', `${machine}: ${last.replace(/^portoser: /, '')} (to ${what})`);
  if (code === batchCodes.late && limitMs !== undefined)
    return report(
      'command-timeout',
      `on ${machine} it took longer than ${Math.ceil(limitMs / 1000)} s to ${what}, and was ended there`,
    );
  if (noSpace.test(output)) return report('machine-disk-full', `no space left on ${machine} (to ${what})`);
  return (
    explained ??
    report('command-failed', `${what} failed on ${machine} with exit code ${code}${last === '' ? '' : `: ${last}`}`)
  );
}

export interface Batched {
  readonly batch: Batch;
  readonly machine: string;
  /** The drivers' steps by change, as the batch numbered them. */
  readonly steps: readonly { readonly driver: Driver; readonly steps: readonly Step[] }[];
}

function failureOf(
  row: Row,
  outputs: ReadonlyMap<string, string>,
  batched: Batched,
): readonly (readonly [number, StepFailure])[] {
  const output = outputs.get(row.id) ?? '';
  const [head = '', rest = ''] = row.id.split('.');
  const failure = (what: string, explained?: ErrorReport, limitMs?: number): StepFailure => ({
    error: meaning(row.code, output, what, batched.machine, { explained, limitMs }),
    output,
  });
  if (head === 'land') return batched.batch.changes.map((_, index) => [index, failure(fixed.land ?? '')] as const);
  if (head === 'time' || head === 'done') return [];
  if (fixed[head] !== undefined) return [[Number(rest), failure(fixed[head])]];
  const own = batched.steps[Number(head)];
  const step = own?.steps[Number(rest)];
  if (own === undefined || step === undefined) return [];
  const started = step.phase === 'start' ? { started: true as const } : {};
  const failed = [
    [Number(head), { ...failure(step.what, own.driver.explain(step, output), step.timeLimitMs), ...started }] as const,
  ];
  if (step.merge === undefined || step.merge.word !== undefined) return failed;
  // A merged step without words of its own (one reload for all) failed for everyone who needed it.
  const sharers = batched.steps.flatMap((other, index) =>
    other.steps.some(one => one.merge?.key === step.merge?.key) ? [index] : [],
  );
  const shared = failure(step.what, own.driver.explain(step, output), step.timeLimitMs);
  return sharers.map(index => [index, shared] as const);
}

/** `sections` undefined: no whole answer came. */
export function readBatch(sections: readonly ProbeSection[] | undefined, batched: Batched): BatchReading | undefined {
  if (sections === undefined) return undefined;
  const batch = batched.batch.id;
  const fence = restOf(sections, 'fence') ?? '';
  const refused = refusal(sections, batched.machine);
  if (refused !== undefined) return { ...refused, batch, fence, failures: new Map(), steps: new Map() };
  const results = sections.find(section => section.name === 'results');
  if (results === undefined) return undefined;
  const rows = results.lines.flatMap((line): readonly Row[] => {
    const match = /^(\S+) (\d+)$/.exec(line);
    return match === null ? [] : [{ id: match[1] ?? '', code: Number(match[2]) }];
  });
  const failed = new Set(rows.filter(row => row.code !== 0).map(row => row.id));
  const outputs = new Map(
    sections
      .filter(section => section.name === 'output')
      .map(({ rest, lines }) => [rest, lastOf(lines.join('\n'), failed.has(rest) ? 4000 : 1000)]),
  );
  const failures = new Map<number, StepFailure>();
  for (const row of rows.filter(one => one.code !== 0 && !one.id.startsWith('merged.'))) {
    for (const [index, failure] of failureOf(row, outputs, batched))
      if (!failures.has(index)) failures.set(index, failure);
  }
  const cut = cutShort(rows, batched);
  if (cut !== undefined)
    batched.batch.changes.forEach((_, index) => {
      if (!failures.has(index)) failures.set(index, { error: cut, output: '' });
    });
  return { batch, fence, failures, steps: stepEnds(rows, outputs, batched.steps) };
}

/** Work that did not come to its own end did not do what it has no row for. */
function cutShort(rows: readonly Row[], { batch, machine }: Batched): ErrorReport | undefined {
  if (rows.some(row => row.id === 'time')) {
    const seconds = Math.round(batch.timeLimitMs / 1000);
    return report('command-timeout', `the changes on ${machine} took longer than ${seconds} s and were ended there`);
  }
  if (rows.some(row => row.id === 'done' || (row.id.startsWith('land.') && row.code !== 0))) return undefined;
  return report('command-failed', `the changes on ${machine} ended early: killed there, or its state folder is full`);
}
