// API tokens on the disk: made once, told once, found by nothing but themselves, gone when revoked or old.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTokenBook } from '../../reconciler/adapters/tokens.js';

let state = '';
let now = 1_000_000;
const book = () => openTokenBook(state, () => now);
const wish = { name: 'ci', role: 'operator', lifeMs: 60_000 } as const;

beforeEach(async () => {
  now = 1_000_000;
  state = await mkdtemp(join(tmpdir(), 'portoser-tokens-'));
});
afterEach(() => rm(state, { recursive: true, force: true }));

describe('a token', () => {
  it('is found by itself, also by another process, and stands nowhere on the disk', async () => {
    const { token, ...kept } = await book().create(wish);
    expect(await book().find(token)).toEqual(kept);
    expect(kept).toMatchObject({ name: 'ci', role: 'operator', createdAt: 1_000_000, expiresAt: 1_060_000 });
    const names = await readdir(join(state, 'tokens'));
    expect(names.toSorted()).toEqual([`${kept.id}.json`, 'key'].toSorted());
    for (const name of names) {
      const path = join(state, 'tokens', name);
      expect(await readFile(path, 'utf8')).not.toContain(token.split('_').at(-1));
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
  });

  it('is not found by anything else', async () => {
    const [one, two] = [await book().create(wish), await book().create(wish)];
    const [secret, other] = [one.token.slice(26), two.token.slice(26)];
    const id = `portoser_${one.id}_`;
    expect(one.token).toBe(`${id}${secret}`);
    const wrong = ['', 'x', id, `${id}${other}`, `${one.token}x`, one.token.toUpperCase(), ` ${one.token}`];
    const paths = [`portoser_../../../${one.id}_${secret}`, `portoser_0123456789abcdef_${secret}`];
    for (const token of [...wrong, ...paths]) expect(await book().find(token), token).toBeUndefined();
  });

  it('ends at its time, and is still listed', async () => {
    const { token, id } = await book().create(wish);
    now += 59_999;
    expect(await book().find(token)).toMatchObject({ id });
    now += 1;
    expect(await book().find(token)).toBeUndefined();
    expect(await book().list()).toMatchObject([{ id }]);
  });

  it('ends when it is revoked, by name or id', async () => {
    const one = await book().create(wish);
    now += 1;
    const two = await book().create({ ...wish, name: 'ada' });
    expect((await book().list()).map(each => each.name)).toEqual(['ci', 'ada']);
    expect(await book().revoke('ci')).toMatchObject({ id: one.id });
    expect(await book().find(one.token)).toBeUndefined();
    expect(await book().revoke(two.id)).toMatchObject({ name: 'ada' });
    expect(await book().list()).toEqual([]);
    await expect(book().revoke('ci')).rejects.toMatchObject({ code: 'unknown-name' });
  });

  it('is not revoked by a name that several have', async () => {
    await book().create(wish);
    await book().create(wish);
    await expect(book().revoke('ci')).rejects.toMatchObject({ code: 'usage' });
    expect(await book().list()).toHaveLength(2);
  });

  it('whose file is damaged is refused, not let in', async () => {
    const { token, id } = await book().create(wish);
    await writeFile(join(state, 'tokens', `${id}.json`), '{"hash": ""');
    await expect(book().find(token)).rejects.toMatchObject({ code: 'state-dir-unusable' });
    await writeFile(join(state, 'tokens', `${id}.json`), '{"hash": "", "expiresAt": 9e15}');
    expect(await book().find(token)).toBeUndefined();
  });
});

describe('the first token', () => {
  it('is made once in the life of a state folder, by one of many', async () => {
    const made = await Promise.all([book().createFirst(), book().createFirst(), book().createFirst()]);
    const [first, ...more] = made.filter(one => one !== undefined);
    expect([first?.role, more]).toEqual(['admin', []]);
    await book().revoke('first-admin');
    expect(await book().createFirst()).toBeUndefined();
    expect(await book().list()).toEqual([]);
  });

  it('is not made where a person made one before', async () => {
    await book().create(wish);
    expect(await book().createFirst()).toBeUndefined();
  });

  it('an empty folder lets nobody in', async () => {
    expect(await book().find(`portoser_0123456789abcdef_${'a'.repeat(43)}`)).toBeUndefined();
    expect(await book().list()).toEqual([]);
  });
});
