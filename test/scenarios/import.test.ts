// `portoser import` as a process: where the result and the remarks go, what is never written over, and its exit codes.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { program } from '../program.js';

let top = '';

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'portoser-import-'));
  await writeFile(join(top, 'old.yml'), old);
  await writeFile(join(top, 'clean.yml'), old.replace('    tls_cert: /web/cert.pem\n', ''));
});
afterAll(async () => {
  await rm(top, { recursive: true, force: true });
});

const old = `hosts:
  m1: {ip: 10.0.0.1, ssh_user: admin, arch: amd64-linux, path: /srv/cluster}
services:
  web:
    current_host: m1
    deployment_type: docker
    docker_compose: /web/docker-compose.yml
    port: 8080
    tls_cert: /web/cert.pem
`;

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function portoser(...words: readonly string[]): Promise<Ended> {
  const env = { PATH: process.env['PATH'], HOME: top, PORTOSER_STATE_DIR: join(top, 'state') };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, ...words], { cwd: top, env });
    return { code: 0, out: stdout, err: stderr };
  } catch (thrown) {
    const { code, stdout, stderr } = thrown as {
      readonly code: number;
      readonly stdout: string;
      readonly stderr: string;
    };
    return { code, out: stdout, err: stderr };
  }
}

const here = (name: string): Promise<string> => readFile(join(top, name), 'utf8');

it('prints the registry, and beside it what it could not carry over', async () => {
  const { code, out, err } = await portoser('import', 'old.yml');
  expect({ code, err }).toEqual({
    code: 2,
    err: '1 machine and 1 service were carried over.\n1 thing to see to:\n  old.yml:9:5 services.web.tls_cert: certificates of one’s own have no counterpart\n',
  });
  expect(out).toContain('  web:\n    type: docker\n    machine: m1\n    path: /srv/cluster/web\n');
});

it('writes what our own validation takes, and never over a file without a yes', async () => {
  expect(await portoser('import', 'clean.yml', '--write')).toMatchObject({ code: 0, out: 'Wrote registry.yml.\n' });
  const written = await here('registry.yml');
  expect(await portoser('--path', join(top, 'registry.yml'), 'registry', 'validate')).toMatchObject({ code: 0 });
  const again = await portoser('import', 'old.yml', '--write');
  expect(again).toMatchObject({ code: 1, out: '' });
  expect(again.err).toContain('registry.yml is there already');
  expect(await here('registry.yml')).toBe(written);
  expect(await portoser('import', 'clean.yml', '-o', 'out/new.yml')).toMatchObject({ code: 0 });
  expect(await here('out/new.yml')).toBe(written);
  await writeFile(join(top, 'registry.yml'), 'mine\n');
  expect(await portoser('import', 'clean.yml', '--write', '--yes')).toMatchObject({ code: 0 });
  expect(await here('registry.yml')).toBe(written);
});

it('says what is wrong with a file that it cannot read, and writes nothing', async () => {
  await writeFile(join(top, 'broken.yml'), 'hosts:\n  a: {\n');
  const broken = await portoser('import', 'broken.yml', '-o', 'never.yml');
  expect(broken.code).toBe(1);
  expect(broken.out).toMatch(/^broken\.yml:\d+:\d+ error /);
  await expect(here('never.yml')).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await portoser('import', 'nowhere.yml')).toMatchObject({ code: 1, out: '' });
  expect(await portoser('import')).toMatchObject({ code: 1 });
});

it.each([
  ['import nowhere.yml', 'nowhere.yml cannot be read: there is no such file or folder'],
  ['import . ', '. cannot be read: it is a folder'],
  ['import old.yml -o . --yes', '. cannot be written: it is a folder'],
  ['import old.yml -o old.yml/y', 'old.yml/y cannot be written: a file stands where a folder is needed'],
  ['init old.yml', 'old.yml/registry.yml cannot be written: a file stands where a folder is needed'],
])('a path that leads nowhere is told as that: %s', async (line, wanted) => {
  const { code, out, err } = await portoser(...line.trim().split(' '));
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain(wanted);
  expect(err).toContain('[file-refused]');
  expect(err).not.toContain('    at ');
});

it('in JSON says all of it', async () => {
  const { code, out, err } = await portoser('import', 'old.yml', '--json');
  expect({ code, err }).toEqual({ code: 2, err: '' });
  expect(JSON.parse(out)).toMatchObject({
    machines: 1,
    services: 1,
    text: expect.stringContaining('type: docker') as string,
    remarks: [{ file: 'old.yml', line: 9, column: 5, path: 'services.web.tls_cert' }],
  });
});
