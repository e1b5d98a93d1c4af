// The OpenSSH server that other tests use: git really clones over it, and its settings hold.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { freshRepo, gitEnv } from '../lab/fresh-repo.js';
import { runProgram } from '../lab/run-program.js';
import { startSshd, type Sshd } from './sshd.js';

const running: Sshd[] = [];
afterEach(async () => {
  for (const sshd of running.splice(0)) await sshd.remove();
});

async function start(...wish: Parameters<typeof startSshd>): Promise<Sshd> {
  const sshd = await startSshd(...wish);
  running.push(sshd);
  return sshd;
}

function sshWords(sshd: Sshd): string[] {
  const checks = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes', '-q'];
  return ['-F', '/dev/null', '-i', sshd.keyFile, '-o', 'IdentitiesOnly=yes', ...checks, '-p', String(sshd.port)];
}

const ssh = (sshd: Sshd, command: string) => runProgram('ssh', [...sshWords(sshd), `${sshd.user}@127.0.0.1`, command]);

test('git clones and pushes over it', async () => {
  const sshd = await start();
  const repo = await freshRepo();
  try {
    await repo.commit({ 'a.txt': 'a\n' }, 'first');
    await repo.git('config', 'core.sshCommand', `ssh ${sshWords(sshd).join(' ')}`);
    await repo.git('remote', 'set-url', 'origin', `ssh://${sshd.user}@127.0.0.1:${sshd.port}${repo.bare}`);
    await repo.push();
    expect(await repo.git('ls-remote', 'origin', 'main')).toContain(await repo.git('rev-parse', 'HEAD'));
    const env = { ...gitEnv, GIT_SSH_COMMAND: `ssh ${sshWords(sshd).join(' ')}` };
    const from = `ssh://${sshd.user}@127.0.0.1:${sshd.port}${repo.bare}`;
    const cloned = await runProgram('git', ['clone', '-q', from, join(repo.dir, 'copy')], { env });
    expect(cloned).toMatchObject({ code: 0 });
  } finally {
    repo.remove();
  }
});

test('it obeys extra lines of its configuration and keeps a log', async () => {
  const sshd = await start({ config: ['ForceCommand echo forced'] });
  expect(await ssh(sshd, 'echo asked')).toMatchObject({ code: 0, stdout: 'forced\n' });
  expect(sshd.log()).toContain('Accepted publickey');
});

test('it shows the host keys it names, and a changed one after a restart', async () => {
  const sshd = await start({ hostKeys: ['ed25519', 'rsa', 'ecdsa'] });
  const scan = async () => (await runProgram('ssh-keyscan', ['-p', String(sshd.port), '127.0.0.1'])).stdout;
  const shown = await scan();
  for (const type of ['ed25519', 'rsa', 'ecdsa'] as const) expect(shown).toContain(sshd.hostKey(type));
  const old = sshd.hostKey();
  await sshd.stop();
  await sshd.changeHostKey();
  await sshd.start();
  const later = await scan();
  expect(later).toContain(sshd.hostKey());
  expect(later).not.toContain(old);
});

test('it lets nobody in without a key it knows, and nobody at all when stopped', async () => {
  const sshd = await start();
  rmSync(sshd.authorizedKeysFile);
  expect(await ssh(sshd, 'true')).toMatchObject({ code: 255 });
  await sshd.stop();
  expect(await ssh(sshd, 'true')).toMatchObject({ code: 255 });
});

test('stopping it ends the sessions that are open', async () => {
  const sshd = await start();
  const session = ssh(sshd, 'echo begun >&2; sleep 60');
  while (!sshd.log().includes('Starting session')) await new Promise(resolve => setTimeout(resolve, 20));
  await sshd.stop();
  expect(await session).toMatchObject({ code: 255 });
});
