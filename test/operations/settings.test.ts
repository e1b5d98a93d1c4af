// Where a setting comes from: flag over environment over config.yml over default, each told by name.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveSettings, type Environment } from '../../reconciler/settings.js';
import type { Flags } from '../../schema/settings.js';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'portoser-settings-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function config(text: string): Promise<string> {
  await mkdir(join(home, '.config', 'portoser'), { recursive: true });
  const path = join(home, '.config', 'portoser', 'config.yml');
  await writeFile(path, text);
  return path;
}

const settings = (env: Environment = {}, flags: Flags = {}, uid: number | undefined = 1000) =>
  resolveSettings({ env: { HOME: home, ...env }, flags, uid });

describe('precedence', () => {
  it.each([
    ['flag', { repo: 'flag' }, { PORTOSER_REPO: 'env' }, 'flag', '--repo'],
    ['environment', {}, { PORTOSER_REPO: 'env' }, 'env', 'PORTOSER_REPO'],
    ['file', {}, {}, 'file', 'config.yml:2'],
    ['file', {}, { PORTOSER_REPO: '' }, 'file', 'config.yml:2'],
  ])('%s', async (from, flags, env, value, where) => {
    await config('# mine\nrepo: file\n');
    const { repo } = settings(env, flags);
    expect(repo).toMatchObject({ value, from });
    expect(repo.where.endsWith(where)).toBe(true);
  });

  it.each([
    ['listen', '127.0.0.1:8750'],
    ['path', 'registry.yml'],
    ['repo', undefined],
  ] as const)('the default of %s is %s', (name, value) => {
    expect(settings()[name]).toEqual({ ...(value === undefined ? {} : { value }), from: 'default', where: 'default' });
  });

  it.each([
    ['path', { REGISTRY_FILE: '/srv/r.yml' }, '/srv/r.yml'],
    ['stateDir', { PORTOSER_STATE_DIR: '/srv/state' }, '/srv/state'],
    ['listen', { PORTOSER_LISTEN: '[::1]:80' }, '[::1]:80'],
    ['listen', { PORTOSER_LISTEN: 'off' }, 'off'],
    ['forge', { PORTOSER_FORGE: 'forgejo' }, 'forgejo'],
    ['forgeUrl', { PORTOSER_FORGE_URL: 'https://git.home/git' }, 'https://git.home/git'],
    ['forgeToken', { PORTOSER_FORGE_TOKEN: 't' }, 't'],
    ['gitTokenWrite', { PORTOSER_GIT_TOKEN_WRITE: 't' }, 't'],
    ['databaseUrl', { DATABASE_URL: 'postgres://x' }, 'postgres://x'],
    ['redisUrl', { REDIS_URL: 'rediss://:pw@cache.home/1' }, 'rediss://:pw@cache.home/1'],
    ['redisUrl', { REDIS_URL: '/run/redis/redis.sock?db=1' }, '/run/redis/redis.sock?db=1'],
  ] as const)('%s comes from its variable', (name, env, value) => {
    expect(settings(env)[name]).toMatchObject({ value, from: 'environment', where: Object.keys(env)[0] });
  });

  it('takes the names of the flags in config.yml, with either dash', async () => {
    await config('state-dir: /srv/a\nlisten: "0.0.0.0:1"\nbranch: 12\n');
    expect(settings()).toMatchObject({
      stateDir: { value: '/srv/a' },
      listen: { value: '0.0.0.0:1' },
      branch: { value: '12' },
    });
    await config('state_dir: ~/b\n');
    expect(settings().stateDir.value).toBe(join(home, 'b'));
  });

  it('looks for config.yml where XDG says', async () => {
    await mkdir(join(home, 'xdg', 'portoser'), { recursive: true });
    await writeFile(join(home, 'xdg', 'portoser', 'config.yml'), 'repo: there');
    expect(settings({ XDG_CONFIG_HOME: join(home, 'xdg') }).repo.value).toBe('there');
    expect(settings({ XDG_CONFIG_HOME: 'xdg' }).repo.value).toBeUndefined();
  });
});

describe('the state folder', () => {
  it.each([
    ['a person', 1000, {}, '.local/state/portoser'],
    ['a person with XDG', 1000, { XDG_STATE_HOME: '/srv/xdg' }, '/srv/xdg/portoser'],
    ['root', 0, {}, '/var/lib/portoser'],
    ['root with XDG', 0, { XDG_STATE_HOME: '/srv/xdg' }, '/srv/xdg/portoser'],
  ] as const)('of %s', (_, uid, env, expected) => {
    const found = settings(env, {}, uid).stateDir.value ?? '';
    expect(expected.startsWith('/') ? found : found.slice(home.length + 1)).toBe(expected);
  });
});

describe('variables that name a file', () => {
  it('give its content, without the last line end', async () => {
    const path = join(home, 'token');
    await writeFile(path, 'secret\n');
    expect(settings({ PORTOSER_GIT_TOKEN_FILE: path }).gitToken).toEqual({
      value: 'secret',
      from: 'environment',
      where: 'PORTOSER_GIT_TOKEN_FILE',
    });
  });

  it('are the path where the value is a file anyway', async () => {
    const path = join(home, 'key');
    await writeFile(path, 'KEY');
    const env = { PORTOSER_GIT_SSH_KEY_FILE: path, PORTOSER_KNOWN_HOSTS_FILE: path };
    expect(settings(env)).toMatchObject({ gitSshKey: { value: path }, knownHosts: { value: path } });
  });

  it('REGISTRY_FILE is no such variable', () => {
    expect(settings({ REGISTRY_FILE: '/not/there.yml' }).path.value).toBe('/not/there.yml');
  });
});

describe('what is refused, by the name of its source', () => {
  it.each([
    [{ PORTOSER_LISTEN: 'nonsense' }, {}, 'PORTOSER_LISTEN'],
    [{ PORTOSER_LISTEN: '127.0.0.1:70000' }, {}, 'PORTOSER_LISTEN'],
    [{}, { branch: 'a..b' }, '--branch'],
    [{}, { repo: ' ' }, '--repo'],
    [{ PORTOSER_SERVER: 'ftp://x' }, {}, 'PORTOSER_SERVER'],
    [{ PORTOSER_SERVER: 'http://x:port' }, {}, 'PORTOSER_SERVER'],
    [{}, { insecureHttp: 'http://x' }, '--insecure-http'],
    [{ PORTOSER_INSECURE_HTTP: 'x:8750' }, {}, 'PORTOSER_INSECURE_HTTP'],
    [{ PORTOSER_INSECURE_HTTP: '1 2' }, {}, 'PORTOSER_INSECURE_HTTP'],
    [{ PORTOSER_FORGE: 'sourcehut' }, {}, 'PORTOSER_FORGE'],
    [{}, { forgeUrl: 'https://ada:pw@git.home' }, '--forge-url'],
    [{ REDIS_URL: 'http://cache.home' }, {}, 'REDIS_URL is neither'],
    [{ REDIS_URL: 'redis://:pw@cache.home:port' }, {}, 'REDIS_URL is neither'],
    [{ PORTOSER_GIT_TOKEN_FILE: '/not/there' }, {}, 'PORTOSER_GIT_TOKEN_FILE'],
    [{ PORTOSER_GIT_TOKEN: 'a', PORTOSER_GIT_TOKEN_FILE: '/etc/hostname' }, {}, 'PORTOSER_GIT_TOKEN'],
  ])('%j %j', (env, flags, source) => {
    expect(() => settings(env, flags)).toThrow(
      expect.objectContaining({
        code: 'settings-invalid',
        message: expect.stringContaining(source) as string,
      }) as Error,
    );
  });

  it.each([
    ['repo: [a]\n', ':1: `repo` needs a text'],
    ['a: 1\nlisen: x\n', ':1: `a` is no setting'],
    ['listen: 127.0.0.1:1\nlisen: x\n', ':2: `lisen` is no setting'],
    ['- a\n', 'must be a map'],
    ['repo: "x\n', ':'],
    ['git-token: x\n', '`git-token` is no setting'],
  ])('config.yml %j', async (text, message) => {
    const path = await config(text);
    expect(() => settings()).toThrow(
      expect.objectContaining({
        code: 'settings-invalid',
        message: expect.stringContaining(message) as string,
      }) as Error,
    );
    expect(() => settings()).toThrow(path);
  });

  it.each(['', '# nothing\n', '---\n'])('an empty config.yml is none: %j', async text => {
    await config(text);
    expect(settings().repo.from).toBe('default');
  });
});
