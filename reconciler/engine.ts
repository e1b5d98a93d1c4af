// The one door: performs an operation of the list for somebody, and tells everybody who listens how it goes.
import { AppError } from '../schema/errors.js';
import type { Bus, Told } from '../schema/live.js';
import { createRedactor, type Redactor } from '../schema/redact.js';
import type { Settings } from '../schema/settings.js';
import { audited, deedOf } from './loop/audited.js';
import { countRefusals, type Refusal, type Refusals } from './loop/refusals.js';
import { learnHere } from './loop/sync.js';
import { maskForge } from './loop/tell-forge.js';
import { tellRedacted } from './loop/tell-redacted.js';
import { tellRecords, tellWaits } from './loop/waits.js';
import { type InputOf, type OperationName, operations, type OutputOf } from './operations/index.js';
import type { Actor, Lists, Operation, Progress } from './operations/operation.js';
import type { Ports, Replicas } from './ports.js';

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
    /** Told its progress: of what only reads instead of all who subscribe, of what changes something beside them. */
    tell?: (progress: Progress) => void,
  ) => Promise<OutputOf<N>>;
  /** What an operation looks like, without performing it. */
  readonly describe: (
    name: OperationName,
  ) => Promise<Pick<Operation, 'name' | 'summary' | 'effect' | 'role' | 'input' | 'bare'>>;
  /** Somebody asked for what changes something, and was not let in: the audit log has it. Waits for nothing. */
  readonly refused: (refusal: Refusal) => void;
  /** Progress of all operations; answers how to stop listening. */
  readonly subscribe: (listener: (progress: Progress) => void) => () => void;
  /** What happens, as data, and as it is: who hands it on masks it. Answers how to stop listening. A listener must not throw, and returns at once: passes wait for it. */
  readonly listen: (listener: (told: Told) => void) => () => void;
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

/** An answer that is a failure is told as one, and handed to who asked all the same. */
async function answered(
  { failed }: Operation<object>,
  run: () => Promise<unknown>,
  told: (work: () => Promise<unknown>) => Promise<unknown>,
): Promise<unknown> {
  let answer: { readonly output: unknown } | undefined;
  try {
    return await told(async () => {
      const output = await run();
      const error = failed?.(output);
      if (error === undefined) return output;
      answer = { output };
      throw new AppError(error.code, error.message);
    });
  } catch (thrown) {
    if (answer !== undefined) return answer.output;
    throw thrown;
  }
}

export function createEngine(parts: EngineParts): Engine {
  const listeners = new Set<(progress: Progress) => void>();
  const { redactor = createRedactor() } = parts;
  const emit = (progress: Progress): void => listeners.forEach(listener => listener(progress));
  const followers = new Set<(told: Told) => void>();
  const bus: Bus = {
    tell: told => {
      followers.forEach(follower => follower(told));
      if (shares()) replicas?.tell(redactor.value(told));
    },
    followed: () => followers.size > 0 || replicas?.followed() === true,
  };
  let replicas: Replicas | undefined;
  let heard = false;
  const shares = (): boolean => replicas !== undefined && replicas.state().state !== 'alone';
  /** Only where somebody follows here. */
  function hearOthers(): void {
    if (heard || replicas === undefined || followers.size === 0) return;
    heard = true;
    replicas.follow(told => followers.forEach(follower => follower(told)));
  }
  let world: Promise<World> | undefined;
  const openOnce = async (): Promise<World> => {
    const opened = await parts.open();
    ({ replicas } = opened.ports);
    hearOthers();
    const ports = tellWaits(opened.ports, progress => emit(redactor.value(progress)));
    const forge = ports.forge === undefined ? {} : { forge: maskForge(ports.forge, redactor) };
    return { ...opened, ports: { ...tellRecords(ports, bus), ...forge } };
  };
  const open = (): Promise<World> => (world ??= openOnce());

  // The list's types are known by name outside, and not within: each operation checks only its own input.
  async function perform(
    name: OperationName,
    input: never,
    actor: Actor,
    signal: AbortSignal,
    heard?: (progress: Progress) => void,
  ): Promise<unknown> {
    const operation: Operation<object> = await operations[name]();
    const { ports, lists } = operation.bare ? { ports: nowhere, lists: { drivers: {}, checks: {} } } : await open();
    signal.throwIfAborted();
    // Who looks by the API is told by the answer; those who sit at the controller did not ask.
    const reads = operation.effect === 'reads';
    const all = reads && (heard !== undefined || actor.by === 'api') ? () => undefined : emit;
    const telling = tellRedacted(redactor, progress => {
      all(progress);
      heard?.(progress);
    });
    const run = () =>
      operation.run({ ports, lists, settings: parts.settings, actor, emit: telling.emit, signal }, input);
    try {
      if (reads || operation.audits === 'itself') return await run();
      await learnHere(ports);
      // The controller keeps machines as git says whether that can be told or not; its passes tell of themselves.
      const deed = { ...deedOf(name, input, actor), ...(name === 'run' ? { anyway: true } : {}) };
      return await answered(operation, run, work => audited(ports, deed, work, operation.changed));
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
    listen: follower => {
      followers.add(follower);
      hearOthers();
      return () => followers.delete(follower);
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
