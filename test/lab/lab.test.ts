// The lab itself: hosts boot, can be cut off and crashed, keep or lose their disk as they should, and run Docker and uv.
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  containerStarts,
  eventually,
  fileTimes,
  freshRepo,
  hostKey,
  startTimes,
  withLab,
  type LabUser,
} from './harness.js';

const lab = withLab({ hosts: 2, docker: [1], uv: [1] });

const compose = `services:
  web:
    image: lab/web:1
    environment: { GREETING: hello }
    ports: ["8080:8080"]
`;

describe('a lab host', () => {
  test('answers over SSH with code and both outputs', async () => {
    const ended = await lab.host(1).ssh('echo out; echo err >&2; hostname; exit 3');
    expect(ended).toEqual({ code: 3, stdout: 'out\nh1\n', stderr: 'err\n' });
  });

  test.each<[LabUser, string, boolean]>([
    ['root', '/bin/bash', true],
    ['deploy', '/bin/bash', true],
    ['plain', '/bin/bash', false],
    ['tc', '/bin/tcsh', true],
    ['bb', '/usr/local/bin/bbsh', true],
  ])('has the user %s with the shell %s', async (user, shell, sudo) => {
    const script = `id -un; getent passwd "$(id -un)" | cut -d: -f7; sudo -n true 2>/dev/null; echo $?`;
    const ended = await lab.host(2).ssh(script, { user });
    expect(ended.stdout.split('\n').slice(0, 3)).toEqual([user, shell, sudo ? '0' : '1']);
  });

  test('shows the host key that the harness names', async () => {
    const shown = await lab.host(2).must('cat /etc/ssh/ssh_host_ed25519_key.pub');
    expect(shown.startsWith(`${hostKey(2)} `)).toBe(true);
    expect(hostKey(1)).not.toBe(hostKey(2));
  });

  test('is silent while it is cut off, goes on running, and comes back', async () => {
    const host = lab.host(2);
    const before = await startTimes(host, ['ssh.service']);
    await host.cut();
    expect((await host.ssh('true')).code).toBe(255);
    expect((await lab.host(1).ssh('true')).code).toBe(0);
    expect(await startTimes(host, ['ssh.service'])).toEqual(before);
    await host.join();
    expect((await host.ssh('true')).code).toBe(0);
  });

  test('keeps its disk through a crash and loses it by a reset', async () => {
    const host = lab.host(2);
    const machine = await host.must('cat /etc/machine-id');
    await host.must('echo kept >/root/note');
    const before = await fileTimes(host, ['/root/note', '/root/none']);
    const ssh = await startTimes(host, ['ssh.service']);
    await host.crash();
    expect((await host.ssh('true')).code).toBe(255);
    await host.boot();
    expect((await host.ssh('cat /root/note')).stdout).toBe('kept\n');
    expect(await fileTimes(host, ['/root/note', '/root/none'])).toEqual(before);
    expect(before['/root/none']).toBe('absent');
    expect(await startTimes(host, ['ssh.service'])).not.toEqual(ssh);
    await host.reset();
    expect((await host.ssh('cat /root/note')).code).toBe(1);
    expect(await host.must('cat /etc/machine-id')).toBe(machine);
  });

  test('runs Docker Compose with the image of the lab', async () => {
    const host = lab.host(1);
    const up = `mkdir -p /srv/web && cd /srv/web && cat >compose.yml <<'E'\n${compose}E\ndocker compose up -d`;
    expect(await host.ssh(up, { user: 'root' })).toMatchObject({ code: 0 });
    const greeting = async () => (await host.ssh('curl -sf localhost:8080/env')).stdout;
    expect(await eventually('the web server answers', async () => (await greeting()) || undefined)).toContain(
      'GREETING=hello',
    );
    expect((await host.ssh('curl -s localhost:8080/; curl -s localhost:8080/health')).stdout).toBe('web 1\nok\n');
    const before = await containerStarts(host, ['web-web-1']);
    await host.ssh('cd /srv/web && docker compose up -d');
    expect(await containerStarts(host, ['web-web-1'])).toEqual(before);
    await host.ssh('docker restart web-web-1');
    expect(await containerStarts(host, ['web-web-1'])).not.toEqual(before);
  });

  test('crashes also with a paused container', async () => {
    const host = lab.host(1);
    await host.must('docker run -d --name still lab/web:2 && docker pause still');
    await host.crash();
    await host.boot();
    expect(await host.must('docker inspect -f "{{.State.Status}}" still')).toBe('exited\n');
  });
});

describe('uv on a lab host', () => {
  const answers = (port: number) => async () =>
    (await lab.host(1).inside(`curl -sf localhost:${port}/`)).stdout || undefined;

  test('runs an application from its lock, offline', async () => {
    const host = lab.host(1);
    await host.put('uv-app', '/home/plain/uv-app', 'plain');
    expect(await host.ssh('cd uv-app && uv sync --frozen', { user: 'plain' })).toMatchObject({ code: 0 });
    const unit =
      'systemd-run -q --unit=uv-app -p User=plain -p WorkingDirectory=/home/plain/uv-app -E PORT=8101 -E GREETING=good-day';
    await host.must(`${unit} uv run --frozen python server.py`);
    expect(await eventually('the application answers', answers(8101))).toBe('good-day from six 1.17.0\n');
    expect(await host.must('curl -s localhost:8101/health')).toBe('ok\n');
  });

  test('runs an application from its requirements, offline', async () => {
    const host = lab.host(1);
    await host.put('pip-app', '/srv/pip-app');
    expect(await host.ssh('cd /srv/pip-app && uv venv && uv pip sync requirements.txt')).toMatchObject({ code: 0 });
    await host.must('cd /srv/pip-app && systemd-run -q --unit=pip-app -d -E PORT=8102 .venv/bin/python server.py');
    expect(await eventually('the application answers', answers(8102))).toBe('hello from six 1.17.0\n');
  });
});

test('a fresh repository takes commits and pushes', async () => {
  const repo = await freshRepo();
  try {
    const first = await repo.commit({ 'registry.yml': 'cluster: one\n', 'a/b.txt': 'b\n' }, 'first');
    await repo.push();
    const second = await repo.commit({ 'a/b.txt': null }, 'second');
    await repo.push();
    expect(await repo.git('--git-dir', repo.bare, 'log', '--format=%H', 'main')).toBe(`${second}\n${first}`);
    expect(await repo.git('--git-dir', repo.bare, 'ls-tree', '-r', '--name-only', 'main')).toBe('registry.yml');
  } finally {
    repo.remove();
  }
  expect(existsSync(repo.dir)).toBe(false);
});
