// A process is known by its pid and the time of its start.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from '../../reconciler/adapters/journal-file.js';
import { processName, processRuns } from '../../reconciler/adapters/process-name.js';
import { openStateDir } from '../../reconciler/adapters/state-dir.js';
import { anIntent } from '../contracts/journal.js';

describe('the name of a process', () => {
  it('stands for it while it runs, and no longer', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const name = processName(child.pid ?? 0) ?? '';
    expect(name).toMatch(new RegExp(`^${child.pid}:\\S+$`));
    expect(processRuns(name)).toBe(true);

    child.kill('SIGKILL');
    await once(child, 'close');
    expect(processRuns(name)).toBe(false);
  });

  it('does not stand for another one with the same pid', () => {
    expect(processRuns(`${process.pid}:1-00000000`)).toBe(false);
  });

  it.each(['', '12', ':1', '-4:1', 'x:1', `0:1`])('%j stands for nothing', name => {
    expect(processRuns(name)).toBe(false);
  });

  it('is known to the state folder for the process itself', () => {
    const state = openStateDir('/nowhere');
    expect(state.runs(state.processName)).toBe(true);
  });
});

/** On Linux alone do processes share a folder and not see each other. */
describe.runIf(process.platform === 'linux')('a process that one cannot see, in another container', () => {
  const scope = 'repos/one';
  /** No pid here is as high (proc(5), pid_max). */
  const elsewhere = `${2 ** 22 + 1}:7-00000000`;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portoser-process-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('lives as long as it holds its journal, and nothing in it is taken for left', async () => {
    const state = openStateDir(folder, scope);
    const here = openJournal(join(folder, scope), state);
    expect(state.runs(elsewhere)).toBe(false);
    const there = openJournal(join(folder, scope), { processName: elsewhere, runs: () => true });
    await there.begin(anIntent('1'), 1);
    expect([state.runs(elsewhere), state.runs(`${2 ** 22 + 2}:7-00000000`)]).toEqual([true, false]);
    await here.settle(['1']);
    expect(await here.left()).toEqual([]);
    for (let n = 0; n < 3000; n += 1) await there.begin(anIntent(`more ${n}`), n);
    expect(state.runs(elsewhere)).toBe(true);
    await there.close();
    expect(state.runs(elsewhere)).toBe(false);
    expect((await here.left()).length).toBe(3001);
  });
});
