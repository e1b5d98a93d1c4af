// API tokens in the state folder: one file each, so that a command and a controller never write over each other's.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ApiToken, defaultLifeMs, type NewToken, type TokenBook, type TokenWish } from '../../schema/access.js';
import { AppError } from '../../schema/errors.js';
import { isCode, namesIn, orUnusable, syncFolder, writeOnce } from './state-dir.js';

/** What a file holds; its name is the id. */
interface Kept extends Omit<ApiToken, 'id'> {
  /** HMAC-SHA-256 of the secret, hexadecimal. */
  readonly hash: string;
}

const form = /^portoser_([0-9a-f]{16})_([\w-]{43})$/;
const fileForm = /^([0-9a-f]{16})\.json$/;

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A secret of 256 random bits cannot be guessed from its hash; without the key nobody can even check a guess. */
const hashOf = (secret: string, key: string): Buffer => createHmac('sha256', key).update(secret).digest();

export function openTokenBook(stateFolder: string, now: () => number): TokenBook {
  const folder = join(stateFolder, 'tokens');
  const keyPath = join(folder, 'key');
  const pathOf = (id: string): string => join(folder, `${id}.json`);

  async function makeKey(): Promise<boolean> {
    return await writeOnce(folder, keyPath, `${randomBytes(32).toString('hex')}\n`);
  }

  async function read(id: string): Promise<Kept | undefined> {
    const text = await readIfThere(pathOf(id));
    return text === undefined ? undefined : (JSON.parse(text) as Kept);
  }

  async function create({ name, role, lifeMs }: TokenWish): Promise<NewToken> {
    await makeKey();
    const key = await readFile(keyPath, 'utf8');
    const [id, secret] = [randomBytes(8).toString('hex'), randomBytes(32).toString('base64url')];
    const createdAt = now();
    const token = { name, role, createdAt, expiresAt: createdAt + lifeMs };
    const kept: Kept = { ...token, hash: hashOf(secret, key).toString('hex') };
    await writeOnce(folder, pathOf(id), `${JSON.stringify(kept, null, 2)}\n`);
    return { id, ...token, token: `portoser_${id}_${secret}` };
  }

  async function list(): Promise<readonly ApiToken[]> {
    const ids = (await namesIn(folder)).flatMap(name => fileForm.exec(name)?.[1] ?? []);
    const all = await Promise.all(
      ids.map(async (id): Promise<readonly ApiToken[]> => {
        const kept = await read(id);
        return kept === undefined ? [] : [told(id, kept)];
      }),
    );
    return all.flat().toSorted((a, b) => a.createdAt - b.createdAt);
  }

  async function revoke(idOrName: string): Promise<ApiToken> {
    const found = (await list()).filter(one => one.id === idOrName || one.name === idOrName);
    const [token, another] = found;
    if (token === undefined)
      throw new AppError('unknown-name', `there is no token \`${idOrName}\` in ${folder}`, {
        hint: 'See `portoser token list`.',
      });
    if (another !== undefined)
      throw new AppError('usage', `several tokens are called ${idOrName}: ${found.map(one => one.id).join(', ')}`, {
        hint: 'Name one by its id.',
      });
    await rm(pathOf(token.id));
    await syncFolder(folder);
    return token;
  }

  async function find(token: string): Promise<ApiToken | undefined> {
    const [, id = '', secret = ''] = form.exec(token) ?? [];
    if (id === '') return undefined;
    const [kept, key] = await Promise.all([read(id), readIfThere(keyPath)]);
    if (kept === undefined || key === undefined) return undefined;
    const [given, wanted] = [hashOf(secret, key), Buffer.from(kept.hash, 'hex')];
    const same = given.length === wanted.length && timingSafeEqual(given, wanted);
    return same && now() < kept.expiresAt ? told(id, kept) : undefined;
  }

  async function createFirst(): Promise<NewToken | undefined> {
    return (await makeKey()) ? await create({ name: 'first-admin', role: 'admin', lifeMs: defaultLifeMs }) : undefined;
  }

  return {
    folder,
    hadOne: () => orUnusable(folder, async () => (await readIfThere(keyPath)) !== undefined),
    create: wish => orUnusable(folder, () => create(wish)),
    createFirst: () => orUnusable(folder, createFirst),
    list: () => orUnusable(folder, list),
    revoke: idOrName => orUnusable(folder, () => revoke(idOrName)),
    find: token => orUnusable(folder, () => find(token)),
  };
}

const told = (id: string, { name, role, createdAt, expiresAt }: Kept): ApiToken => ({
  id,
  name,
  role,
  createdAt,
  expiresAt,
});
