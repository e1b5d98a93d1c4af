// The shipped systemd unit, as systemd's own tools read it; test/lab/stories/own-unit runs it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../lab/run-program.js';
import { project } from '../program.js';

describe('portoser.service', () => {
  let folder = '';
  let unit = '';
  /** A program that is here stands for one that is installed. */
  const write = async (change: (text: string) => string) => {
    const shipped = await readFile(join(project, 'examples/controller/portoser.service'), 'utf8');
    await writeFile(unit, change(shipped.replace('ExecStart=portoser', 'ExecStart=/bin/true')));
  };
  const analyze = (...words: string[]) => runProgram('systemd-analyze', [...words, '--no-pager', unit]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portoser-unit-'));
    unit = join(folder, 'portoser.service');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has no line that systemd does not know', async () => {
    await write(text => text);
    expect(await analyze('verify')).toEqual({ code: 0, stdout: '', stderr: '' });
    await write(text => text.replace('ProtectClock', 'ProtectClocks'));
    expect((await analyze('verify')).stderr).toContain('ProtectClocks');
  });

  it('leaves little to a controller that somebody has taken over', async () => {
    await write(text => text);
    const threshold = ['--offline=true', '--threshold=20'];
    expect((await analyze('security', ...threshold)).code).toBe(0);
    await write(text => text.replace(/^(Capability|Restrict|SystemCall|Protect).*\n/gm, ''));
    expect((await analyze('security', ...threshold)).code).not.toBe(0);
  });
});
