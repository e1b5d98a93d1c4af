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

  let hangs = false;

  const children = ({ pid }: RunningPostgres): readonly number[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

  /** The server first: it would start others in the place of those that end. */
  function hang(): void {
    if (server === undefined) return;
    process.kill(server.pid, 'SIGSTOP');
    hangs = true;
    for (const child of children(server)) process.kill(child, 'SIGSTOP');
  }

  /** The server last: until it goes on it reaps nobody, so that each of its children is still there. */
  function goOn(): void {
    if (server === undefined || !hangs) return;
    for (const child of children(server)) process.kill(child, 'SIGCONT');
    hangs = false;
    process.kill(server.pid, 'SIGCONT');
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
    hang,
    goOn,
    remove: async () => {
      goOn();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await postgres.start();
  await inDatabase(url('postgres'), client => client.query('create database fleet'));
  return postgres;
}
