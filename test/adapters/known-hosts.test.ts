// known_hosts in all its forms; where ssh-keygen is installed it is asked for the same verdicts.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fingerprint,
  judgeHostKey,
  judgePinned,
  keyTypesFor,
  keyTypesOfPins,
  loadKnownHosts,
  parseKnownHosts,
} from '../../reconciler/adapters/known-hosts.js';

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const blob = (type: string, seed: number): Buffer =>
  Buffer.concat([field(Buffer.from(type)), field(Buffer.alloc(32, seed))]);
const good = blob('ssh-ed25519', 1);
const other = blob('ssh-ed25519', 2);
const rsa = blob('ssh-rsa', 3);
const g = `ssh-ed25519 ${good.toString('base64')}`;
const r = `ssh-rsa ${rsa.toString('base64')}`;

function hashed(name: string): string {
  const salt = Buffer.alloc(20, 7);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

const verdicts: readonly [name: string, lines: string, host: string, port: number, key: Buffer, verdict: string][] = [
  ['plain name', `m1 ${g}`, 'm1', 22, good, 'trusted'],
  ['comment after the key', `m1 ${g} me@there`, 'm1', 22, good, 'trusted'],
  ['tabs, blanks and CRLF', `  m1\t${g}\r\n`, 'm1', 22, good, 'trusted'],
  ['case of the host', `M1 ${g}`, 'm1', 22, good, 'trusted'],
  ['case asked for', `m1 ${g}`, 'M1', 22, good, 'trusted'],
  ['list of names', `a,m1,10.0.0.1 ${g}`, '10.0.0.1', 22, good, 'trusted'],
  ['empty file', '', 'm1', 22, good, 'unknown'],
  ['comment line', `# m1 ${g}`, 'm1', 22, good, 'unknown'],
  ['other host', `m2 ${g}`, 'm1', 22, good, 'unknown'],
  ['other key', `m1 ${g}`, 'm1', 22, other, 'changed'],
  ['key of another type', `m1 ${r}`, 'm1', 22, good, 'changed'],
  ['second line holds it', `m1 ${r}\nm1 ${g}`, 'm1', 22, good, 'trusted'],
  ['port', `[m1]:2222 ${g}`, 'm1', 2222, good, 'trusted'],
  ['port, other key', `[m1]:2222 ${g}`, 'm1', 2222, other, 'changed'],
  ['port is not another port', `[m1]:2222 ${g}`, 'm1', 2223, good, 'unknown'],
  ['port is not port 22', `[m1]:2222 ${g}`, 'm1', 22, good, 'unknown'],
  ['bare name good for a port', `m1 ${g}`, 'm1', 2222, good, 'trusted'],
  ['bare name proves no change at a port', `m1 ${g}`, 'm1', 2222, other, 'unknown'],
  ['IPv6 with port', `[fd00::1]:2222 ${g}`, 'fd00::1', 2222, good, 'trusted'],
  ['star', `*.lab ${g}`, 'm1.lab', 22, good, 'trusted'],
  ['star needs the dot', `*.lab ${g}`, 'lab', 22, good, 'unknown'],
  ['a dot is a dot', `m.1 ${g}`, 'mx1', 22, good, 'unknown'],
  ['question mark', `m? ${g}`, 'm1', 22, good, 'trusted'],
  ['question mark is one', `m? ${g}`, 'm10', 22, good, 'unknown'],
  ['negated', `*.lab,!m1.lab ${g}`, 'm1.lab', 22, good, 'unknown'],
  ['negated, another', `*.lab,!m1.lab ${g}`, 'm2.lab', 22, good, 'trusted'],
  ['negated alone', `!m1 ${g}`, 'm2', 22, good, 'unknown'],
  ['star with port', `[*.lab]:2222 ${g}`, 'm1.lab', 2222, good, 'trusted'],
  ['hashed', `${hashed('m1')} ${g}`, 'm1', 22, good, 'trusted'],
  ['hashed, other host', `${hashed('m2')} ${g}`, 'm1', 22, good, 'unknown'],
  ['hashed, other key', `${hashed('m1')} ${g}`, 'm1', 22, other, 'changed'],
  ['hashed with port', `${hashed('[m1]:2222')} ${g}`, 'm1', 2222, good, 'trusted'],
  ['revoked', `@revoked m1 ${g}`, 'm1', 22, good, 'revoked'],
  ['revoked wins over trusted', `m1 ${g}\n@revoked * ${g}`, 'm1', 22, good, 'revoked'],
  ['revoked at a port by its bare name', `[m1]:2222 ${g}\n@revoked m1 ${g}`, 'm1', 2222, good, 'revoked'],
  ['revoked key of another host', `m1 ${g}\n@revoked m2 ${g}`, 'm1', 22, good, 'trusted'],
  ['another key revoked', `@revoked m1 ${r}`, 'm1', 22, good, 'unknown'],
  ['authority trusts no plain key', `@cert-authority * ${g}`, 'm1', 22, good, 'unknown'],
  ['authority beside a plain key', `@cert-authority * ${r}\nm1 ${g}`, 'm1', 22, good, 'trusted'],
];

describe('judgeHostKey', () => {
  it.each(verdicts)('%s', (_name, lines, host, port, key, verdict) => {
    expect(judgeHostKey(parseKnownHosts(lines, 'f'), host, port, key)).toBe(verdict);
  });

  it('lists lines that cannot be understood, with their numbers', () => {
    const bad = [
      `m1 ${g}`,
      '',
      'nonsense',
      `@future m1 ${g}`,
      `m1 ssh-rsa ${good.toString('base64')}`,
      `|2|a|b ${g}`,
      'm1 ssh-ed25519 %%%',
    ];
    const known = parseKnownHosts(bad.join('\n'), 'f');
    expect(known.keys).toHaveLength(1);
    expect(known.ignored.map(one => [one.line, one.why])).toEqual([
      [3, 'fields'],
      [4, 'marker'],
      [5, 'key'],
      [6, 'names'],
      [7, 'key'],
    ]);
  });
});

describe('key types', () => {
  it('names SHA-2 signatures for RSA and no type of revoked keys or authorities', () => {
    const known = parseKnownHosts(`m1 ${r}\n@cert-authority m1 ${g}\n@revoked m1 ${g}`, 'f');
    expect(keyTypesFor(known, 'm1', 22)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
  });

  it('falls back to the bare name for another port', () => {
    const known = parseKnownHosts(`m1 ${g}\n[m1]:23 ${r}`, 'f');
    expect(keyTypesFor(known, 'm1', 2222)).toEqual(['ssh-ed25519']);
    expect(keyTypesFor(known, 'm1', 23)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
    expect(keyTypesFor(known, 'm2', 22)).toEqual([]);
  });

  it('judges pins alone', () => {
    expect(judgePinned([r, `${g} comment`], good)).toBe('trusted');
    expect(judgePinned([g], other)).toBe('changed');
    expect(judgePinned(['ssh-ed25519'], Buffer.alloc(0))).toBe('changed');
    expect(keyTypesOfPins([g, r])).toEqual(['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256']);
  });
});

describe('loadKnownHosts', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portoser-known-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('joins files and skips those that are not there', async () => {
    await writeFile(join(folder, 'a'), `m1 ${g}\n`);
    await writeFile(join(folder, 'b'), `@revoked m1 ${r}\nbroken\n`);
    const known = await loadKnownHosts([join(folder, 'a'), join(folder, 'none'), join(folder, 'b')]);
    expect(judgeHostKey(known, 'm1', 22, good)).toBe('trusted');
    expect(judgeHostKey(known, 'm1', 22, rsa)).toBe('revoked');
    expect(known.ignored).toEqual([{ file: join(folder, 'b'), line: 2, why: 'fields' }]);
  });

  it('refuses a file that cannot be read', async () => {
    await expect(loadKnownHosts([folder])).rejects.toMatchObject({ code: 'settings-invalid' });
  });
});

const haveKeygen = spawnSync('ssh-keygen', ['-?']).error === undefined;

describe.skipIf(!haveKeygen)('beside ssh-keygen', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portoser-known-'));
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const publicKey = (): Buffer =>
    Buffer.from(
      execFileSync('ssh-keygen', ['-y', '-f', join(folder, 'key')])
        .toString()
        .split(' ')[1] ?? '',
      'base64',
    );

  it('prints the same fingerprint', () => {
    const printed = execFileSync('ssh-keygen', ['-l', '-f', join(folder, 'key')]).toString();
    expect(printed.split(' ')[1]).toBe(fingerprint(publicKey()));
  });

  it('reads what ssh-keygen -H hashed, and finds the same hosts as ssh-keygen -F', async () => {
    const file = join(folder, 'known_hosts');
    const names = ['m1', 'm2.lab', '[m3]:2222', '10.77.0.11', '[fd00::1]:22022'];
    const key = publicKey();
    await writeFile(file, names.map(name => `${name} ssh-ed25519 ${key.toString('base64')}\n`).join(''));
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    const known = await loadKnownHosts([file]);
    expect(known.keys).toHaveLength(names.length);
    const asked: readonly [string, number][] = [
      ['m1', 22],
      ['m2.lab', 22],
      ['m3', 2222],
      ['m3', 22],
      ['fd00::1', 22022],
      ['10.77.0.12', 22],
    ];
    for (const [host, port] of asked) {
      const found = spawnSync('ssh-keygen', ['-F', port === 22 ? host : `[${host}]:${port}`, '-f', file]).status === 0;
      expect([host, port, judgeHostKey(known, host, port, key) === 'trusted']).toEqual([host, port, found]);
    }
  });
});
