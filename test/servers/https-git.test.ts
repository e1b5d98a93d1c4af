// The HTTPS git server that other tests use: git really clones and pushes, with its CA and its password only.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshRepo, gitEnv, type FreshRepo } from '../lab/fresh-repo.js';
import { runProgram } from '../lab/run-program.js';
import { startHttpsGit, type HttpsGit } from './https-git.js';

let server: HttpsGit;
let repo: FreshRepo;
beforeAll(async () => {
  server = await startHttpsGit();
  repo = await freshRepo();
  await repo.git('remote', 'set-url', 'origin', withPassword(server.password));
  await repo.git('config', 'http.sslCAInfo', server.caFile);
});
afterAll(async () => {
  await server.remove();
  repo.remove();
});

function withPassword(password: string): string {
  return server.url.replace('https://', `https://${server.user}:${encodeURIComponent(password)}@`);
}

const lsRemote = (url: string, ...more: string[]) => runProgram('git', [...more, 'ls-remote', url], { env: gitEnv });
const trusted = () => ['-c', `http.sslCAInfo=${server.caFile}`];

test('git pushes and clones over it', async () => {
  const head = await repo.commit({ 'a.txt': 'a\n' }, 'first');
  await repo.push();
  expect(await repo.git('--git-dir', server.bare, 'rev-parse', 'main')).toBe(head);
  const clone = ['clone', '-q', withPassword(server.password), join(repo.dir, 'copy')];
  expect(await runProgram('git', [...trusted(), ...clone], { env: gitEnv })).toMatchObject({ code: 0 });
});

test('it wants the password and its CA', async () => {
  expect((await lsRemote(server.url, ...trusted())).code).toBe(128);
  expect((await lsRemote(withPassword('wrong'), ...trusted())).code).toBe(128);
  expect((await lsRemote(withPassword(server.password))).code).toBe(128);
  expect((await lsRemote(withPassword(server.password), ...trusted())).code).toBe(0);
});

test('it can be down for a while and comes back on the same port', async () => {
  await server.stop();
  expect((await lsRemote(withPassword(server.password), ...trusted())).code).toBe(128);
  await server.start();
  expect((await lsRemote(withPassword(server.password), ...trusted())).code).toBe(0);
});

test('its password can be changed while it runs', async () => {
  await server.changePassword('another one');
  expect((await lsRemote(withPassword(server.password), ...trusted())).code).toBe(128);
  expect((await lsRemote(withPassword('another one'), ...trusted())).code).toBe(0);
  await server.changePassword(server.password);
});
