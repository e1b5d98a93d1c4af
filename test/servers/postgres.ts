// A PostgreSQL that is nobody's but the test's: may be stopped, started anew with what it keeps, and made to hang with all its processes.
import { readFileSync, rmSync } from 'node:fs';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseRole, type RunningPostgres, startPostgres } from '../../reconciler/adapters/postgres.js';
import { inDatabase, openFolder } from '../adapters/postgres-fixture.js';

export interface TestPostgres {
  /** For DATABASE_URL; the same after a new start. */
  readonly url: string;
  /** Of its socket. */
  readonly path: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  hang(): void;
  goOn(): void;
  remove(): Promise<void>;
}

export async function startTestPostgres(): Promise<TestPostgres> {
  const folder = await openFolder();
  const place = join(folder, 'socket');
  const url = (database: string) => `socket://${databaseRole}@${place}?db=${database}`;
  let server: RunningPostgres | undefined;

  /** The server before its children: it starts others in the place of those that end. */
  function signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    if (server === undefined) return;
    const { pid } = server;
    process.kill(pid, name);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    for (const child of children.split(' ')) if (child !== '') process.kill(Number(child), name);
  }

  const postgres: TestPostgres = {
    url: url('fleet'),
    path: join(place, '.s.PGSQL.5432'),
    start: async () => {
      server = await startPostgres(join(folder, 'state'));
      rmSync(place, { force: true });
      await symlink(server.host, place);
    },
    stop: async () => {
      await server?.stop();
      server = undefined;
    },
    hang: () => signal('SIGSTOP'),
    goOn: () => signal('SIGCONT'),
    remove: async () => {
      signal('SIGCONT');
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await postgres.start();
  await inDatabase(url('postgres'), client => client.query('create database fleet'));
  return postgres;
}
