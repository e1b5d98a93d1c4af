// A restore that cannot go on, or is killed, is brought to its end by the next start once its documents are ready.
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BackupAsk, restoreBackup, saveBackup } from '../../reconciler/adapters/backup.js';
import { finishRestores } from '../../reconciler/adapters/backup-state.js';
import { openStateDir } from '../../reconciler/adapters/state-dir.js';
import { type Place, placeOf } from '../../reconciler/adapters/store-place.js';
import { scratch } from '../contracts/git-fixture.js';
import { inDatabase, makeDatabase, makeHistory, useServer } from './postgres-fixture.js';

useServer();

const stages = async (folder: string) => (await readdir(folder)).filter(name => name.startsWith('restoring-'));
const start = async (folder: string): Promise<void> => await (await openStateDir(folder).lock())();

/** A backup of two documents and the settings, and an empty state folder to bring it back to. */
async function saved(
  url?: string,
): Promise<{ readonly ask: BackupAsk; readonly folder: string; readonly top: string }> {
  const top = await scratch();
  const [from, folder] = [join(top, 'from'), join(top, 'to')];
  await mkdir(from);
  await mkdir(folder);
  await writeFile(join(from, 'one.json'), '1');
  await writeFile(join(from, 'two.json'), '2');
  await writeFile(join(top, 'config.yml'), 'branch: main\n');
  const base = { file: join(top, 'backup'), yes: true, now: () => 0, ...(url === undefined ? {} : { url }) };
  await saveBackup({ ...base, configFile: join(top, 'config.yml'), state: openStateDir(from) });
  const ask = { ...base, configFile: join(top, 'restored.yml'), state: openStateDir(folder) };
  return { ask, folder, top };
}

describe('what cannot be put in its place', () => {
  it('is a document: all that is ready is left to the next start, and it says so', async () => {
    const { ask, folder } = await saved();
    await mkdir(join(folder, 'one.json/in the way'), { recursive: true });
    await expect(restoreBackup(ask)).rejects.toMatchObject({
      code: 'state-dir-unusable',
      message: expect.stringContaining('it is a folder') as string,
      hint: expect.stringContaining('when it starts') as string,
    });
    // The settings do not wait for it: the next start knows nothing of them.
    expect(await readFile(ask.configFile, 'utf8')).toBe('branch: main\n');
    expect(await stages(folder)).toHaveLength(1);
    await expect(start(folder)).rejects.toMatchObject({ code: 'state-dir-unusable' });
    await rm(join(folder, 'one.json'), { recursive: true });
    await start(folder);
    expect(await readFile(join(folder, 'one.json'), 'utf8')).toBe('1');
    expect(await readFile(join(folder, 'two.json'), 'utf8')).toBe('2');
    expect(await stages(folder)).toEqual([]);
  });

  it('is the settings: the documents are left to the next start', async () => {
    const { ask, folder, top } = await saved();
    await expect(restoreBackup({ ...ask, configFile: join(top, 'backup/config.yml') })).rejects.toMatchObject({
      code: 'file-refused',
      message: expect.stringContaining('config.yml cannot be written') as string,
      hint: expect.stringContaining('when it starts') as string,
    });
    await start(folder);
    expect(await readFile(join(folder, 'one.json'), 'utf8')).toBe('1');
  });

  it('is found before anything is ready: nothing is left', async () => {
    const { ask, folder } = await saved(await makeHistory());
    await expect(restoreBackup({ ...ask, url: 'postgres://nobody@127.0.0.1:1/none' })).rejects.toThrow('ECONNREFUSED');
    expect(await readdir(folder)).toEqual(['lock']);
  });
});

it('a kill while the database stops finds the documents ready', async () => {
  const { ask, folder, top } = await saved(await makeHistory());
  const url = await makeDatabase();
  const killed = join(top, 'killed');
  const place: Place = {
    ...placeOf({ url, stateDir: folder }),
    // What a kill would leave just then.
    start: async () => ({ address: { url }, stop: () => cp(folder, killed, { recursive: true }) }),
  };
  await restoreBackup(ask, place);
  await rm(join(killed, 'lock'), { recursive: true, force: true });
  await start(killed);
  expect(await readFile(join(killed, 'one.json'), 'utf8')).toBe('1');
  expect(await readFile(join(folder, 'one.json'), 'utf8')).toBe('1');
  expect(await inDatabase(url, async client => (await client.query('select from portoser.events')).rowCount)).toBe(0);
});

it('a kill while the stage is taken away bars no start', async () => {
  const folder = await scratch();
  await mkdir(join(folder, 'restoring-1'));
  await writeFile(join(folder, 'restoring-1/ready'), '');
  await finishRestores(folder);
  expect(await readdir(folder)).toEqual([]);
});
