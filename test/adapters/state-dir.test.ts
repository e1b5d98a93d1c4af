// The controller's folder: documents are whole, the id stays, and one process at a time holds the lock.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStateDir } from '../../reconciler/adapters/state-dir.js';
import { endChildren } from './end-children.js';

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portoser-state-'));
});

afterEach(async () => {
  await endChildren(children);
  await rm(folder, { recursive: true, force: true });
});

/** Another process that takes the lock and answers `locked` or the error's code; it ends when its input does. */
async function startHolder(path: string): Promise<{ child: ChildProcess; said: string }> {
  const source = `
    import { openStateDir } from ${JSON.stringify(new URL('../../reconciler/adapters/state-dir.ts', import.meta.url).href)};
    try { const release = await openStateDir(${JSON.stringify(path)}).lock(); console.log('locked'); process.stdin.resume(); process.stdin.on('end', () => void release()); }
    catch (error) { console.log(error.code); }
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: String(said).trim() };
}

describe('documents', () => {
  it('come back as they were written, and leave nothing else behind', async () => {
    const state = openStateDir(join(folder, 'deep', 'state'));
    expect(await state.read('git')).toBeUndefined();

    await state.write('git', { a: 1 });
    await state.write('git', { a: 2, text: 'ü' });

    expect(await state.read('git')).toEqual({ a: 2, text: 'ü' });
    expect(await readdir(state.path)).toEqual(['git.json']);
    expect((await stat(state.path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(state.path, 'git.json'))).mode & 0o777).toBe(0o600);
  });

  it('of two repositories lie apart; id and lock are one', async () => {
    const [one, other] = [openStateDir(folder, 'repos/one'), openStateDir(folder, 'repos/other')];
    await one.write('git', 1);
    expect(await other.read('git')).toBeUndefined();
    expect(await one.read('git')).toBe(1);
    expect(await one.controllerId()).toBe(await other.controllerId());
    await one.write('approvals', { a: 1 });
    expect(await other.read('approvals')).toEqual({ a: 1 });
    const release = await one.lock();
    await expect(other.lock()).rejects.toMatchObject({ code: 'state-dir-busy' });
    await release();
  });

  it('reading alone makes no folder', async () => {
    await openStateDir(join(folder, 'none')).read('git');
    expect(await readdir(folder)).toEqual([]);
  });

  it('parallel writers never leave half a document', async () => {
    const state = openStateDir(folder);
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(5_000));
    await Promise.all(texts.map(text => state.write('git', text)));
    expect(texts).toContain(await state.read('git'));
    expect(await readdir(folder)).toEqual(['git.json']);
  });

  it.each([
    ['a file stands where the folder should be', async (path: string) => writeFile(path, '')],
    ['the folder is a link to nowhere', async (path: string) => symlink(join(path, 'nowhere'), path)],
  ])('cannot be written when %s', async (_, spoil) => {
    const path = join(folder, 'state');
    await spoil(path);
    await expect(openStateDir(path).write('git', {})).rejects.toMatchObject({ code: 'state-dir-unusable' });
    await expect(openStateDir(path).lock()).rejects.toMatchObject({ code: 'state-dir-unusable' });
  });

  it.runIf(process.platform === 'linux')(
    'a folder in which nothing can be made is refused, and said in words',
    async () => {
      const refusal = {
        code: 'state-dir-unusable',
        message: expect.stringContaining('can be made in /proc') as string,
      };
      await expect(openStateDir('/proc/portoser/state').write('git', {})).rejects.toMatchObject(refusal);
      await expect(openStateDir('/proc/portoser/state').lock()).rejects.toMatchObject(refusal);
    },
  );

  it('what the system says is said in words, with the file that it is about', async () => {
    await writeFile(join(folder, 'state'), '');
    await expect(openStateDir(join(folder, 'state')).write('git', {})).rejects.toMatchObject({
      message: `${join(folder, 'state')}: a file stands where a folder is needed`,
      details: { code: 'EEXIST' },
    });
    await expect(openStateDir(join(folder, 'state', 'deep')).read('git')).rejects.toMatchObject({
      message: `${join(folder, 'state', 'deep', 'git.json')}: a folder of its path is a file`,
    });
  });

  it('a document that is no JSON is named', async () => {
    await writeFile(join(folder, 'git.json'), '{');
    await expect(openStateDir(folder).read('git')).rejects.toMatchObject({
      code: 'state-dir-unusable',
      message: expect.stringContaining('git.json') as string,
    });
  });
});

describe('the controller id', () => {
  it('is made once, also by many at once', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => openStateDir(folder).controllerId()));
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(await openStateDir(folder).controllerId()).toBe(ids[0]);
    expect(await readdir(folder)).toEqual(['controller-id']);
  });

  it('is made anew from an empty file', async () => {
    await writeFile(join(folder, 'controller-id'), '');
    expect(await openStateDir(folder).controllerId()).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('the lock', () => {
  it('keeps a second process out until the first one lets go', async () => {
    const first = await startHolder(folder);
    expect(first.said).toBe('locked');
    await expect(openStateDir(folder).lock()).rejects.toMatchObject({
      code: 'state-dir-busy',
      message: expect.stringContaining(`process ${first.child.pid}`) as string,
    });

    first.child.stdin?.end();
    await once(first.child, 'close');

    const release = await openStateDir(folder).lock();
    expect((await startHolder(folder)).said).toBe('state-dir-busy');
    await release();
    expect((await startHolder(folder)).said).toBe('locked');
  });

  it('ends with a process that is killed', async () => {
    const first = await startHolder(folder);
    expect(first.said).toBe('locked');

    first.child.kill('SIGKILL');
    await once(first.child, 'close');

    expect((await startHolder(folder)).said).toBe('locked');
  });

  it('clears away what processes left that were killed while they wrote, and nothing of those that run', async () => {
    const left = `.${2 ** 22 + 1}-0123456789ab.tmp`;
    const mine = `.${process.pid}-0123456789ab.tmp`;
    await mkdir(join(folder, 'repos/one'), { recursive: true });
    for (const name of [left, mine, 'repos/one/' + left, '.user.tmp']) await writeFile(join(folder, name), '{');
    await (
      await openStateDir(folder, 'repos/one').lock()
    )();
    expect((await readdir(folder)).toSorted()).toEqual([mine, '.user.tmp', 'lock', 'repos'].toSorted());
    expect(await readdir(join(folder, 'repos/one'))).toEqual([]);
  });

  it('is given to one of many that ask at once', async () => {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o700);
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => openStateDir(folder).lock()));
    const won = answers.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []));
    expect(won).toHaveLength(1);
    await Promise.all(won.map(release => release()));
  });

  it('two folders have two locks', async () => {
    const releases = await Promise.all(['a', 'b'].map(name => openStateDir(join(folder, name)).lock()));
    expect(releases).toHaveLength(2);
    await Promise.all(releases.map(release => release()));
  });
});
