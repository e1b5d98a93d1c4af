// A backup's target is judged before anything is begun for it.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { saveBackup } from '../../reconciler/adapters/backup.js';
import { openStateDir } from '../../reconciler/adapters/state-dir.js';
import { scratch } from '../contracts/git-fixture.js';

async function saved(name: string, yes: boolean) {
  const top = await scratch();
  await mkdir(join(top, 'folder'));
  await writeFile(join(top, 'file'), '');
  const state = openStateDir(join(top, 'state'));
  const done = saveBackup({ file: join(top, name), state, configFile: join(top, 'none.yml'), yes, now: () => 0 });
  return { done, top };
}

test.each([
  ['folder', false, { code: 'file-refused', message: expect.stringContaining('it is a folder') as string }],
  ['folder', true, { code: 'file-refused', message: expect.stringContaining('it is a folder') as string }],
  ['file', false, { code: 'backup-exists' }],
  ['file/x', false, { code: 'file-refused' }],
  ['nowhere/x', true, { code: 'file-refused' }],
])('%s (yes: %s)', async (name, yes, wanted) => {
  const { done, top } = await saved(name, yes);
  await expect(done).rejects.toMatchObject(wanted);
  expect(await readdir(top)).toEqual(['file', 'folder']);
});

test('a state folder that is none is told as that', async () => {
  const top = await scratch();
  await writeFile(join(top, 'state'), '');
  const state = openStateDir(join(top, 'state'));
  const ask = { file: join(top, 'backup'), state, configFile: join(top, 'none.yml'), yes: false, now: () => 0 };
  await expect(saveBackup(ask)).rejects.toMatchObject({ code: 'state-dir-unusable' });
});
