// Addresses of repositories in every form, and which of two credentials counts.
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../reconciler/adapters/git-address.js';
import { isBranchName } from '../../reconciler/adapters/git-refs.js';
import { writeCredentials } from '../../reconciler/adapters/git-settings.js';

describe('parseAddress', () => {
  test.each([
    ['https://git.example.org/team/fleet.git/', { kind: 'http', url: 'https://git.example.org/team/fleet.git' }],
    [
      'https://ada:p%40ss@git.example.org/fleet',
      { kind: 'http', shown: 'https://git.example.org/fleet', username: 'ada', password: 'p@ss' },
    ],
    [
      'https://token@git.example.org:8443/fleet',
      { kind: 'http', shown: 'https://git.example.org:8443/fleet', username: 'token' },
    ],
    ['http://127.0.0.1:3000/fleet', { kind: 'http', url: 'http://127.0.0.1:3000/fleet' }],
    ['http://[::1]:3000/fleet', { kind: 'http', url: 'http://[::1]:3000/fleet' }],
    [
      'ssh://git@git.example.org/team/fleet.git',
      { kind: 'ssh', host: 'git.example.org', port: 22, user: 'git', path: '/team/fleet.git' },
    ],
    ['ssh://git.example.org:2222/~ada/my%20fleet', { kind: 'ssh', port: 2222, path: '~ada/my fleet' }],
    ['ssh://git:secret@git.example.org/fleet', { kind: 'ssh', shown: 'ssh://git@git.example.org/fleet' }],
    ['git+ssh://[fe80::1]:2222/fleet', { kind: 'ssh', host: 'fe80::1', port: 2222 }],
    [
      'git@git.example.org:team/fleet.git',
      { kind: 'ssh', host: 'git.example.org', port: 22, user: 'git', path: 'team/fleet.git' },
    ],
    ['gitolite@[fe80::1]:fleet', { kind: 'ssh', host: 'fe80::1', user: 'gitolite', path: 'fleet' }],
    ['backup:/srv/fleet.git', { kind: 'ssh', host: 'backup', path: '/srv/fleet.git' }],
    ['/srv/git/fleet.git', { kind: 'local', path: '/srv/git/fleet.git' }],
    ['./a:b', { kind: 'local', path: resolve('a:b') }],
    ['~/fleet', { kind: 'local', path: `${homedir()}/fleet` }],
    ['file:///srv/my%20fleet', { kind: 'local', path: '/srv/my fleet' }],
  ])('%s', (text, expected) => {
    expect(parseAddress(text)).toMatchObject(expected);
  });

  test.each([
    '',
    ' ',
    'http://git.example.org/fleet',
    'http://127.0.0.1.example.org/x',
    'git://example.org/x',
    'ftp://x/y',
    'https://',
    'ssh://host',
    'file://elsewhere/x',
    'git@host:--upload-pack=x',
    'ssh://host/-x',
  ])('refuses %j', text => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'settings-invalid' }));
  });

  test('an address that is no URL is not repeated, it may hold a password', () => {
    expect(() => parseAddress('https://ada:secret@ho st/')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});

test.each([
  ['main', true],
  ['feature/x.y', true],
  ['ümlaut', true],
  ['', false],
  ['a..b', false],
  ['/a', false],
  ['a/', false],
  ['.a', false],
  ['a/.b', false],
  ['a.lock', false],
  ['a b', false],
  ['-a', false],
  ['a~1', false],
  ['@', false],
  ['a@{1}', false],
  ['a\\b', false],
])('%j is a name of a branch: %s', (name, expected) => {
  expect(isBranchName(name)).toBe(expected);
});

describe('writeCredentials', () => {
  test('takes what is given for writing and leaves the rest', () => {
    expect(
      writeCredentials({ token: 'r', username: 'u', ca: 'c', write: { token: 'w', username: undefined, ca: '' } }),
    ).toEqual({ token: 'w', username: 'u', ca: 'c' });
    expect(writeCredentials({ token: 'r' })).toEqual({ token: 'r' });
  });

  test('a key for writing replaces the other, however they are given', () => {
    expect(writeCredentials({ sshKey: 'r', sshPassphrase: 'p', write: { sshKeyPath: '/w' } })).toEqual({
      sshKeyPath: '/w',
      sshPassphrase: 'p',
    });
    expect(writeCredentials({ sshKeyPath: '/r', write: { sshKey: 'w' } })).toEqual({ sshKey: 'w' });
  });
});
