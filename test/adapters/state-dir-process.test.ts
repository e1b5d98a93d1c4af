// A process is known by its pid and the time of its start.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { processName, processRuns } from '../../reconciler/adapters/process-name.js';
import { openStateDir } from '../../reconciler/adapters/state-dir.js';

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
