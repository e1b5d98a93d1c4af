// The engine of a controller elsewhere: what is asked here is asked of its API, and what that answers is told as if it were done here.
import { Agent, type Dispatcher, request } from 'undici';
import type { Engine, OperationName, Progress } from '../../reconciler/engine.js';
import { AppError, catalogue, type ErrorCode } from '../../schema/errors.js';
import { isLoopback } from '../../schema/loopback.js';
import type { Problem } from '../plugins/problems.js';
import { linesType } from '../lines.js';
import { type Method, routes, type Served } from '../routes/table.js';
import { lastLine } from './remote-lines.js';

export interface RemoteAsk {
  /** `https://portoser.example`, with or without a path. */
  readonly server: string;
  readonly token?: string;
  /** A host that the token may go to without encryption, besides this machine itself. */
  readonly insecureHttp?: string;
  /** Says what operations are like; does those that need nothing of the controller. */
  readonly here: Engine;
}

interface Asked {
  readonly method: Method;
  readonly path: string;
  readonly body?: string;
}

type Input = Readonly<Record<string, unknown>>;

const refused = (message: string, hint: string): AppError => new AppError('usage', message, { hint });

/** What only makes sense where the files or the process are. Throws `usage`. */
function readable(name: OperationName, input: Input): Input {
  if (name === 'run') throw refused('`run` is the controller itself', 'Leave --server out where it shall run.');
  if (name === 'hook') throw refused('webhooks are sent to /hooks/git, signed', 'Send it there.');
  if (name === 'registry.format') throw refused('files are formatted where they lie', 'Leave --server out.');
  if (input['uncommitted'] === true)
    throw refused('the controller sees what is committed', 'Commit and push, or leave --server out.');
  return input['from'] === 'files' ? { ...input, from: 'commit' } : input;
}

/** In the address, in the query or in the body, as the route's table has it. */
export function askedOf(name: Served, input: Input): Asked {
  const [method, url] = routes[name].split(' ') as [Method, string];
  const inPath = new Set([...url.matchAll(/:(\w+)/g)].map(([, member = '']) => member));
  const path = url.replace(/:(\w+)/g, (_, member: string) => encodeURIComponent(String(input[member])));
  const rest = Object.entries(input).filter(([member, value]) => !inPath.has(member) && value !== undefined);
  if (method === 'POST' || method === 'PATCH') return { method, path, body: JSON.stringify(Object.fromEntries(rest)) };
  const words = rest.flatMap(([member, value]) => [value].flat().map((one): [string, string] => [member, String(one)]));
  const query = new URLSearchParams(words).toString();
  return { method, path: query === '' ? path : `${path}?${query}` };
}

function isProblem(answer: unknown): answer is Problem {
  return typeof answer === 'object' && answer !== null && 'code' in answer && 'detail' in answer;
}

const hints: Partial<Record<ErrorCode, string>> = {
  'token-missing':
    'Set PORTOSER_TOKEN or PORTOSER_TOKEN_FILE; `portoser token create` where the controller runs makes a token.',
  'route-unknown': 'The controller there is of another version, or it is none.',
};

function errorOf(server: string, status: number, answer: unknown): AppError {
  if (!isProblem(answer) || !(answer.code in catalogue))
    return new AppError('server-unreachable', `${server} answered ${status}, and not as a controller does`);
  const { code, detail, hint, details } = answer;
  return new AppError(code, detail, { hint: hints[code] ?? hint, ...(details === undefined ? {} : { details }) });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whatever it is, it is not from a controller; its status is told.
    return undefined;
  }
}

/** A deploy may take long, and say nothing for a while. */
const patient = { headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } };

interface Wire {
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent;
}

interface Answered {
  readonly status: number;
  /** A problem, where the status says so; undefined: it is none of ours. */
  readonly answer: unknown;
}

async function read(
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  tell: (progress: Progress) => void,
): Promise<Answered> {
  if (headers['content-type'] !== linesType) return { status, answer: parsed(await body.text()) };
  const last = await lastLine(body, tell);
  if (last === undefined) throw new Error('the connection ended before the answer; what was begun goes on there');
  return 'answer' in last ? { status, answer: last.answer } : { status: last.problem.status, answer: last.problem };
}

async function send(
  { server, headers, agent }: Wire,
  { method, path, body }: Asked,
  signal: AbortSignal,
  tell?: (progress: Progress) => void,
): Promise<unknown> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const accept = tell === undefined ? {} : { accept: linesType };
  let answered: Answered;
  try {
    const options = { method, headers: { ...headers, ...type, ...accept }, dispatcher: agent, signal };
    const response = await request(`${server}${path}`, body === undefined ? options : { ...options, body });
    answered = await read(response, tell ?? (() => undefined));
  } catch (cause) {
    if (signal.aborted) throw new AppError('interrupted', 'no longer waited for', { cause });
    const { code = '', message } = cause as NodeJS.ErrnoException;
    throw new AppError('server-unreachable', `${server}: ${message || code}`, { cause });
  }
  const { status, answer } = answered;
  if (status < 200 || status > 299 || answer === undefined) throw errorOf(server, status, answer);
  return answer;
}

/** Whoever can listen on the way would have the token, and all that it may do. Throws `settings-invalid`. */
function refusePlain({ server, token, insecureHttp }: RemoteAsk): void {
  const { protocol, hostname, host } = new URL(server);
  if (token === undefined || protocol !== 'http:' || isLoopback(hostname)) return;
  if (insecureHttp !== undefined && new URL(`http://${insecureHttp}`).hostname === hostname) return;
  throw new AppError('settings-invalid', `http://${host} is not encrypted, and the token would go there`, {
    hint: `Use https://, or a tunnel: \`ssh -N -L 8750:127.0.0.1:8750 ${hostname}\` and --server http://127.0.0.1:8750. On a network that you trust, say --insecure-http ${hostname}.`,
  });
}

export function openRemote(ask: RemoteAsk): Engine {
  const { server: written, token, here } = ask;
  const server = written.replace(/\/+$/, '');
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const wire = { server, headers, agent: new Agent(patient) };
  const listeners = new Set<(progress: Progress) => void>();
  const tell = (progress: Progress): void => listeners.forEach(listener => listener(progress));
  async function perform(name: OperationName, input: never, actor: never, signal: AbortSignal): Promise<unknown> {
    const { bare, effect } = await here.describe(name);
    if (bare) return await here.perform(name, input, actor, signal);
    const asked = askedOf(name as Served, readable(name, input));
    refusePlain(ask);
    const tells = effect === 'changes' || (input as Input)['follow'] === true;
    return await send(wire, asked, signal, tells ? tell : undefined);
  }
  return {
    ...here,
    perform: perform as Engine['perform'],
    subscribe: listener => {
      const stop = here.subscribe(listener);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        stop();
      };
    },
    close: async () => {
      await wire.agent.destroy();
      await here.close();
    },
  };
}
