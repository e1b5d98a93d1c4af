// The store on the embedded PostgreSQL: it starts it, bears its death, shares it with commands, and stops it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runningPostgres } from '../../reconciler/adapters/postgres.js';
import { eventRecord } from '../contracts/store.js';
import { until } from '../scenarios/until.js';
import { openTestStore } from './store-fixture.js';

describe('the store on it', () => {
  it('serves: starts it, keeps what comes while it is killed, and stops it', async () => {
    const { store, log, folder } = await openTestStore();
    const now = Date.now();
    store.record(eventRecord('early', now));
    store.serve();
    await until(
      'it is kept',
      () => store.state().state === 'kept',
      () => JSON.stringify(log.lines),
    );
    const stateDir = join(folder, 'state');
    const pid = Number((await readFile(join(stateDir, 'postgres/data/postmaster.pid'), 'utf8')).split('\n')[0]);
    store.record(eventRecord('up', now));
    process.kill(pid, 'SIGKILL');
    for (let n = 0; n < 20; n += 1) store.record(eventRecord(`while${n}`, now));
    await until('it is missed', () => log.lines.some(line => line.level === 'warn'));
    store.record(eventRecord('later', now));
    await until(
      'it is kept again',
      () => store.state().state === 'kept',
      () => JSON.stringify(log.lines),
    );
    const ids = async () => (await store.events({ limit: 100 })).map(one => one.id);
    await until('all are there', async () => (await ids()).includes('later'));
    expect(await ids()).toEqual(['early', 'up', ...Array.from({ length: 20 }, (_, n) => `while${n}`), 'later']);

    // A command beside it reads and writes in the same database, and leaves it running.
    const beside = await openTestStore({ folder });
    beside.store.record(eventRecord('beside', now));
    await beside.store.close();
    expect((await ids()).at(-1)).toBe('beside');
    await store.close();
    expect(await runningPostgres(stateDir)).toBeUndefined();
    await expect(store.events({ limit: 1 })).rejects.toMatchObject({ code: 'store-none' });
  });
});
