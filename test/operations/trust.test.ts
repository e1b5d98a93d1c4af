// Trusting a machine over real SSH: shown first, pinned only as accepted, never replaced unasked.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EmbeddedMachine, startEmbeddedMachine } from '../../reconciler/adapters/embedded-machine.js';
import { newKeyPair } from '../../reconciler/adapters/ssh-new-key.js';
import type { Engine, InputOf } from '../../reconciler/engine.js';
import { openEngine } from '../../reconciler/main.js';

let top: string;
let machine: EmbeddedMachine;
let engine: Engine;

async function git(...words: string[]): Promise<string> {
  return (await promisify(execFile)('git', ['-C', top, ...words])).stdout.trim();
}

beforeEach(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-trust-')));
  const keys = await newKeyPair();
  await writeFile(join(top, 'key'), keys.private, { mode: 0o600 });
  await mkdir(join(top, 'machine'));
  machine = await startEmbeddedMachine({ name: 'm1', folder: join(top, 'machine'), authorizedKey: keys.public });
  await git('init', '-q', '-b', 'main');
  await git('config', 'user.name', 'Ada');
  await git('config', 'user.email', 'ada@example.org');
  const fields = `host: ${machine.host}\n    port: ${machine.port} # mine\n    user: ${machine.user}\n    platform: linux\n    ssh_key: ${join(top, 'key')}\n`;
  await writeFile(join(top, 'registry.yml'), `machines:\n  m1:\n    ${fields}`);
  await git('add', 'registry.yml');
  await git('commit', '-q', '-m', 'first');
  engine = openEngine({
    flags: {},
    env: { HOME: top, PORTOSER_STATE_DIR: join(top, 'state') },
    cwd: top,
    uid: 1000,
    logs: false,
  });
});

afterEach(async () => {
  await engine.close();
  await machine.stop();
  await rm(top, { recursive: true, force: true });
});

const trust = (more: Omit<InputOf<'machine.trust'>, 'name'> = {}) =>
  engine.perform('machine.trust', { name: 'm1', ...more }, { name: 'ada', by: 'cli' }, new AbortController().signal);
const audit = async () => {
  const deeds = await engine.perform('audit.list', {}, { name: 'ada', by: 'cli' }, new AbortController().signal);
  return deeds.map(one => `${one.what} ${one.result}`);
};
const plan = () => engine.perform('plan', {}, { name: 'ada', by: 'cli' }, new AbortController().signal);

describe('machine trust', () => {
  it('shows, pins what was accepted, and the machine is then reached', async () => {
    expect((await plan()).plan?.machines).toMatchObject([{ machine: 'm1', error: { code: 'ssh-host-key-unknown' } }]);

    const shown = await trust();
    expect(shown).toMatchObject({ state: 'new', keys: [{ fingerprint: expect.stringMatching(/^SHA256:/) as string }] });
    expect(await git('rev-list', '--count', 'HEAD')).toBe('1');

    const pinned = await trust({ accept: shown.keys.map(one => one.fingerprint) });
    expect(pinned.state).toBe('pinned');
    const text = await readFile(join(top, 'registry.yml'), 'utf8');
    expect(text).toContain('# mine');
    expect(text).toContain(machine.hostKey.split(' ').slice(0, 2).join(' '));
    expect(await git('log', '-1', '--format=%s')).toBe('Trust the host key of m1');

    expect((await plan()).plan?.machines).toEqual([]);
    expect(await trust()).toMatchObject({ state: 'pinned' });
    expect(await audit()).toEqual(['machine.trust shown', 'machine.trust done', 'machine.trust shown']);
  });

  it('refuses what nobody has looked at', async () => {
    await expect(trust({ accept: ['SHA256:other'] })).rejects.toMatchObject({ code: 'ssh-host-key-unknown' });
    expect(await git('rev-list', '--count', 'HEAD')).toBe('1');
  });

  it('replaces a pinned key only when that is said', async () => {
    const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
    const text = await readFile(join(top, 'registry.yml'), 'utf8');
    await writeFile(join(top, 'registry.yml'), `${text}    host_key: ${other}\n`);
    await git('commit', '-q', '-a', '-m', 'another key');

    const shown = await trust();
    expect(shown.state).toBe('changed');
    const accept = shown.keys.map(one => one.fingerprint);
    await expect(trust({ accept })).rejects.toMatchObject({ code: 'ssh-host-key-changed' });
    expect(await trust({ accept, replace: true })).toMatchObject({ state: 'pinned' });
    expect(await readFile(join(top, 'registry.yml'), 'utf8')).not.toContain(other);
  });
});
