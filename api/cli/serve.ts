// The HTTP API beside the controller of `run`: loaded once the first pass has ended or takes long, so that it waits for nothing.
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Progress } from '../../reconciler/engine.js';
import { AppError, asAppError } from '../../schema/errors.js';
import { joinSignals } from '../../schema/joined-signal.js';
import { isLoopback } from '../../schema/loopback.js';
import { readSecrets } from '../hooks/secrets.js';
import type { Call, Options } from './command.js';

export type ServeCall = Pick<Call<Options>, 'settings' | 'signal' | 'subscribe' | 'engine' | 'terminal'>;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Undefined for `off`. The settings have made sure that it is one. */
export function readAddress(written: string): Address | undefined {
  if (written === 'off') return undefined;
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(written) ?? [];
  return { host: host.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(port) };
}

const refused = ({ host, port }: Address, cause: unknown): AppError => {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException;
  const why = code === 'EADDRINUSE' ? 'something listens there already' : (cause as Error).message;
  return new AppError('listen-refused', `${host}:${port}: ${why}`, { cause, details: { code } });
};

/** Throws `listen-refused`. */
async function checkFree(address: Address): Promise<void> {
  const server = createServer().listen(address);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw refused(address, cause);
  }
  server.close();
  await once(server, 'close');
}

/** What a controller tells after a pass. */
const afterPass = new Set<Progress['event']>(['git.commit', 'pass.trouble', 'pass.settled']);
const patienceMs = 3_000;

/** Resolves when the first pass has ended; one that takes longer than that waits for machines. */
function underWay({ subscribe, signal }: ServeCall): Promise<void> {
  return new Promise(resolve => {
    const begin = (): void => {
      stop();
      clearTimeout(timer);
      resolve();
    };
    const stop = subscribe(({ event }) => {
      if (afterPass.has(event)) begin();
    });
    const timer = setTimeout(begin, patienceMs);
    signal.addEventListener('abort', begin, { once: true });
  });
}

/** Whether a pass has come to its end, from now on. */
function watchPasses({ subscribe }: ServeCall): () => boolean {
  let passed = false;
  const stop = subscribe(({ event }) => {
    if (!afterPass.has(event)) return;
    passed = true;
    stop();
  });
  return () => passed;
}

async function open(call: ServeCall, address: Address, auth: 'token' | 'none', ready: () => boolean) {
  const [{ buildServer }, { version }, { openTokens }] = await Promise.all([
    import('../server.js'),
    import('./version.js'),
    import('../../reconciler/main.js'),
  ]);
  const tokens = await openTokens(call.settings);
  const server = await buildServer({
    engine: call.engine,
    auth: auth === 'none' ? 'none' : { tokens },
    version: version(),
    webhookSecrets: readSecrets(call.settings.webhookSecret),
    ready,
    onFault: error => call.terminal.err(`API: ${(error.cause instanceof Error && error.cause.stack) || error.message}`),
  });
  const url = await server.listen(address);
  return { server, url, first: auth === 'none' ? undefined : await tokens.createFirst() };
}

async function serve(
  call: ServeCall,
  address: Address,
  auth: 'token' | 'none',
  say: (text: string) => void,
): Promise<() => Promise<void>> {
  const ready = watchPasses(call);
  await underWay(call);
  if (call.signal.aborted) return nothing;
  try {
    const { server, url, first } = await open(call, address, auth, ready);
    say(`listens on ${url}`);
    if (first !== undefined) call.terminal.err(`The first token of the API (admin), shown only now: ${first.token}`);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => (closing ??= server.close());
    if (call.signal.aborted) void close();
    else call.signal.addEventListener('abort', () => void close(), { once: true });
    return close;
  } catch (thrown) {
    // The machines are kept all the same.
    call.terminal.err(`The API is not served: ${asAppError(thrown).message}`);
    return nothing;
  }
}

const nothing = async (): Promise<void> => undefined;

/**
 * Throws `listen-refused` at once where a person named an address that is taken; where nobody did, the controller goes on
 * without. Throws `settings-invalid` for no tokens on an address that others reach, and `webhook-secret` for one that can be
 * guessed. Answers how to end it.
 */
export async function serveBeside(
  call: ServeCall,
  auth: 'token' | 'none',
  say: (text: string) => void,
): Promise<() => Promise<void>> {
  readSecrets(call.settings.webhookSecret);
  const { value = 'off', from, where } = call.settings.listen;
  const address = readAddress(value);
  if (address === undefined) return nothing;
  if (auth === 'none' && !isLoopback(address.host))
    throw new AppError('settings-invalid', `--auth none is for this machine alone, and ${where} is ${value}`, {
      hint: 'Listen on 127.0.0.1, or leave --auth none out and use tokens.',
    });
  try {
    await checkFree(address);
  } catch (thrown) {
    if (from !== 'default') throw thrown;
    const { message, hint } = asAppError(thrown);
    call.terminal.err(`note: the API is not served: ${message}. ${hint}`);
    return nothing;
  }
  // It may end by itself, too, before there was anything to serve.
  const ended = new AbortController();
  const { signal } = joinSignals(call.signal, ended.signal);
  const serving = serve({ ...call, signal }, address, auth, say);
  return async () => {
    ended.abort();
    await (
      await serving
    )();
  };
}
