// The doctor's own questions, by a real shell as a user who is not root, with programs in the place of sudo and docker.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { render } from '../../reconciler/commands/command.js';
import { doctorCommand, type DoctorAsk } from '../../reconciler/commands/doctor.js';
import { readProbe } from '../../reconciler/commands/probe.js';
import { shells } from './supervise-shells.js';

/** Nobody's, by number: what belongs to us must be closed to it. */
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;

let top = '';
const at = (...parts: readonly string[]): string => join(top, ...parts);

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'portoser-doctor-'));
  chmodSync(top, 0o755);
  for (const [folder, mode] of [
    ['programs', 0o755],
    ['home', 0o777],
    ['open', 0o777],
    ['closed', 0o555],
  ] as const) {
    mkdirSync(at(folder));
    chmodSync(at(folder), mode);
  }
  for (const name of ['id', 'sh']) {
    const real = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    program(name, `exec ${real} "$@"`);
  }
});
afterEach(() => {
  chmodSync(at('closed'), 0o755);
  rmSync(top, { recursive: true, force: true });
});

function program(name: string, body: string): void {
  writeFileSync(at('programs', name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  chmodSync(at('programs', name), 0o755);
}

function ask(more: Partial<DoctorAsk> = {}, shell = shells[0]) {
  const command = doctorCommand({ nonce: 'n0', sudo: 'auto', cluster: 'c', folders: [], docker: false, ...more });
  const input = render(command).replace(/^PATH=.*; LC_ALL=C/m, 'LC_ALL=C');
  const env = { PATH: at('programs'), HOME: at('home'), DOCKER_HOST: 'unix:///nowhere' };
  const found = spawnSync('/bin/sh', ['-c', `command -v ${shell?.program ?? 'sh'}`], {
    encoding: 'utf8',
  }).stdout.trim();
  const options = { input, env, encoding: 'utf8', ...(isRoot ? { uid: nobody } : {}) } as const;
  const { stdout, stderr, status } = spawnSync(found, [...(shell?.words ?? []), '-s'], options);
  const sections = readProbe(stdout, 'n0');
  const linesOf = (name: string) =>
    sections?.find(one => one.name === name)?.lines.filter(line => line !== '' && line !== 'linger no');
  return { doctor: linesOf('doctor'), engine: linesOf('engine'), stderr, status };
}

describe.each(shells)('$name', shell => {
  test('folders, and what is not there yet, by whether we may write there', () => {
    const folders = ['open', 'open/new/deep', 'closed', 'closed/new'].map(path => at(path));
    const { doctor, stderr } = ask({ folders }, shell);
    expect(doctor).toEqual(['sudo missing', 'state yes', 'folder 0 yes', 'folder 1 yes', 'folder 2 no', 'folder 3 no']);
    expect(stderr).toBe('');
    expect([readdirSync(at('home')), readdirSync(at('open'))]).toEqual([[], []]);
  });

  test('a state folder that is ours to read only', () => {
    const state = at('home/.local/state/portoser/clusters/c');
    mkdirSync(join(state, 'stamps'), { recursive: true });
    if (isRoot) chownSync(state, nobody, nobody);
    chmodSync(join(state, 'stamps'), 0o555);
    expect(ask({}, shell).doctor).toEqual(['sudo missing', 'state no']);
    if (isRoot) chownSync(join(state, 'stamps'), nobody, nobody);
    chmodSync(join(state, 'stamps'), 0o755);
    expect(ask({}, shell).doctor).toEqual(['sudo missing', 'state yes']);
  });

  test.each([
    ['works', 'auto', 'exit 0', 'yes'],
    ['asks for a password', 'auto', 'exit 1', 'password'],
    ['is forbidden', 'never', 'exit 0', 'never'],
  ] as const)('sudo %s', (_, sudo, body, word) => {
    program('sudo', body);
    expect(ask({ sudo }, shell).doctor?.[0]).toBe(`sudo ${word}`);
  });
});

describe('docker', () => {
  const answers = (compose: string): string =>
    `case "$*" in "version --format {{.Server.Version}}") echo 28.1.0 ;; "compose version --short") ${compose} ;; *) exit 1 ;; esac`;

  test.each([
    ['with its plugin', answers('echo v2.35.1'), ['docker 28.1.0', 'compose v2.35.1 docker compose', 'engine ok']],
    ['without Compose', answers('exit 1'), ['docker 28.1.0', 'engine ok']],
    ['that does not answer', 'exit 1', ['engine down']],
  ])('%s', (_, body, said) => {
    program('docker', body);
    expect(ask({ docker: true }).engine).toEqual(said);
  });

  test('with the older program alone', () => {
    program('docker', answers('exit 1'));
    program('docker-compose', 'echo 1.29.2');
    expect(ask({ docker: true }).engine).toEqual(['docker 28.1.0', 'compose 1.29.2 docker-compose', 'engine ok']);
  });

  test('that is not there, or not asked for', () => {
    expect(ask({ docker: true }).engine).toEqual(['engine missing']);
    expect(ask().engine).toBeUndefined();
  });
});
