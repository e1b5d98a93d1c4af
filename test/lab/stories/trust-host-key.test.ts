// Whom Portoser trusts: an unknown host key is refused and named with the one command that trusts it; a changed one never, and the others go on.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlanReport } from '../../../reconciler/operations/plan.js';
import { hostKey, runProgram, withLab } from '../harness.js';
import { freshPerson, type Person } from './forms-person.js';

const lab = withLab({ hosts: 2 });
let person: Person;

const keep = (machine: string) => `
  on-${machine}:
    type: native
    machine: ${machine}
    path: /srv/kept
    command: sleep infinity
    user: root
    health: {type: command, command: 'true'}
`;

beforeAll(async () => {
  person = await freshPerson();
  const machines = [1, 2].map(
    index => `
  m${index}: # the ${index === 1 ? 'first' : 'second'}
    host: ${lab.host(index).address} # by hand
    user: root
    platform: linux`,
  );
  const text = `cluster: trust\nmachines:${machines.join('')}\nservices:${keep('m1')}${keep('m2')}`;
  await person.repo.commit({ 'registry.yml': text }, 'Two machines that nobody knows yet');
});
afterAll(() => person?.remove());

const traces = (index: number): Promise<string> =>
  lab.host(index).must('ls -d /var/lib/portoser /srv/kept 2>/dev/null; systemctl is-active on-m1 on-m2; true');

async function fingerprint(index: number): Promise<string> {
  const file = '/etc/ssh/ssh_host_ed25519_key.pub';
  return (await lab.host(index).must(`ssh-keygen -lf ${file}`)).split(' ')[1] ?? '';
}

/** A new host key, as after a reinstallation, or as somebody in between would show. */
async function changeKey(index: number): Promise<void> {
  const key = '/etc/ssh/ssh_host_ed25519_key';
  await lab
    .host(index)
    .must(`rm -f ${key} ${key}.pub; ssh-keygen -q -t ed25519 -N '' -f ${key}; systemctl restart ssh`);
}

const machinesOf = (report: PlanReport): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries((report.plan?.machines ?? []).map(one => [one.machine, one.error?.code]));

/** Types a line on a terminal and answers its question. */
async function answering(
  line: string,
  answer: string,
): Promise<{ readonly code: number | null; readonly said: string }> {
  const env = { ...person.env, TERM: 'xterm' };
  const child = spawn('script', ['-qec', line, '/dev/null'], { cwd: person.folder, env });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (!said.includes('[y/N]') && (said += String(chunk)).includes('[y/N]')) child.stdin.write(`${answer}\n`);
    else said += String(chunk);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

describe('an unknown host key', () => {
  test('is refused, with its fingerprint and the command that trusts it; nothing is done there', async () => {
    const before = await traces(1);
    const planned = await person.type('portoser plan');
    expect(planned.code).toBe(1);
    expect(planned.stdout).toContain(await fingerprint(1));
    expect(planned.stdout).toContain('portoser machine trust');
    expect(machinesOf(await person.json<PlanReport>('portoser plan', 1))).toEqual({
      m1: 'ssh-host-key-unknown',
      m2: 'ssh-host-key-unknown',
    });
    expect(await person.type('portoser deploy --yes')).toMatchObject({ code: 1 });
    expect(await person.type('portoser run --once')).toMatchObject({ code: 1 });
    expect(await traces(1)).toBe(before);
  });

  test('is not pinned when nobody compares it, nor when the answer is no', async () => {
    const text = person.registry();
    const alone = await person.type('portoser machine trust m1');
    expect(alone).toMatchObject({ code: 1, stdout: '' });
    expect(alone.stderr).toContain(await fingerprint(1));
    expect(alone.stderr).toContain('--yes');
    const refused = await answering('portoser machine trust m1', 'n');
    expect(refused.code).toBe(1);
    expect(refused.said).toContain('Nothing was pinned.');
    expect(person.registry()).toBe(text);
    expect(await person.git('status', '--porcelain')).toBe('');
  });

  test('is pinned in git by `machine trust`, comments kept, and the machine is reached', async () => {
    const accepted = await answering('portoser machine trust m1', 'y');
    expect(accepted.code).toBe(0);
    expect(accepted.said).toContain(await fingerprint(1));
    expect(await person.type('portoser machine trust m2 --yes')).toMatchObject({ code: 0 });
    const text = person.registry();
    for (const index of [1, 2]) expect(text).toContain(hostKey(index));
    expect(text.match(/# by hand/g)).toHaveLength(2);
    expect(await person.git('log', '--format=%an', '-2')).toBe('Ada\nAda');
    expect(await person.type('portoser deploy --yes')).toMatchObject({ code: 0 });
    expect(await traces(1)).toContain('active');
    expect((await person.type('portoser machine trust m1')).stdout).toContain('This is what is pinned.');
  });
});

describe('a changed host key', () => {
  let before: string;
  beforeAll(async () => {
    before = person.registry();
    await changeKey(1);
  });

  test('is never accepted: that machine is left alone, the other goes on', async () => {
    await lab.host(2).must('systemctl stop on-m2');
    const planned = await person.type('portoser plan');
    expect(planned.code).toBe(2);
    expect(planned.stdout).toContain(await fingerprint(1));
    expect(machinesOf(await person.json<PlanReport>('portoser plan', 2))).toEqual({ m1: 'ssh-host-key-changed' });
    expect(await person.type('portoser run --once')).toMatchObject({ code: 1 });
    expect(await lab.host(2).must('systemctl is-active on-m2')).toBe('active\n');
    const status = await person.type('portoser status');
    expect(status.code).toBe(2);
    expect(status.stdout).toContain('m1');
  });

  test('is not pinned by `machine trust` unless it is told to replace', async () => {
    for (const line of ['portoser machine trust m1', 'portoser machine trust m1 --yes']) {
      const ended = await person.type(line);
      expect(ended, line).toMatchObject({ code: 1, stdout: '' });
      expect(ended.stderr, line).toContain('[ssh-host-key-changed]');
    }
    expect(person.registry()).toBe(before);
    expect(await person.type('portoser machine trust m1 --replace --yes')).toMatchObject({ code: 0 });
    expect(person.registry()).not.toContain(hostKey(1));
    expect(await person.type('portoser plan')).toMatchObject({ code: 0 });
  });
});

describe('known_hosts', () => {
  const file = (): string => join(person.home, 'known');
  const withFile = () => ({ env: { PORTOSER_KNOWN_HOSTS: file() } });
  const keyOf = async (index: number): Promise<string> =>
    (await lab.host(index).must('cut -d" " -f1,2 /etc/ssh/ssh_host_ed25519_key.pub')).trim();

  beforeAll(async () => {
    await person.type(`portoser machine update m1 --unset host_key && portoser machine update m2 --unset host_key`);
  });

  test('a hashed entry is trusted', async () => {
    const lines = await Promise.all([1, 2].map(async index => `${lab.host(index).address} ${await keyOf(index)}\n`));
    writeFileSync(file(), lines.join(''));
    expect((await runProgram('ssh-keygen', ['-q', '-H', '-f', file()])).code).toBe(0);
    expect(await person.type('portoser plan', withFile())).toMatchObject({ code: 0 });
  });

  test('a revoked key is refused although it is known', async () => {
    const [one, two] = [await keyOf(1), await keyOf(2)];
    const known = `${lab.host(1).address} ${one}\n${lab.host(2).address} ${two}\n`;
    writeFileSync(file(), `${known}@revoked * ${one}\n`);
    const planned = await person.type('portoser plan', withFile());
    expect(planned.code).toBe(1);
    expect(planned.stdout).toMatch(/m1 .*revokes/);
    expect(planned.stdout).not.toMatch(/· m2/);
  });
});
