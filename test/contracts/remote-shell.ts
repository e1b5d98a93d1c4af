// What every RemoteShell does, whether it runs commands here or over SSH. The machine must share processes and loopback with the test.
import { createServer, type Server } from 'node:net';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { document, secret, sh } from '../../reconciler/commands/command.js';
import type { RemoteShell } from '../../reconciler/ports.js';
import type { Machine } from '../../schema/registry-types.js';

export interface ShellUnderTest {
  readonly shell: RemoteShell;
  readonly machine: Machine;
  stop(): Promise<void>;
}

/** What the shell under test must reveal for every reference. */
export const contractSecret = "pa$$ 'wörd'";

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A machine with nothing special about it. */
export function plainMachine(more: Partial<Machine> & Pick<Machine, 'host'>): Machine {
  return {
    name: 'm1',
    port: 22,
    user: 'root',
    platform: process.platform === 'darwin' ? 'darwin' : 'linux',
    hostKeys: [],
    jump: [],
    sudo: 'auto',
    tags: [],
    at: { file: 'registry.yml', line: 1, column: 1 },
    ...more,
  };
}

export function remoteShellContract(name: string, open: () => Promise<ShellUnderTest>): void {
  describe(`${name} as RemoteShell`, () => {
    let under: ShellUnderTest;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under.stop());
    const run: (command: ReturnType<typeof sh>, more?: object) => ReturnType<RemoteShell['run']> = (command, more) =>
      under.shell.run(under.machine, command, { timeLimitMs: 20_000, ...more });

    it('answers output, errors and exit code', async () => {
      const result = await run(sh`echo ${'a b'}; echo ${'ü'} >&2; exit 3`);
      expect(result).toEqual({
        machine: 'm1',
        display: "echo 'a b'; echo 'ü' >&2; exit 3",
        code: 3,
        stdout: 'a b\n',
        stderr: 'ü\n',
        durationMs: expect.any(Number),
        timedOut: false,
        lost: false,
        truncated: false,
      });
    });

    it('does not take an end by a signal for success', async () => {
      const result = await run(sh`kill -9 $$`);
      // A login shell that stays in between makes 128 + 9 of it.
      expect([null, 137]).toContain(result.code);
      expect([result.timedOut, result.lost]).toEqual([false, false]);
    });

    it('runs in a home folder, with an empty standard input', async () => {
      const result = await run(sh`cat; cd && pwd`);
      expect([result.code, result.stdout]).toEqual([0, expect.stringMatching(/^\/.*\n$/)]);
    });

    const carry = (from: ReturnType<typeof sh>, to: ReturnType<typeof sh>, more: object = {}) =>
      under.shell.carry(
        { machine: under.machine, command: from },
        { machine: under.machine, command: to },
        { stallMs: 20_000, ...more },
      );

    it('carries every byte of one command into another', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'portoser-carry-'));
      const bytes = randomBytes(5_000_000);
      writeFileSync(join(folder, 'a'), bytes);
      const into = join(folder, 'b');
      let told = 0;
      const onBytes = (count: number): void => void (told = count);
      const carried = await carry(sh`cat ${join(folder, 'a')}`, sh`cat >${into}`, { onBytes });
      expect([carried.bytes, told, carried.from.code, carried.to.code]).toEqual([bytes.length, bytes.length, 0, 0]);
      expect(readFileSync(into).equals(bytes)).toBe(true);
      rmSync(folder, { recursive: true });
    });

    it('tells how each of both ended', async () => {
      const failed = await carry(sh`printf abc; echo no >&2; exit 3`, sh`cat >/dev/null; exit 4`);
      expect(failed).toMatchObject({ bytes: 3, from: { code: 3, stderr: 'no\n' }, to: { code: 4, lost: false } });
    });

    it('does not wait for what nobody takes any more', async () => {
      const early = await carry(sh`cat /dev/zero`, sh`head -c 100000 >/dev/null; echo full >&2; exit 5`);
      expect(early.to).toMatchObject({ code: 5, stderr: 'full\n' });
      expect(early.from.code).not.toBe(0);
    });

    it('ends both when nothing comes, and when it is interrupted', async () => {
      const silent = await carry(sh`exec sleep 100`, sh`cat >/dev/null`, { stallMs: 200 });
      expect([silent.from.timedOut, silent.to.timedOut]).toEqual([true, true]);
      const abort = new AbortController();
      const endless = carry(sh`cat /dev/zero`, sh`cat >/dev/null`, {
        signal: abort.signal,
        onBytes: () => abort.abort(),
      });
      expect((await endless).to.timedOut).toBe(true);
    });

    it('streams standard output as it comes', async () => {
      const chunks: Uint8Array[] = [];
      const result = await run(sh`echo one; sleep 0.2; echo two; echo no >&2`, {
        onOutput: (chunk: Uint8Array) => chunks.push(chunk),
      });
      expect(Buffer.concat(chunks).toString()).toBe('one\ntwo\n');
      expect(result.stdout).toBe('one\ntwo\n');
      expect(chunks.length).toBeGreaterThan(1);
    });

    it('keeps the end of what is too long', async () => {
      const result = await run(sh`i=0; while [ $i -lt 5000 ]; do echo "line $i äöü"; i=$((i+1)); done`, {
        outputLimit: 1000,
      });
      expect(result.truncated).toBe(true);
      expect(Buffer.byteLength(result.stdout)).toBeLessThanOrEqual(1000);
      expect(result.stdout.endsWith('line 4999 äöü\n')).toBe(true);
      expect(result.stdout).not.toContain('\uFFFD');
    });

    it('carries large documents there and large outputs back', async () => {
      const bytes = Buffer.alloc(1024 * 1024, 'abcdefghijklmno\n');
      const result = await run(sh`cat ${document('bytes', bytes)}`);
      expect([result.code, result.truncated]).toEqual([0, false]);
      expect(Buffer.from(result.stdout, 'base64').equals(bytes)).toBe(true);
    });

    it('runs many at once', async () => {
      const results = await Promise.all(Array.from({ length: 40 }, (_, index) => run(sh`echo ${index}`)));
      expect(results.map(result => result.stdout)).toEqual(Array.from({ length: 40 }, (_, index) => `${index}\n`));
    });

    it('reveals secrets to the script, and to no argument list', async () => {
      const password = secret({ source: 'test', name: 'password' });
      const result = await run(sh`PASSWORD=${password}; export PASSWORD; printf %s "$PASSWORD"; ps -A -ww -o args >&2`);
      expect(result.stdout).toBe(contractSecret);
      expect(result.stderr).toContain('ps -A');
      expect(result.stderr).not.toContain(contractSecret);
      expect(result.display).not.toContain(contractSecret);
    });

    it('ends the whole group when the time is over', async () => {
      const result = await run(sh`echo $$; sleep 60 & echo $!; sleep 60; echo never`, { timeLimitMs: 500 });
      expect([result.code, result.timedOut, result.lost]).toEqual([null, true, false]);
      await expectGone(result.stdout, 2);
    });

    it('kills what does not listen to TERM', async () => {
      const result = await run(sh`trap '' TERM; echo $$; (while :; do sleep 60; done) & echo $!; wait`, {
        timeLimitMs: 500,
      });
      expect([result.code, result.timedOut, result.lost]).toEqual([null, true, false]);
      await expectGone(result.stdout, 2);
    });

    it('ends the group when it is interrupted', async () => {
      const controller = new AbortController();
      let said = '';
      const running = run(sh`sleep 60 & echo $!; sleep 60`, {
        signal: controller.signal,
        onOutput: (chunk: Uint8Array) => {
          said += Buffer.from(chunk).toString();
          controller.abort();
        },
      });
      await expect(running).rejects.toMatchObject({ code: 'interrupted' });
      await expectGone(said, 1);
      await expect(run(sh`true`, { signal: controller.signal })).rejects.toMatchObject({ code: 'interrupted' });
    });

    it('does not wait for a background process that holds the output', async () => {
      const result = await run(sh`sleep 60 & echo $!`);
      expect(result.code).toBe(0);
      process.kill(Number(result.stdout));
    });

    it('leaves a detached process alone', async () => {
      const result = await run(sh`(exec sleep 60 </dev/null >/dev/null 2>&1) & echo $!`);
      const pid = Number(result.stdout);
      expect(isAlive(pid)).toBe(true);
      process.kill(pid);
      expect(result.truncated).toBe(false);
    });

    describe('dial', () => {
      let server: Server;
      let port: number;
      beforeAll(async () => {
        server = createServer(socket => void socket.pipe(socket)).listen(0, '127.0.0.1');
        await once(server, 'listening');
        port = (server.address() as { port: number }).port;
      });
      afterAll(() => void server.close());

      it('opens a byte stream from there', async () => {
        const stream = await under.shell.dial(under.machine, '127.0.0.1', port, 5000);
        const bytes = Buffer.alloc(300_000, 'echo');
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.end(bytes);
        await once(stream, 'end');
        expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
        stream.destroy();
      });

      it('opens many at once', async () => {
        const streams = await Promise.all(
          Array.from({ length: 30 }, () => under.shell.dial(under.machine, '127.0.0.1', port, 5000)),
        );
        streams.forEach(stream => stream.destroy());
        expect(streams).toHaveLength(30);
      });

      it('tells that nothing accepts', async () => {
        const closed = createServer().listen(0, '127.0.0.1');
        await once(closed, 'listening');
        const free = (closed.address() as { port: number }).port;
        closed.close();
        await once(closed, 'close');
        await expect(under.shell.dial(under.machine, '127.0.0.1', free, 5000)).rejects.toMatchObject({
          code: 'command-failed',
        });
      });
    });
  });
}

/** The numbers that a script printed are processes, as many as expected, and end. */
async function expectGone(printed: string, count: number): Promise<void> {
  const pids = printed.trim().split('\n').map(Number);
  expect(pids).toHaveLength(count);
  await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([]);
}
