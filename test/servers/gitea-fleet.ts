// A fleet whose repository lies on a real Gitea, with the shipped controller that follows it and is told by its webhook.
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitFiles, git } from '../contracts/git-fixture.js';
import { stopServices } from '../scenarios/stop-services.js';
import { type Typed, type Typist, typist } from '../scenarios/typist.js';
import { until } from '../scenarios/until.js';
import { type Gitea, giteaAdmin, startGitea } from './gitea.js';

export interface Comment {
  readonly id: number;
  readonly body: string;
  /** As RFC 3339, whole seconds. */
  readonly created_at: string;
  readonly user: { readonly login: string };
}

export interface Fleet extends Typist {
  readonly top: string;
  readonly clone: string;
  readonly gitea: Gitea;
  readonly cluster: string;
  /** What controller and forge say, for who waits in vain. */
  tell(): string;
  /** Commits these files and pushes them to a branch of `remote`; the clone stays where it was. Answers the commit. */
  push(files: Readonly<Record<string, string>>, branch: string, remote?: string): Promise<string>;
  /** The clone is as the forge's main branch. */
  update(): Promise<void>;
  /** Answers its number. `as`: a user of the forge whose fork the branch is in. */
  openPull(branch: string, as?: string): Promise<number>;
  comments(pull: number): Promise<readonly Comment[]>;
  /** The newest status of that commit and context. */
  status(
    commit: string,
    context: string,
  ): Promise<{ readonly status: string; readonly description: string } | undefined>;
  /** Answers what main is then. */
  merge(pull: number): Promise<string>;
  /** What this machine keeps of what was applied: it changes with every change, and with nothing else. */
  stamps(): Promise<string>;
  startController(): Promise<void>;
  /** Tells the controller of pushes and pull requests; answers how to stop it. */
  addHook(): Promise<() => Promise<void>>;
  /** Ends controller, services and forge. */
  remove(): Promise<void>;
}

const secret = '5b1e90c3d7f2486a0c9be41d';
const path = `${giteaAdmin}/fleet`;

interface Said {
  readonly id: number;
  readonly context: string;
  readonly status: string;
  readonly description: string;
}

export async function createFleet(cluster: string): Promise<Fleet> {
  const top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-gitea-fleet-')));
  const clone = join(top, 'clone');
  const gitea = await startGitea();
  await gitea.api('POST', '/user/repos', { name: 'fleet', default_branch: 'main' });
  await mkdir(clone);
  await git(clone, 'init', '--quiet', '--initial-branch=main');
  await git(clone, 'remote', 'add', 'origin', gitea.remote(path));
  const env = {
    PATH: process.env['PATH'],
    HOME: top,
    USER: 'ada',
    PORTOSER_STATE_DIR: join(top, 'state'),
    PORTOSER_REPO: `${gitea.url}/${path}.git`,
    PORTOSER_GIT_TOKEN: gitea.token,
    PORTOSER_FORGE: 'gitea',
    PORTOSER_FORGE_TOKEN: gitea.token,
    PORTOSER_WEBHOOK_SECRET: secret,
    XDG_STATE_HOME: top,
    DATABASE_URL: 'postgres://127.0.0.1:1/nobody',
  };
  const person = typist(() => ({ cwd: top, env }));
  let controller: Typed | undefined;
  const tell = () => `${controller?.texts.out ?? ''}\n${controller?.texts.err ?? ''}\n${gitea.log().slice(-2000)}`;

  async function push(files: Readonly<Record<string, string>>, branch: string, remote = 'origin'): Promise<string> {
    const before = await git(clone, 'rev-parse', '--quiet', '--verify', 'HEAD').catch(() => undefined);
    const commit = await commitFiles(clone, files, `to ${branch}`);
    await git(clone, 'push', '--quiet', remote, `HEAD:refs/heads/${branch}`);
    if (branch !== 'main' && before !== undefined) await git(clone, 'reset', '--quiet', '--hard', before);
    return commit;
  }

  /** Gitea checks behind a push whether it can be merged, and answers 405 until it knows. */
  async function isMerged(pull: number): Promise<boolean> {
    try {
      await gitea.api('POST', `/repos/${path}/pulls/${pull}/merge`, { Do: 'merge' });
      return true;
    } catch (error) {
      if ((error as Error).message.includes('/merge: 405 ')) return false;
      throw error;
    }
  }

  async function update(): Promise<void> {
    await git(clone, 'fetch', '--quiet', 'origin');
    await git(clone, 'reset', '--quiet', '--hard', 'origin/main');
  }

  return {
    ...person,
    top,
    clone,
    gitea,
    cluster,
    tell,
    push,
    update,
    merge: async pull => {
      await until(`#${pull} is merged`, () => isMerged(pull), tell);
      await update();
      return await git(clone, 'rev-parse', 'HEAD');
    },
    stamps: async () => {
      const folder = join(top, 'portoser/clusters', cluster, 'stamps');
      const names = (await readdir(folder)).toSorted();
      const texts = await Promise.all(names.map(name => readFile(join(folder, name), 'utf8')));
      return texts.join('\n');
    },
    openPull: async (branch, as) => {
      const head = as === undefined ? branch : `${as}:${branch}`;
      const wish = { head, base: 'main', title: branch };
      const { number } = await gitea.api<{ readonly number: number }>(
        'POST',
        `/repos/${path}/pulls${as === undefined ? '' : `?sudo=${as}`}`,
        wish,
      );
      return number;
    },
    comments: pull => gitea.api('GET', `/repos/${path}/issues/${pull}/comments`),
    status: async (commit, context) => {
      const all = await gitea.api<readonly Said[]>('GET', `/repos/${path}/commits/${commit}/statuses`);
      return all.filter(one => one.context === context).toSorted((a, b) => b.id - a.id)[0];
    },
    startController: async () => {
      controller = person.start('run --listen 127.0.0.1:0');
      await until('it listens', () => controller?.texts.out.includes('listens on http://') === true, tell);
    },
    addHook: async () => {
      const url = /listens on (http:\S+)/.exec(controller?.texts.out ?? '')?.[1] ?? '';
      const config = { url: `${url}/hooks/git`, content_type: 'json', secret };
      const hook = { type: 'gitea', active: true, events: ['push', 'pull_request'], config };
      const { id } = await gitea.api<{ readonly id: number }>('POST', `/repos/${path}/hooks`, hook);
      return async () => void (await gitea.api('DELETE', `/repos/${path}/hooks/${id}`));
    },
    remove: async () => {
      await gitea.start();
      if (controller !== undefined) {
        const closed = once(controller.child, 'close');
        controller.child.kill('SIGTERM');
        await closed;
        await update();
        await stopServices(clone, cluster, async line => {
          await git(clone, 'push', '--quiet', 'origin', 'HEAD:main');
          return await person.portoser(line);
        });
      }
      await gitea.remove();
      await rm(top, { recursive: true, force: true });
    },
  };
}
