// What a command of the command line is: its words after the name, its options, and what it does.
import type { Actor, Engine, InputOf, OperationName, OutputOf, Progress } from '../../reconciler/engine.js';
import type { Settings } from '../../schema/settings.js';
import type { Terminal } from './terminal.js';

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** What stands for the value in help. */
  readonly value?: string;
  readonly summary: string;
  readonly multiple?: true;
}
export type Options = Readonly<Record<string, Option>>;

type ValueOf<O extends Option> = O['type'] extends 'boolean'
  ? boolean
  : O['multiple'] extends true
    ? readonly string[]
    : string;
export type Values<O extends Options> = { readonly [K in keyof O]?: ValueOf<O[K]> };

export interface Call<O extends Options> {
  /** What stands after the command's name. */
  readonly words: readonly string[];
  readonly values: Values<O>;
  readonly json: boolean;
  readonly terminal: Terminal;
  readonly settings: Settings;
  /** Performs an operation; ends at once when the person interrupts, where that leaves nothing half done. */
  perform<N extends OperationName>(name: N, input: InputOf<N>): Promise<OutputOf<N>>;
  /** For a face beside this one, whose people ask for themselves. */
  readonly engine: Pick<Engine, 'perform' | 'describe' | 'listen' | 'refused' | 'redactor'>;
  /** Who sits there. */
  readonly actor: Actor;
  readonly subscribe: Engine['subscribe'];
  readonly signal: AbortSignal;
  /** Resolves after that long, or when the person interrupts. */
  pause(ms: number): Promise<void>;
}

/** 0 as asked, 1 it failed, 2 there is something to see to; `exec` passes on what its program said. */
export type ExitCode = number;

export interface Command<O extends Options> {
  /** Words after the name, for help: `<service>`, `[service…]`; `--` stands before words that are passed on as they are. */
  readonly usage: string;
  readonly options: O;
  /** Paragraphs below the options in help. */
  readonly notes?: string;
  /** Says what it does while it does it; else progress is told as for all others. */
  readonly voice?: (progress: Progress, call: Call<O>) => void;
  /** What it prints is meant to be used as it is: a new token, a file. Else secrets are masked. */
  readonly verbatim?: true;
  /** Whether it goes on for long and writes a log. */
  readonly logs?: (values: Values<O>) => boolean;
  /** What it answers when it was interrupted; default 130. */
  readonly interrupted?: (call: Call<O>) => ExitCode;
  run(call: Call<O>): Promise<ExitCode>;
}

/** A command whose options are not known by type: what the table holds. */
export interface AnyCommand extends Omit<Command<Options>, 'run' | 'voice' | 'interrupted' | 'logs'> {
  run(call: Call<never>): Promise<ExitCode>;
  interrupted?: (call: Call<never>) => ExitCode;
  logs?: (values: never) => boolean;
  voice?: (progress: Progress, call: Call<never>) => void;
}

/** Writes a command down with its options' types kept. */
export function command<const O extends Options>(parts: Command<O>): Command<O> {
  return parts;
}

/** The same object without the members that are undefined: an option that was not given is not an input. */
export function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
