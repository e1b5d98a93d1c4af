// The one door: performs an operation of the list for somebody, and tells everybody who listens how it goes.
import { createRedactor, type Redactor } from '../schema/redact.js';
import type { Settings } from '../schema/settings.js';
import { audited, type Deed } from './loop/audited.js';
import { countRefusals, type Refusal, type Refusals } from './loop/refusals.js';
import { learnHere } from './loop/sync.js';
import { tellRedacted } from './loop/tell-redacted.js';
import { tellWaits } from './loop/waits.js';
import { type InputOf, type OperationName, operations, type OutputOf } from './operations/index.js';
import type { Actor, Lists, Operation, Progress } from './operations/operation.js';
import type { Ports } from './ports.js';

export type { InputOf, OperationName, OutputOf } from './operations/index.js';
export type { Actor, Progress } from './operations/operation.js';
export type { Refusal } from './loop/refusals.js';

export interface World {
  readonly ports: Ports;
  readonly lists: Lists;
}

export interface Engine {
  readonly perform: <N extends OperationName>(
    name: N,
    input: InputOf<N>,
    actor: Actor,
    signal: AbortSignal,
  ) => Promise<OutputOf<N>>;
  /** What an operation looks like, without performing it. */
  readonly describe: (
    name: OperationName,
  ) => Promise<Pick<Operation, 'name' | 'summary' | 'effect' | 'role' | 'input' | 'bare'>>;
  /** Somebody asked for what changes something, and was not let in: the audit log has it. Waits for nothing. */
  readonly refused: (refusal: Refusal) => void;
  /** Progress of all operations; answers how to stop listening. */
  readonly subscribe: (listener: (progress: Progress) => void) => () => void;
  /** Knows what is secret: faces take it out of answers and errors. */
  readonly redactor: Redactor;
  readonly close: () => Promise<void>;
}

export interface EngineParts {
  readonly settings: Settings;
  /** Called once, by the first operation that needs the world. */
  readonly open: () => Promise<World>;
  readonly close: () => Promise<void>;
  /** That of the world. */
  readonly redactor?: Redactor;
}

/** A bare operation that reaches for the world has its mark wrong. */
const nowhere = new Proxy({} as World['ports'], {
  get(_, name) {
    throw new TypeError(`an operation without a world asked for ports.${String(name)}`);
  },
});

export function createEngine(parts: EngineParts): Engine {
  const listeners = new Set<(progress: Progress) => void>();
  const { redactor = createRedactor() } = parts;
  const emit = (progress: Progress): void => listeners.forEach(listener => listener(progress));
  let world: Promise<World> | undefined;
  const openOnce = async (): Promise<World> => {
    const opened = await parts.open();
    return { ...opened, ports: tellWaits(opened.ports, progress => emit(redactor.value(progress))) };
  };
  const open = (): Promise<World> => (world ??= openOnce());

  // The list's types are known by name outside, and not within: each operation checks only its own input.
  async function perform(name: OperationName, input: never, actor: Actor, signal: AbortSignal): Promise<unknown> {
    const operation: Operation<object> = await operations[name]();
    const { ports, lists } = operation.bare ? { ports: nowhere, lists: { drivers: {}, checks: {} } } : await open();
    signal.throwIfAborted();
    // Who looks by the API is told by the answer; those who sit at the controller did not ask.
    const aside = operation.effect === 'reads' && actor.by === 'api';
    const telling = tellRedacted(redactor, aside ? () => undefined : emit);
    const run = () =>
      operation.run({ ports, lists, settings: parts.settings, actor, emit: telling.emit, signal }, input);
    try {
      if (operation.effect === 'reads') return await run();
      await learnHere(ports);
      return await audited(ports, deedOf(name, input, actor), run);
    } finally {
      telling.end();
    }
  }

  let refusals: Promise<Refusals> | undefined;
  const countOnce = async (): Promise<Refusals> => countRefusals((await open()).ports);

  return {
    perform: perform as Engine['perform'],
    describe: name => operations[name](),
    redactor,
    refused: refusal => {
      // A world that cannot be opened is told to whoever asks for something in it.
      (refusals ??= countOnce()).then(
        counting => counting.tell(refusal),
        () => undefined,
      );
    },
    subscribe: listener => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      await refusals?.then(
        counting => counting.close(),
        () => undefined,
      );
      await parts.close();
    },
  };
}

/** The controller keeps machines as git says whether that can be told or not; its passes tell of themselves. */
function deedOf(name: OperationName, input: unknown, { name: who, by, from = 'here', token }: Actor): Deed {
  return {
    who: { name: who, by, ...(token === undefined ? {} : { token }) },
    from,
    what: name,
    input,
    ...(name === 'run' ? { anyway: true } : {}),
  };
}
