// The file of a backup: what goes in comes out; what was cut, changed or locked is told and gives nothing away.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readBackup, writeBackup } from '../../reconciler/adapters/backup-file.js';
import { scratch } from '../contracts/git-fixture.js';

async function* lines(all: readonly string[]): AsyncGenerator<string> {
  for (const one of all) yield `${one}\n`;
}

async function read(path: string, passphrase?: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const line of readBackup(path, passphrase)) found.push(line);
  return found;
}

/** More than several chunks, and nothing that packs well. */
const text = Array.from({ length: 9000 }, (_, index) => `${index} ${Math.sin(index)} ${Math.cos(index)} ünï\\"`);

async function written(all: readonly string[], passphrase?: string): Promise<string> {
  const path = join(await scratch(), 'backup');
  await writeBackup(path, lines(all), passphrase);
  return path;
}

describe.each([undefined, 'correct horse'])('with passphrase %s', passphrase => {
  test('gives back what went in, readable for its owner alone, with nothing beside it', async () => {
    const path = await written(text, passphrase);
    expect(await read(path, passphrase)).toEqual(text);
    const { mode, size } = await stat(path);
    expect(mode & 0o777).toBe(0o600);
    expect(size).toBeGreaterThan(2 * 64 * 1024);
    expect(await readdir(dirname(path))).toEqual(['backup']);
    expect(await read(await written([], passphrase), passphrase)).toEqual([]);
  });

  test('tells of every cut and of every changed byte', async () => {
    const path = await written(text, passphrase);
    const bytes = await readFile(path);
    const wrong = { code: expect.stringMatching(/^backup-(broken|passphrase)$/) as string };
    for (const length of [0, 10, 60, 70_000, bytes.length - 33, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length));
      await expect(read(path, passphrase), `cut at ${length}`).rejects.toMatchObject(wrong);
    }
    for (const at of [3, 16, 90, 70_000, bytes.length - 40, bytes.length - 1]) {
      const other = Buffer.from(bytes);
      other[at] = (other[at] ?? 0) ^ 1;
      await writeFile(path, other);
      await expect(read(path, passphrase), `changed at ${at}`).rejects.toMatchObject(wrong);
    }
    await writeFile(path, Buffer.concat([bytes, Buffer.from('x')]));
    await expect(read(path, passphrase)).rejects.toMatchObject({ code: 'backup-broken' });
  });
});

test('an encrypted one shows nothing, and opens to its passphrase alone', async () => {
  const path = await written(['a secret', ...text.slice(0, 3)], 'correct horse');
  for (const other of [undefined, 'wrong horse', ''])
    await expect(read(path, other)).rejects.toMatchObject({ code: 'backup-passphrase' });
  expect(await readFile(path, 'latin1')).not.toContain('secret');
  expect((await readFile(path)).equals(await readFile(await written(['a secret'], 'correct horse')))).toBe(false);
});

test('what fails in the middle leaves the file that was there, and nothing beside it', async () => {
  const path = await written(['before']);
  async function* failing(): AsyncGenerator<string> {
    yield 'one\n';
    throw new Error('the database went away');
  }
  await expect(writeBackup(path, failing(), undefined)).rejects.toThrow('the database went away');
  expect(await read(path)).toEqual(['before']);
  expect(await readdir(dirname(path))).toEqual(['backup']);
});

test('a newer form, and what is none at all, are named', async () => {
  const path = join(await scratch(), 'backup');
  await writeFile(path, 'portoser-backup 2 {}\n');
  await expect(read(path)).rejects.toThrow('newer version');
  await writeFile(path, 'hello\n');
  await expect(read(path)).rejects.toThrow('not written by');
});

test.each([
  ['read', 'nowhere', 'there is no such file or folder', 'Correct the path.'],
  ['read', '', 'it is a folder', 'Name a file in it.'],
  ['read', 'file/x', 'a folder of its path is a file', 'Correct the path.'],
  ['written', 'nowhere/x', 'there is no such file or folder', 'Make its folder first, or correct the path.'],
  ['written', '', 'it is a folder', 'Name a file in it.'],
  ['written', 'file/x', 'a folder of its path is a file', 'Correct the path.'],
])('what cannot be %s is told with its place: %j', async (purpose, name, why, hint) => {
  const folder = await scratch();
  await writeFile(join(folder, 'file'), '');
  const path = join(folder, name);
  const done = purpose === 'read' ? read(path) : writeBackup(path, lines(text), undefined);
  await expect(done).rejects.toMatchObject({
    code: 'file-refused',
    message: `${path} cannot be ${purpose}: ${why}`,
    hint,
  });
  expect(await readdir(folder)).toEqual(['file']);
});
