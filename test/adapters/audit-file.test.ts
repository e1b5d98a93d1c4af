// The audit log on the disk: a chain that shows what was done to it, also after kills, by several processes, and without room.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAudit } from '../../reconciler/adapters/audit-file.js';
import type { AuditEntry, AuditRecord } from '../../schema/audit.js';
import { AppError } from '../../schema/errors.js';

let state = '';
const folder = () => join(state, 'audit');
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'portoser-audit-'));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const entry = (what: string): AuditEntry => ({
  at: 1_764_300_000_000,
  who: { name: 'ada', by: 'cli' },
  from: 'here',
  what,
  input: { text: 'line\nseparators \u2028 ü' },
  result: 'begun',
});

it('a state folder that is a file is told in words, not as a bug', async () => {
  writeFileSync(join(state, 'file'), '');
  const records = openAudit(join(state, 'file')).records(0)[Symbol.asyncIterator]();
  await expect(records.next()).rejects.toMatchObject({
    code: 'state-dir-unusable',
    message: expect.stringContaining('a folder of its path is a file') as string,
  });
});

async function write(count: number, options = {}): Promise<readonly AuditRecord[]> {
  const audit = openAudit(state, options);
  const records: AuditRecord[] = [];
  for (let at = 0; at < count; at += 1) records.push(await audit.append(entry(`deed-${at}`)));
  return records;
}

async function all(after = 0): Promise<readonly AuditRecord[]> {
  const found: AuditRecord[] = [];
  for await (const record of openAudit(state).records(after)) found.push(record);
  return found;
}

const verify = () => openAudit(state).verify([]);
const files = () => readdirSync(folder()).filter(name => name.endsWith('.jsonl'));
const path = (name = '0000001.jsonl') => join(folder(), name);
const linesOf = (name?: string) => readFileSync(path(name), 'utf8').trimEnd().split('\n');
const put = (lines: readonly string[], name?: string) => writeFileSync(path(name), `${lines.join('\n')}\n`);

describe('an audit log', () => {
  it('holds what was told in its order, each record with the hash of the one before', async () => {
    const written = await write(3);
    expect(await all()).toEqual(written);
    expect(written.map(one => one.seq)).toEqual([1, 2, 3]);
    expect(written[2]?.prev).toBe(written[1]?.hash);
    expect(await all(2)).toEqual(written.slice(2));
    expect(await verify()).toEqual({
      whole: true,
      records: 3,
      log: written[0]?.prev.slice(0, 16),
      head: { seq: 3, hash: written[2]?.hash },
      halfLines: [],
      anchors: ['its own note of its end'],
    });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it('that was never written to is whole', async () => {
    expect(await verify()).toEqual({ whole: true, records: 0, halfLines: [], anchors: [] });
    expect(await openAudit(state).log()).toBeUndefined();
  });

  it('goes on in the next file, and its chain too', async () => {
    const written = await write(10, { fileBytes: 1000 });
    expect(files().length).toBeGreaterThan(2);
    expect(await all()).toEqual(written);
    expect(await all(7)).toEqual(written.slice(7));
    expect(await verify()).toMatchObject({ whole: true, records: 10 });
  });
});

describe('what was done to it', () => {
  const other = 'deed-x';
  it.each([
    ['a record is edited', 'edited', 2, (lines: string[]) => lines.with(1, (lines[1] ?? '').replace('deed-1', other))],
    [
      'the last record is edited',
      'edited',
      5,
      (lines: string[]) => lines.with(4, (lines[4] ?? '').replace('deed-4', other)),
    ],
    ['a record is removed', 'removed', 3, (lines: string[]) => lines.toSpliced(2, 1)],
    ['the first record is removed', 'removed', 1, (lines: string[]) => lines.slice(1)],
    [
      'two records change places',
      'removed',
      2,
      (lines: string[]) => [lines[0], lines[2], lines[1], lines[3], lines[4]],
    ],
    ['a record is there twice', 'reordered', 2, (lines: string[]) => lines.toSpliced(3, 0, lines[1] ?? '')],
    ['its end is cut off', 'truncated', 4, (lines: string[]) => lines.slice(0, 3)],
    ['its end is made unreadable', 'truncated', 5, (lines: string[]) => lines.with(4, 'x')],
  ] as const)('%s', async (_, kind, seq, edit) => {
    await write(5);
    put(edit(linesOf()) as string[]);
    const { whole, fault } = await verify();
    expect(whole).toBe(false);
    expect(fault).toMatchObject({ kind, seq });
    // And the next record does not cover it up.
    await write(1);
    expect((await verify()).fault?.seq).toBe(seq);
  });

  it('a record is written anew, with a hash that fits', async () => {
    const written = await write(3);
    const elsewhere = mkdtempSync(join(tmpdir(), 'portoser-audit-'));
    await openAudit(elsewhere).append(entry(other));
    const [forged = ''] = readFileSync(join(elsewhere, 'audit/0000001.jsonl'), 'utf8').split('\n');
    rmSync(elsewhere, { recursive: true });
    put([forged, ...linesOf().slice(1)]);
    expect((await verify()).fault).toMatchObject({ kind: 'replaced', seq: 1, place: '0000001.jsonl:2' });
    expect(written).toHaveLength(3);
  });

  it('all of it, its own note too, is seen by who knows one of its records', async () => {
    const written = await write(4);
    rmSync(folder(), { recursive: true });
    await write(6);
    const known = written[2];
    const anchor = { name: 'what you noted', seq: 3, hash: known?.hash ?? '' };
    expect(await verify()).toMatchObject({ whole: true });
    expect((await openAudit(state).verify([anchor])).fault).toMatchObject({ kind: 'replaced', seq: 3 });
    rmSync(folder(), { recursive: true });
    await write(2);
    expect((await openAudit(state).verify([anchor])).fault).toMatchObject({ kind: 'truncated', seq: 3 });
  });

  it('a whole file is taken away', async () => {
    await write(12, { fileBytes: 1000 });
    const [, second = ''] = files();
    const [first = ''] = linesOf(second);
    rmSync(path(second));
    expect((await verify()).fault).toMatchObject({ kind: 'removed', seq: (JSON.parse(first) as AuditRecord).seq });
    const last = files().at(-1) ?? '';
    rmSync(path(last));
    await write(1);
    expect(await verify()).toMatchObject({ whole: false });
  });
});

describe('a process that was killed', () => {
  it('in the middle of a line leaves half of one: it is told, and nothing is missing', async () => {
    await write(2);
    appendFileSync(path(), '{"seq":3,"at":17643000');
    expect(await verify()).toMatchObject({ whole: true, records: 2, halfLines: ['0000001.jsonl:3'] });
    await write(2);
    expect(await verify()).toMatchObject({ whole: true, records: 4, halfLines: ['0000001.jsonl:3'] });
  });

  it.each([
    [
      'before it noted the end',
      (head: string) => head.replace(/"seq":\d+/, '"seq":1').replace(/"bytes":\d+/, '"bytes":0'),
    ],
    ['while it noted the end', () => '{"seq":'],
    ['and the note was lost', () => ''],
  ])('%s', async (_, edit) => {
    const [first] = await write(3);
    const head = readFileSync(path('head.json'), 'utf8').replace(/"hash":"\w+"/, `"hash":"${first?.hash ?? ''}"`);
    writeFileSync(path('head.json'), edit(head));
    await write(2);
    expect(await verify()).toMatchObject({ whole: true, records: 5, halfLines: [] });
  });

  it('anywhere leaves a log that is whole and goes on', async () => {
    for (let round = 0; round < 4; round += 1) {
      const child = writer(10_000);
      const before = (await verify()).records;
      await until(async () => (await all(before)).length > 5 + round * 3);
      child.kill('SIGKILL');
      await once(child, 'close');
      const { whole, records, fault } = await verify();
      expect(fault).toBeUndefined();
      expect(whole).toBe(true);
      const [next] = await write(1);
      expect(next?.seq).toBe(records + 1);
    }
    expect(await verify()).toMatchObject({ whole: true });
  }, 120_000);
});

const until = async (met: () => Promise<boolean>): Promise<void> => {
  while (!(await met())) await new Promise(resolve => setImmediate(resolve));
};

const tsx = fileURLToPath(import.meta.resolve('tsx'));
const module = fileURLToPath(new URL('../../reconciler/adapters/audit-file.ts', import.meta.url));

/** Another process that tells so many deeds, two at a time. */
function writer(count: number): ChildProcess {
  const code = `const { openAudit } = await import(${JSON.stringify(module)});
const audit = openAudit(${JSON.stringify(state)}, { patienceMs: 60000, fileBytes: 4000 });
const entry = what => ({ at: 1, who: { name: 'p', by: 'cli' }, from: 'here', what, result: 'begun' });
for (let at = 0; at < ${count}; at += 2) await Promise.all([audit.append(entry('a')), audit.append(entry('b'))]);`;
  return spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', code], { stdio: 'ignore' });
}

it('several processes at once lose nothing, and take turns', async () => {
  const children = [writer(20), writer(20), writer(20)];
  const own = await write(10, { patienceMs: 60_000, fileBytes: 4000 });
  const codes = await Promise.all(children.map(async child => ((await once(child, 'close')) as [number])[0]));
  expect(codes).toEqual([0, 0, 0]);
  expect(own).toHaveLength(10);
  expect(await verify()).toMatchObject({ whole: true, records: 70, halfLines: [] });
}, 120_000);

it('those who tell at once in one process share one write', async () => {
  const audit = openAudit(state);
  const records = await Promise.all([1, 2, 3, 4, 5].map(one => audit.append(entry(`deed-${one}`))));
  expect(records.map(one => [one.seq, one.what])).toEqual([1, 2, 3, 4, 5].map(one => [one, `deed-${one}`]));
  expect(await verify()).toMatchObject({ whole: true, records: 5 });
});

it('a log that another one holds is not waited for without end', async () => {
  await write(1);
  const holder = spawn('flock', ['-x', join(folder(), 'lock'), 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  holder.stdin.write('it is held\n');
  await once(holder.stdout, 'data');
  const refused = openAudit(state, { patienceMs: 50 }).append(entry('late'));
  await expect(refused).rejects.toMatchObject({ code: 'audit-unwritable' });
  holder.stdin.end();
  await once(holder, 'close');
  await write(1);
  expect(await verify()).toMatchObject({ whole: true, records: 2 });
});

it('a folder that cannot be written is told as what it is', async () => {
  writeFileSync(join(state, 'audit'), 'no folder');
  const thrown = await openAudit(state)
    .append(entry('x'))
    .catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(AppError);
  expect(thrown).toMatchObject({ code: 'audit-unwritable' });
});

/** A file system of its own needs mount(8). */
it.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')(
  'a full disk: nothing is half written',
  async () => {
    const small = join(state, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'small', small]);
    try {
      const audit = openAudit(small);
      let written = 0;
      const fill = async (): Promise<AppError> => {
        for (;;) {
          try {
            await audit.append({ ...entry('x'), input: 'y'.repeat(3000) });
            written += 1;
          } catch (error) {
            return error as AppError;
          }
        }
      };
      expect(await fill()).toMatchObject({ code: 'audit-unwritable' });
      expect(written).toBeGreaterThan(2);
      const found = await openAudit(small).verify([]);
      expect(found).toMatchObject({ whole: true, halfLines: [] });
      expect(found.records).toBeGreaterThanOrEqual(written);
      execFileSync('mount', ['-o', 'remount,size=256k', small]);
      await audit.append(entry('there is room again'));
      expect(await openAudit(small).verify([])).toMatchObject({ whole: true, records: found.records + 1 });
    } finally {
      execFileSync('umount', ['--lazy', small]);
    }
  },
);
