// Stores for tests: each with a log that remembers and a state folder of its own, or one that is shared.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../reconciler/adapters/clock.js';
import type { Database } from '../../reconciler/adapters/store-database.js';
import { openStateDir } from '../../reconciler/adapters/state-dir.js';
import { openStore, type StoreOptions } from '../../reconciler/adapters/store.js';
import type { Store } from '../../reconciler/ports.js';
import { createFakeLog, type FakeLog } from '../fakes/log.js';
import { scratchFolder } from './postgres-fixture.js';

export interface OpenedStore {
  readonly store: Store;
  readonly log: FakeLog;
  readonly folder: string;
}

/** A store with a state folder of its own (or that one), closed when the test is over. */
export async function openTestStore(
  more: Partial<StoreOptions> & { readonly folder?: string } = {},
): Promise<OpenedStore> {
  const folder = more.folder ?? (await scratchFolder());
  const log = createFakeLog();
  const { folder: _, ...options } = more;
  const state = openStateDir(join(folder, 'state'));
  const newId = () => randomBytes(16).toString('hex');
  const store = openStore({ state, clock: systemClock, log, newId, ...options });
  onTestFinished(() => store.close());
  return { store, log, folder };
}

/** From here on no statement there may remove more rows of a table than that. */
export async function removeAtMost(database: Database, rows: number): Promise<void> {
  await database.query(
    `create function portoser.at_most() returns trigger language plpgsql as $$ begin
       if (select count(*) from gone) > ${rows} then raise 'too many rows of % at once', tg_table_name; end if;
       return null;
     end $$`,
  );
  for (const table of ['runs', 'events', 'transitions', 'writes', 'deliveries', 'samples', 'samples_5m', 'samples_1h'])
    await database.query(
      `create trigger at_most after delete on portoser.${table} referencing old table as gone
       for each statement execute function portoser.at_most()`,
    );
}
