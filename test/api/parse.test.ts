// What people type: the documented forms are understood, and mistakes are answered with what was meant.
import { describe, expect, it } from 'vitest';
import { split, understand } from '../../api/cli/parse.js';

async function read(line: string) {
  const typed = split(line.split(' ').filter(Boolean));
  if (typed.word?.load === undefined) return { word: typed.word?.words };
  return { word: typed.word.words, ...understand({ ...typed, word: typed.word }, await typed.word.load()) };
}

describe('the documented forms', () => {
  it.each([
    [
      'machine add --name m1 --host 192.168.0.245 --user admin --platform darwin',
      'machine add',
      [],
      { name: 'm1', host: '192.168.0.245', user: 'admin', platform: 'darwin' },
    ],
    ['machine show m1', 'machine show', ['m1'], {}],
    ['machine update m1 --host new-ip', 'machine update', ['m1'], { host: 'new-ip' }],
    [
      'service add --name my-app --type docker --path /opt/my-app --machine m1',
      'service add',
      [],
      { name: 'my-app', type: 'docker', path: '/opt/my-app', machine: ['m1'] },
    ],
    [
      'service update my-app --machine mini1 --port 9000',
      'service update',
      ['my-app'],
      { machine: ['mini1'], port: '9000' },
    ],
    ['service move web m2', 'service move', ['web', 'm2'], {}],
    ['service move web m2 --from m1 -y', 'service move', ['web', 'm2'], { from: 'm1', yes: true }],
    ['machine doctor', 'machine doctor', [], {}],
    ['machine doctor m1', 'machine doctor', ['m1'], {}],
    ['machine forget m1 --yes', 'machine forget', ['m1'], { yes: true }],
    ['service remove my-app', 'service remove', ['my-app'], {}],
    ['service list', 'service list', [], {}],
    ['registry validate', 'registry validate', [], {}],
    ['registry reload', 'registry reload', [], {}],
    ['registry check-conflicts', 'registry check-conflicts', [], {}],
    ['registry check-conflicts --live', 'registry check-conflicts', [], { live: true }],
    ['deploy my-app --dry-run', 'deploy', ['my-app'], { 'dry-run': true }],
    ['deploy --group web-stack', 'deploy', [], { group: 'web-stack' }],
    ['deploy a b --machine m1 --yes', 'deploy', ['a', 'b'], { machine: 'm1', yes: true }],
    ['observe my-app', 'observe', ['my-app'], {}],
    ['observe my-app --share', 'observe', ['my-app'], { share: true }],
    ['status --watch', 'status', [], { watch: true }],
    ['logs web -f --since 10m -n 5', 'logs', ['web'], { follow: true, since: '10m', lines: '5' }],
    ['run --once', 'run', [], { once: true }],
    ['approve 0a1b2c3d', 'approve', ['0a1b2c3d'], {}],
    ['clear web@m1', 'clear', ['web@m1'], {}],
    ['git accept 0a1b2c3d', 'git accept', ['0a1b2c3d'], {}],
    ['history list web -n 5', 'history list', ['web'], { limit: '5' }],
    ['events --since 2h --service web', 'events', [], { since: '2h', service: 'web' }],
    ['machine trust m1 --replace --yes', 'machine trust', ['m1'], { replace: true, yes: true }],
    ['exec web -- ls -la --json', 'exec', ['web', 'ls', '-la', '--json'], {}],
  ])('%s', async (line, word, positional, values) => {
    const understood = await read(line);
    expect(understood).toMatchObject({ word, words: positional, values, flags: {}, json: false });
  });

  it.each(['playbook approve a1', 'history rollback 12', 'diagnose web', 'vault migrate-all'])(
    '%s is known, and not there yet',
    async line => {
      const { word } = await read(line);
      expect(line.startsWith(word ?? 'none')).toBe(true);
    },
  );
});

describe('where to look and how to answer', () => {
  it.each([
    ['plan --repo /srv/x --json', { repo: '/srv/x' }, true],
    ['--repo /srv/x --json plan', { repo: '/srv/x' }, true],
    ['--path a.yml plan --path b.yml', { path: 'b.yml' }, false],
    [
      'plan --repo=/srv/x --state-dir=/tmp/s --branch main',
      { repo: '/srv/x', stateDir: '/tmp/s', branch: 'main' },
      false,
    ],
    ['run --listen 0.0.0.0:80', { listen: '0.0.0.0:80' }, false],
    // The folder of the service, not the registry's path; that one goes before the command.
    ['service add --name a --type local --path /opt/a --machine m1', {}, false],
    ['--path r.yml service add --name a --type local --path /opt/a --machine m1', { path: 'r.yml' }, false],
  ])('%s', async (line, flags, json) => {
    const understood = await read(line);
    expect(understood).toMatchObject({ flags, json });
    expect('flags' in understood && Object.keys(understood.flags).toSorted()).toEqual(Object.keys(flags).toSorted());
  });
});

describe('mistakes', () => {
  it.each([
    ['plam', 'there is no command `plam`', 'plan'],
    ['machine ad', 'there is no command `machine ad`', 'machine add'],
    ['registry frobnicate', 'there is no command `registry frobnicate`', 'validate'],
    ['machine --json', 'needs a second word', ''],
    ['plan --grop x', 'there is no option `--grop`', '--group'],
    ['deploy --group', "'--group <value>' argument missing", ''],
    ['plan --json=yes', "'--json' does not take an argument", ''],
    ['logs web -x', 'there is no option `-x`', ''],
  ])('%s', async (line, message, hint) => {
    const failure: unknown = await read(line).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'usage' });
    expect((failure as Error).message).toContain(message);
    expect((failure as { hint: string }).hint).toContain(hint);
  });

  it.each(['', 'machine', 'registry'])('`%s` alone is no command yet', line => {
    expect(split(line.split(' ').filter(Boolean)).word).toBeUndefined();
  });

  it.each(['history --help', 'machine -h', '--help machine', 'playbook --help'])('`%s` asks for the group', line => {
    const { word, front, rest } = split(line.split(' '));
    expect({ word, help: front['help'], rest }).toEqual({
      word: undefined,
      help: true,
      rest: [line.split(' ').find(one => !one.startsWith('-'))],
    });
  });

  it.each(['machne --help', 'machine ad --help'])('`%s` is still no command', line => {
    expect(() => split(line.split(' '))).toThrow('there is no command');
  });
});
