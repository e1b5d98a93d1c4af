// What several processes say at once in one document of the state folder: all of it stands, and none that is killed is in the way.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { savedFiles } from '../../reconciler/adapters/backup-state.js';
import { openStateDir } from '../../reconciler/adapters/state-dir.js';
import { changeApplied, noteAccepted, readApplied } from '../../reconciler/loop/applied.js';
import { noteApprovals, readApprovals } from '../../reconciler/loop/approvals.js';
import { changeFleet, forgetIn, readFleet } from '../../reconciler/loop/fleet.js';
import { aMachine } from '../fakes/specs.js';
import { endChildren } from './end-children.js';

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portoser-notes-'));
});

afterEach(async () => {
  await endChildren(children);
  await rm(folder, { recursive: true, force: true });
});

const addressOf = (path: string): string => JSON.stringify(new URL(`../../reconciler/${path}`, import.meta.url).href);

interface Writer {
  readonly child: ChildProcess;
  /** Lets it begin. */
  go(): void;
  /** Its exit code or signal. */
  readonly ended: Promise<unknown>;
}

/** Another process that has opened the folder and waits; then it does what `words` say. */
async function startWriter(words: string): Promise<Writer> {
  const source = `
    import { openStateDir } from ${addressOf('adapters/state-dir.ts')};
    import { noteApprovals, forgetApprovals } from ${addressOf('loop/approvals.ts')};
    const state = openStateDir(${JSON.stringify(folder)}, 'repos/one');
    const by = { by: 'ada', at: 1 };
    console.log('ready');
    process.stdin.once('end', async () => { ${words} });
    process.stdin.resume();
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => code ?? signal);
  await once(child.stdout, 'data');
  return { child, go: () => child.stdin.end(), ended };
}

const idsOf = (who: string): readonly string[] => Array.from({ length: 6 }, (_, index) => `${who}${index}`);

it('every approval stands, and every one that is used up is gone, of all processes', async () => {
  const state = openStateDir(folder, 'repos/one');
  const used = idsOf('used');
  await noteApprovals(state, used, { by: 'bob', at: 0 });
  const saying = ['a', 'b', 'c', 'd'].map(who => ({ ids: idsOf(who), how: 'noteApprovals(state, [id], by)' }));
  const eating = { ids: used, how: 'forgetApprovals(state, new Set([id]))' };
  const writers = await Promise.all(
    [...saying, eating].map(({ ids, how }) =>
      startWriter(`for (const id of ${JSON.stringify(ids)}) await ${how}; process.exit(0);`),
    ),
  );

  for (const one of writers) one.go();
  await Promise.all(idsOf('here').map(id => noteApprovals(state, [id], { by: 'eve', at: 2 })));

  expect(await Promise.all(writers.map(one => one.ended))).toEqual([0, 0, 0, 0, 0]);
  const all = [...saying.flatMap(one => one.ids), ...idsOf('here')];
  expect(Object.keys(await readApprovals(state)).toSorted()).toEqual(all.toSorted());
}, 60_000);

it('one that is killed in the middle leaves it as it was, and is not in the way', async () => {
  const state = openStateDir(folder, 'repos/one', { patienceMs: 0 });
  await noteApprovals(state, ['first'], { by: 'bob', at: 0 });
  const writer = await startWriter(
    `await state.change('approvals', before => { process.kill(process.pid, 'SIGKILL'); return before; });`,
  );
  writer.go();
  expect(await writer.ended).toBe('SIGKILL');

  await noteApprovals(state, ['second'], { by: 'eve', at: 1 });

  expect(Object.keys(await readApprovals(state))).toEqual(['first', 'second']);
});

it('one that does not come to its end is named, and waited for no longer than that', async () => {
  const state = openStateDir(folder, 'repos/one', { patienceMs: 50 });
  const writer = await startWriter(`
    await state.change('approvals', before => {
      console.log('holds it');
      process.kill(process.pid, 'SIGSTOP');
      return { ...before, theirs: by };
    });
    process.exit(0);
  `);
  writer.go();
  await once(writer.child.stdout ?? writer.child, 'data');

  await expect(noteApprovals(state, ['mine'], { by: 'eve', at: 1 })).rejects.toMatchObject({
    code: 'state-note-busy',
    retry: 'backoff',
    message: expect.stringContaining(`process ${writer.child.pid}`) as string,
  });

  writer.child.kill('SIGCONT');
  expect(await writer.ended).toBe(0);
  await noteApprovals(state, ['mine'], { by: 'eve', at: 1 });
  expect(Object.keys(await readApprovals(state))).toEqual(['theirs', 'mine']);
});

it('what a person accepts while a pass notes what it applied is kept, and so is what is forgotten of the fleet', async () => {
  const [pass, person] = [openStateDir(folder, 'repos/one'), openStateDir(folder, 'repos/one')];
  await changeFleet(pass, () => ({ machines: [aMachine('m1')], leaving: [aMachine('m2'), aMachine('m3')] }));
  await Promise.all([
    changeApplied(pass, before => ({ ...before, appliedCommit: 'applied' })),
    noteAccepted(person, 'accepted'),
    changeFleet(pass, before => forgetIn(before, 'm2')),
    changeFleet(person, before => forgetIn(before, 'm3')),
  ]);
  expect(await readApplied(pass)).toEqual({ appliedCommit: 'applied', acceptedCommit: 'accepted' });
  expect(await readFleet(pass)).toEqual({ machines: [aMachine('m1')], leaving: [] });
});

it('is left as it is by who has nothing to change', async () => {
  const state = openStateDir(folder);
  await state.change('git', () => ({ a: 1 }));
  await state.change('git', before => before);
  await state.change('fleet', () => undefined);
  expect(await readFile(join(folder, 'git.json'), 'utf8')).toBe('{\n  "a": 1\n}\n');
  expect(await state.read('fleet')).toBeUndefined();
});

it('no backup has what is only held while it is changed', async () => {
  const state = openStateDir(folder, 'repos/one');
  await noteApprovals(state, ['plan'], { by: 'ada', at: 1 });
  await noteAccepted(state, 'head');
  const paths: string[] = [];
  for await (const { path } of savedFiles(folder)) paths.push(path);
  expect(paths).toEqual(['repos/one/git.json']);
});
