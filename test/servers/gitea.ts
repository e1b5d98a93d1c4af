// A real Gitea on the loopback: built once and kept (see gitea/gitea), fresh each time, with an admin and their token.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { mustRun } from '../lab/run-program.js';
import { type Child, startChild } from './child.js';
import { freePort, untilListening } from './ports.js';

export interface Gitea {
  readonly url: string;
  readonly token: string;
  /** `http://127.0.0.1:<port>/<path>.git` with the admin's credentials, for git. */
  remote(path: string): string;
  /** Asks its API (`/repos/…`) as the admin; throws with what it said when it refuses. */
  api<T>(method: string, path: string, body?: object): Promise<T>;
  log(): string;
  stop(): Promise<void>;
  /** Again on the same port, with all that it had; nothing when it runs. */
  start(): Promise<void>;
  /** Stops it and deletes its folder. */
  remove(): Promise<void>;
}

export const giteaAdmin = 'forgeadmin';
const script = join(import.meta.dirname, 'gitea/gitea');

/** Why there can be none on this machine; undefined: there can. */
export function giteaObstacle(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const missing = ['go', 'gcc', 'flock'].filter(program => !folders.some(one => existsSync(join(one, program))));
  return missing.length === 0 ? undefined : `a Gitea cannot be built here: ${missing.join(', ')} is missing`;
}

async function ask(url: string, token: string, method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `token ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** The first call on a machine builds it, which takes minutes. */
export async function startGitea(): Promise<Gitea> {
  await mustRun(script, ['build'], { timeoutMs: 1_200_000 });
  const dir = mkdtempSync(join(tmpdir(), 'portoser-gitea-'));
  const port = await freePort();
  await mustRun(script, ['make', dir, String(port)]);
  let child: Child | undefined;
  const log = () => child?.log() ?? '';
  const start = async (): Promise<void> => {
    child ??= startChild(script, ['run', dir]);
    await untilListening(port, log);
  };
  const stop = async (): Promise<void> => {
    await child?.stop();
    child = undefined;
  };
  await start();
  const token = readFileSync(join(dir, 'token'), 'utf8').trim();
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    token,
    remote: path => `http://${giteaAdmin}:${token}@127.0.0.1:${port}/${path}.git`,
    api: async <T>(method: string, path: string, body?: object) => (await ask(url, token, method, path, body)) as T,
    log,
    stop,
    start,
    remove: async () => {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
