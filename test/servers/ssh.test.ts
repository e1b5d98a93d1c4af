// The SSH adapter before a real OpenSSH server: sessions, ends, outputs, forwarding, jumps.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { sh } from '../../reconciler/commands/command.js';
import { isAlive } from '../contracts/remote-shell.js';
import { closeAll, machineOf, openClient, startServer } from './ssh-fixture.js';
import type { Sshd } from './sshd.js';

afterEach(closeAll);
const limits = { timeLimitMs: 20_000 };

/** Ends the processes of sshd that serve connections, as a crash of the machine would, and leaves the listener. */
function killConnections(sshd: Sshd): void {
  const script = 'kill -9 $(pgrep -P "$(cat "$1")")';
  execFileSync('sh', ['-c', script, 'sh', `${sshd.dir}/pid`], { stdio: 'ignore' });
}

const logins = (sshd: Sshd): number => sshd.log().split('Accepted publickey').length - 1;

describe('sessions', () => {
  it('shares one connection for all', async () => {
    const sshd = await startServer();
    const shell = openClient();
    const machine = machineOf(sshd);
    await Promise.all(Array.from({ length: 20 }, () => shell.run(machine, sh`true`, limits)));
    await shell.run(machine, sh`true`, limits);
    expect(logins(sshd)).toBe(1);
  });

  it.each([1, 2, 4])('gets 100 commands through MaxSessions %i', async sessions => {
    const sshd = await startServer({ config: [`MaxSessions ${sessions}`] });
    const shell = openClient();
    const machine = machineOf(sshd);
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, index) => shell.run(machine, sh`echo ${index}`, limits)),
    );
    expect(results.map(result => `${result.code} ${result.stdout}`)).toEqual(
      Array.from({ length: 100 }, (_, index) => `0 ${index}\n`),
    );
  });

  it('waits for its own long command where there is one session', async () => {
    const sshd = await startServer({ config: ['MaxSessions 1'] });
    const shell = openClient();
    const machine = machineOf(sshd);
    const long = shell.run(machine, sh`sleep 4; echo long`, limits);
    const others = await Promise.all([1, 2, 3].map(() => shell.run(machine, sh`echo short`, limits)));
    expect([(await long).stdout, ...others.map(one => one.stdout)]).toEqual([
      'long\n',
      'short\n',
      'short\n',
      'short\n',
    ]);
  });

  it('ends a command also where there is no further session for that', async () => {
    const sshd = await startServer({ config: ['MaxSessions 1'] });
    const result = await openClient().run(machineOf(sshd), sh`echo $$; sleep 60`, { timeLimitMs: 500 });
    expect([result.timedOut, result.lost]).toEqual([true, false]);
    await expect.poll(() => isAlive(Number(result.stdout)), { timeout: 10_000 }).toBe(false);
  });

  it.each([1, 2, 10])('lets nobody wait for what is only followed, with MaxSessions %i', async sessions => {
    const sshd = await startServer({ config: [`MaxSessions ${sessions}`] });
    const shell = openClient();
    const machine = machineOf(sshd);
    let pid = '';
    const took = (chunk: Uint8Array): void => void (pid ||= Buffer.from(chunk).toString());
    const follow = (onOutput?: (chunk: Uint8Array) => void) =>
      shell.run(machine, sh`echo $$; sleep 60`, { ...limits, yields: true, ...(onOutput && { onOutput }) }).then(
        () => 'ended',
        (error: { code: string }) => error.code,
      );
    const first = follow(took);
    await expect.poll(() => pid, { timeout: 10_000 }).not.toBe('');
    const others = Array.from({ length: 9 }, () => follow());
    const results = await Promise.all([1, 2, 3, 4, 5, 6].map(() => shell.run(machine, sh`echo x`, limits)));
    expect(results.map(one => one.stdout)).toEqual(Array.from({ length: 6 }, () => 'x\n'));
    const refused = await Promise.race([...others, first]);
    expect(refused).toBe('live-limit');
    await shell.close();
    await Promise.all([first, ...others]);
    if (sessions === 1) await expect.poll(() => isAlive(Number(pid)), { timeout: 10_000 }).toBe(false);
  });

  it('says that a machine opens no session', async () => {
    const sshd = await startServer({ config: ['MaxSessions 0'] });
    await expect(openClient().run(machineOf(sshd), sh`true`, limits)).rejects.toMatchObject({ code: 'machine-shell' });
  });
});

describe('a lost connection', () => {
  it('is no success, and the next command connects anew', async () => {
    const sshd = await startServer();
    const shell = openClient();
    const machine = machineOf(sshd);
    let pid = 0;
    const result = await shell.run(machine, sh`echo $$; sleep 60`, {
      ...limits,
      onOutput: chunk => {
        pid = Number(Buffer.from(chunk).toString());
        killConnections(sshd);
      },
    });
    if (isAlive(pid)) process.kill(-pid, 'SIGKILL');
    expect([result.code, result.lost, result.timedOut]).toEqual([null, true, false]);
    expect((await shell.run(machine, sh`echo back`, limits)).stdout).toBe('back\n');
    expect(logins(sshd)).toBe(2);
  });

  it('between two commands is not noticed by the second', async () => {
    const sshd = await startServer();
    const shell = openClient();
    const machine = machineOf(sshd);
    await shell.run(machine, sh`true`, limits);
    killConnections(sshd);
    expect((await shell.run(machine, sh`echo ok`, limits)).stdout).toBe('ok\n');
  });

  it('of a frozen machine is found by keepalive', async () => {
    const sshd = await startServer();
    const shell = openClient({ keepaliveMs: 100 });
    const children = (): string[] =>
      execFileSync('sh', ['-c', 'pgrep -P "$(cat "$1")"', 'sh', `${sshd.dir}/pid`])
        .toString()
        .split('\n')
        .filter(Boolean);
    let frozen: string[] = [];
    let pid = 0;
    const result = await shell.run(machineOf(sshd), sh`echo $$; sleep 60`, {
      ...limits,
      onOutput: chunk => {
        pid = Number(Buffer.from(chunk).toString());
        frozen = children();
        for (const one of frozen) process.kill(Number(one), 'SIGSTOP');
      },
    });
    for (const one of frozen) process.kill(Number(one), 'SIGKILL');
    if (isAlive(pid)) process.kill(-pid, 'SIGKILL');
    expect([result.code, result.lost]).toEqual([null, true]);
  });
});

describe('a connection that went silent', () => {
  const freeze = (sshd: Sshd): string[] => {
    const pids = execFileSync('sh', ['-c', 'pgrep -P "$(cat "$1")"', 'sh', `${sshd.dir}/pid`])
      .toString()
      .trim()
      .split('\n');
    for (const pid of pids) process.kill(Number(pid), 'SIGSTOP');
    return pids;
  };
  const end = (pids: readonly string[]): void => pids.forEach(pid => process.kill(Number(pid), 'SIGKILL'));

  it('is given up for a new one, before anything was sent', async () => {
    const sshd = await startServer();
    const shell = openClient({ answerLimitMs: 500 });
    await shell.run(machineOf(sshd), sh`true`, limits);
    const frozen = freeze(sshd);
    expect((await shell.run(machineOf(sshd), sh`echo anew`, limits)).stdout).toBe('anew\n');
    end(frozen);
  });

  it('does not keep a command from being ended', async () => {
    const sshd = await startServer();
    let frozen: string[] = [];
    let pid = 0;
    const result = await openClient({ answerLimitMs: 500 }).run(machineOf(sshd), sh`echo $$; sleep 60`, {
      timeLimitMs: 1000,
      onOutput: chunk => {
        pid = Number(Buffer.from(chunk).toString());
        frozen = freeze(sshd);
      },
    });
    expect([result.timedOut, result.lost]).toEqual([true, false]);
    end(frozen);
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });
});

describe('output', () => {
  it('of a gigabyte is cut to its end in bounded memory', async () => {
    const sshd = await startServer();
    const before = process.memoryUsage.rss();
    let most = 0;
    let bytes = 0;
    const result = await openClient().run(
      machineOf(sshd),
      sh`head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo end`,
      {
        timeLimitMs: 200_000,
        onOutput: chunk => {
          bytes += chunk.length;
          most = Math.max(most, process.memoryUsage.rss());
        },
      },
    );
    expect([result.code, result.truncated, bytes]).toEqual([0, true, 1_000_000_005]);
    expect(result.stdout.length).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(result.stdout.endsWith('x\nend\n')).toBe(true);
    expect(most - before).toBeLessThan(300 * 1024 * 1024);
  });

  it('of both kinds at once does not stall', async () => {
    const sshd = await startServer();
    const result = await openClient().run(
      machineOf(sshd),
      sh`head -c 9000000 /dev/zero >&2; head -c 9000000 /dev/zero; echo end; echo end >&2`,
      {
        ...limits,
        outputLimit: 100,
      },
    );
    expect([result.code, result.stdout.endsWith('end\n'), result.stderr.endsWith('end\n')]).toEqual([0, true, true]);
  });

  it('loses what login shells and banners say before', async () => {
    const sshd = await startServer({
      config: [
        'ForceCommand echo noise; echo noise >&2; printf half; exec $SSH_ORIGINAL_COMMAND',
        'Banner /etc/passwd',
      ],
    });
    const result = await openClient().run(machineOf(sshd), sh`echo out; echo err >&2; exit 2`, limits);
    expect([result.code, result.stdout, result.stderr]).toEqual([2, 'out\n', 'err\n']);
  });

  it.each([
    ['exit code 0', 'echo This account is not available'],
    ['exit code 1', 'echo This account is not available; exit 1'],
  ])('without a shell is an error, with %s', async (_name, forced) => {
    const sshd = await startServer({ config: [`ForceCommand ${forced}`] });
    const run = openClient().run(machineOf(sshd), sh`true`, limits);
    await expect(run).rejects.toMatchObject({
      code: 'machine-shell',
      details: { said: 'This account is not available' },
    });
  });

  it.each(['/bin/tcsh -c', '/bin/bash -c', '/usr/bin/busybox sh -c'])('is the same behind %s', async login => {
    const sshd = await startServer({ config: [`ForceCommand ${login} "$SSH_ORIGINAL_COMMAND"`] });
    const result = await openClient().run(machineOf(sshd), sh`echo ${"a'b !$x"}; exit 5`, limits);
    expect([result.code, result.stdout]).toEqual([5, "a'b !$x\n"]);
    const timed = await openClient().run(machineOf(sshd), sh`sleep 60 & echo $!; sleep 60`, { timeLimitMs: 500 });
    expect([timed.timedOut, timed.lost]).toEqual([true, false]);
    await expect.poll(() => isAlive(Number(timed.stdout)), { timeout: 10_000 }).toBe(false);
  });
});

describe('forwarding', () => {
  it('that sshd refuses is told apart from a port where nothing listens', async () => {
    const sshd = await startServer({ config: ['AllowTcpForwarding no'] });
    await expect(openClient().dial(machineOf(sshd), '127.0.0.1', sshd.port, 5000)).rejects.toMatchObject({
      code: 'ssh-forward-refused',
    });
  });

  it('is refused for one place and allowed for another', async () => {
    const sshd = await startServer({ config: ['PermitOpen 127.0.0.1:1'] });
    await expect(openClient().dial(machineOf(sshd), '127.0.0.1', sshd.port, 5000)).rejects.toMatchObject({
      code: 'ssh-forward-refused',
    });
    await expect(openClient().dial(machineOf(sshd), '127.0.0.1', 1, 5000)).rejects.toMatchObject({
      code: 'command-failed',
    });
  });
});

describe('jumps', () => {
  it('go through two servers, over one connection to each', async () => {
    const [first, second, last] = [await startServer(), await startServer(), await startServer()];
    const shell = openClient();
    const hops = [machineOf(first, { name: 'first' }), machineOf(second, { name: 'second' })];
    const machine = machineOf(last, { name: 'last', jump: ['first', 'second'] });
    shell.setMachines([...hops, machine]);
    const results = await Promise.all(
      Array.from({ length: 5 }, () => shell.run(machine, sh`echo "$SSH_CONNECTION"`, limits)),
    );
    expect(results.every(result => result.stdout.trim().endsWith(` ${last.port}`))).toBe(true);
    expect([first, second, last].map(logins)).toEqual([1, 1, 1]);
    await shell.run(hops[0]!, sh`true`, limits);
    expect(logins(first)).toBe(1);
    expect((await shell.hostKeys(machine)).map(shown => shown.key)).toEqual([last.hostKey()]);
  });

  it('follow the hop’s own jump, and name the hop whose key is wrong', async () => {
    const [first, second, last] = [await startServer(), await startServer(), await startServer()];
    const shell = openClient();
    const hops = [machineOf(first, { name: 'first' }), machineOf(second, { name: 'second', jump: ['first'] })];
    const machine = machineOf(last, { name: 'last', jump: ['second'] });
    shell.setMachines([...hops, machine]);
    expect((await shell.run(machine, sh`true`, limits)).code).toBe(0);
    expect(logins(first)).toBe(1);
    shell.setMachines([hops[0]!, { ...hops[1]!, hostKeys: [first.hostKey()] }, machine]);
    await expect(shell.run(machine, sh`true`, limits)).rejects.toMatchObject({
      code: 'ssh-host-key-changed',
      details: { machine: 'second' },
    });
  });

  it('tell where the way ends', async () => {
    const hop = await startServer({ config: ['AllowTcpForwarding no'] });
    const open = await startServer();
    const shell = openClient();
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as { port: number };
    closed.close();
    const down = machineOf(open, { name: 'down', port });
    shell.setMachines([machineOf(hop, { name: 'strict' }), machineOf(open, { name: 'open' }), down]);
    const through = (jump: string) => shell.run({ ...down, jump: [jump] }, sh`true`, limits);
    await expect(through('strict')).rejects.toMatchObject({ code: 'ssh-jump' });
    await expect(through('open')).rejects.toMatchObject({ code: 'ssh-unreachable' });
    await expect(through('down')).rejects.toMatchObject({ code: 'ssh-jump' });
    await expect(through('nobody')).rejects.toMatchObject({ code: 'ssh-jump' });
  });
});

describe('setMachines', () => {
  it('closes the connections of machines that left, after what runs there', async () => {
    const [stays, leaves] = [await startServer(), await startServer()];
    const shell = openClient();
    const [a, b] = [machineOf(stays, { name: 'a' }), machineOf(leaves, { name: 'b' })];
    await shell.run(a, sh`true`, limits);
    const last = await shell
      .run(b, sh`sleep 0.3; echo done`, { ...limits, onOutput: () => undefined })
      .finally(() => undefined);
    const running = shell.run(b, sh`echo started; sleep 0.5; echo done`, {
      ...limits,
      onOutput: () => shell.setMachines([a]),
    });
    expect([last.stdout, (await running).stdout]).toEqual(['done\n', 'started\ndone\n']);
    await expect.poll(() => leaves.log()).toMatch(/Disconnected from|Received disconnect/);
    await shell.run(a, sh`true`, limits);
    expect(logins(stays)).toBe(1);
  });
});
