// A ready connection to one machine: at most five shells at once over it, and forwarded byte streams beside them.
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Client, ClientChannel } from 'ssh2';
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { Ending, ScriptProcess } from './shell-run.js';
import { dialError, placeOf, type SshFault } from './ssh-errors.js';

/** What was lost before anything was sent over it may be tried again without doing anything twice. */
export const lostBefore = Symbol('lost before anything was sent');

export type UseShell<T> = (process: ScriptProcess) => Promise<T>;

export interface Connection {
  isOpen(): boolean;
  /** Waits for one of the five turns and keeps it until `act` is through. */
  withShell<T>(words: string, act: UseShell<T>): Promise<T | typeof lostBefore>;
  /** Beside the five turns too; `yields` is called, and must end it, when a turn finds no session. Throws `live-limit`. */
  aside<T>(words: string, act: UseShell<T>, yields: () => void): Promise<T | typeof lostBefore>;
  /** Beside the five turns, with few tries: for ending what holds them. */
  urgently<T>(words: string, act: UseShell<T>): Promise<T | typeof lostBefore>;
  /** A byte stream to host:port as seen from there. */
  forward(host: string, port: number, limitMs: number): Promise<Duplex>;
  /** Ends it once no shell runs over it. */
  retire(): void;
  destroy(): void;
}

/** sshd's MaxSessions is 10 by default, and it frees a session only a moment after its close was told. */
const sessionsAtOnce = 5;
const asideAtOnce = 3;
/** Tries with growing pauses, 2.5 s and 14 ms in all, while none of ours runs. */
const patientTries = 16;
const urgentTries = 3;

/** `answerLimitMs`: sshd opens or refuses a session at once; who says nothing for so long is gone. */
export function createConnection(machine: Machine, client: Client, answerLimitMs: number): Connection {
  const turns = new PQueue({ concurrency: sessionsAtOnce });
  let open = true;
  const isOpen = (): boolean => open;
  const closed = (): void => {
    open = false;
  };
  const giveUp = (): void => {
    closed();
    client.destroy();
  };
  /** ssh2 tells that a connection is gone before it closes the channels that were open over it. */
  let gone = false;
  client.once('end', closed);
  client.once('close', () => {
    closed();
    gone = true;
  });
  const exec = (words: string): ReturnType<typeof openExec> => openExec(client, words, answerLimitMs, () => gone);

  /** Ours that run now, and who waits for one of them to end. */
  let running = 0;
  const waiting: (() => void)[] = [];

  async function hold<T>(process: ScriptProcess, act: UseShell<T>): Promise<T> {
    running += 1;
    try {
      return await act(process);
    } finally {
      running -= 1;
      waiting.splice(0).forEach(wake => wake());
    }
  }

  /** What gives its session up, the newest last. */
  const yielding: (() => void)[] = [];

  async function aside<T>(words: string, act: UseShell<T>, yields: () => void): Promise<T | typeof lostBefore> {
    if (yielding.length >= asideAtOnce) throw tooMany(machine);
    yielding.push(yields);
    try {
      const opened = await exec(words);
      if (!('fault' in opened)) return await hold(opened, act);
      if (typeof opened.fault.reason === 'number') throw tooMany(machine, opened.fault);
      if (opened.fault === notConnected || opened.fault === noAnswer) giveUp();
      if (isOpen()) throw noSession(machine, opened.fault);
      return lostBefore;
    } finally {
      const place = yielding.indexOf(yields);
      if (place >= 0) yielding.splice(place, 1);
    }
  }

  async function use<T>(words: string, urgent: boolean, act: UseShell<T>): Promise<T | typeof lostBefore> {
    for (let tried = 0; isOpen();) {
      const opened = await exec(words);
      if (!('fault' in opened)) return hold(opened, act);
      if (opened.fault === notConnected || (opened.fault === noAnswer && !urgent)) giveUp();
      const busy = typeof opened.fault.reason === 'number';
      if (isOpen() && (!busy || tried >= (urgent ? urgentTries : patientTries))) throw noSession(machine, opened.fault);
      const room = busy && !urgent ? yielding.pop() : undefined;
      room?.();
      // A server that allows fewer sessions gets fewer at once.
      if (busy && room === undefined) turns.concurrency = Math.max(1, turns.concurrency - 1);
      if (running > 0 && !urgent) await new Promise<void>(resolve => void waiting.push(resolve));
      else await pause(Math.min(250, 2 ** ++tried));
    }
    return lostBefore;
  }

  return {
    isOpen,
    withShell: (words, act) => turns.add(() => use(words, false, act)),
    aside,
    urgently: (words, act) => use(words, true, act),
    forward: (host, port, limitMs) => forward(machine, client, host, port, limitMs),
    retire: () => void turns.onIdle().then(() => client.end()),
    destroy: () => void client.destroy(),
  };
}

function tooMany(machine: Machine, cause?: SshFault): AppError {
  return new AppError('live-limit', `${placeOf(machine)} has no session left for following: its changes need them`, {
    cause,
    details: { machine: machine.name },
  });
}

function noSession(machine: Machine, cause: SshFault): AppError {
  return new AppError('machine-shell', `${placeOf(machine)} opens no session: ${cause.message}`, {
    cause,
    details: { machine: machine.name, reason: cause.reason ?? null },
  });
}

const noAnswer: SshFault = new Error('it does not answer');
/** ssh2 throws when its socket is gone already. */
const notConnected: SshFault = new Error('it is not connected');

function openExec(
  client: Client,
  words: string,
  limitMs: number,
  isGone: () => boolean,
): Promise<ScriptProcess | { readonly fault: SshFault }> {
  return new Promise(resolve => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      resolve({ fault: noAnswer });
    }, limitMs);
    try {
      client.exec(words, (error, channel) => {
        clearTimeout(timer);
        // Nothing was sent to it: its shell finds an empty standard input.
        if (late) channel?.close();
        else resolve(error === undefined ? asProcess(channel, isGone) : { fault: error });
      });
    } catch {
      clearTimeout(timer);
      resolve({ fault: notConnected });
    }
  });
}

function asProcess(channel: ClientChannel, isGone: () => boolean): ScriptProcess {
  const lost: Ending = { code: null, lost: true };
  let ending = lost;
  // sshd tells an exit code before it has sent the last output: only a channel that the server closed is known to be whole.
  channel.once('close', () => {
    if (isGone()) ending = lost;
  });
  const exited = new Promise<Ending>(resolve => {
    channel.once('exit', (code: number | null) => {
      ending = { code, lost: false };
      resolve(ending);
    });
    channel.once('close', () => resolve(ending));
  });
  const outputs = [
    new Promise<void>(resolve => void channel.once('close', resolve)),
    new Promise<void>(resolve => {
      channel.stderr.once('end', resolve);
      channel.stderr.once('close', resolve);
    }),
  ];
  const closed = Promise.all(outputs).then(() => ending);
  return { stdin: channel, stdout: channel, stderr: channel.stderr, exited, closed, abandon: () => channel.close() };
}

function forward(machine: Machine, client: Client, host: string, port: number, limitMs: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      const details = { machine: machine.name, to: `${host}:${port}` };
      reject(
        new AppError('command-timeout', `${machine.name}: ${host}:${port} did not accept within ${limitMs} ms`, {
          details,
        }),
      );
    }, limitMs);
    const settled = (fault: SshFault | undefined, channel?: ClientChannel): void => {
      clearTimeout(timer);
      if (late) return void channel?.destroy();
      if (fault !== undefined || channel === undefined)
        reject(dialError(machine, host, port, fault ?? new Error('no channel')));
      else resolve(channel);
    };
    try {
      client.forwardOut('127.0.0.1', 0, host, port, settled);
    } catch (error) {
      settled(error as SshFault);
    }
  });
}
