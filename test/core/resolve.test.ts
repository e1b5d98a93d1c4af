// Desired state and fingerprint: all that running needs, nothing else, and the same everywhere.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldsOf, fingerprintOf } from '../../reconciler/core/fingerprint.js';
import { resolve } from '../../reconciler/core/resolve.js';
import type { Registry } from '../../schema/registry-types.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { aMachine, aSpec, someHealth } from '../fakes/specs.js';
import { desire } from './thinking.js';

const spec = (changes: Parameters<typeof aSpec>[2] = {}) => aSpec('web@m1', someHealth([]), changes);
const file = (path: string, more: object = {}) => ({
  path,
  sha256: 'a'.repeat(64),
  mode: 0o644 as const,
  oid: 'o',
  bytes: 1,
  ...more,
});

describe('the fingerprint', () => {
  const base = { command: ['/bin/serve', 'one'], port: 80, env: { A: '1' } };
  const of = (changes: object, source = [file('a')]) =>
    fingerprintOf(fieldsOf(spec({ ...base, ...changes }), source, {}));

  it.each([
    ['command', { command: ['/bin/serve', 'two'] }],
    ['words of the command', { command: ['/bin/serve one'] }],
    ['path', { path: '/srv/web' }],
    ['port', { port: 81 }],
    ['a variable', { env: { A: '2' } }],
    ['a secret', { env: { A: '1', TOKEN: 'x' } }],
    ['env_file', { envFiles: ['.env'] }],
    ['user', { user: 'www' }],
    ['scope', { scope: 'user' as const }],
  ])('is another with another %s', (_, changes) => {
    expect(of(changes)).not.toBe(of({}));
  });

  it('is another with another file, its mode or name', () => {
    const all = [[], [file('a')], [file('b')], [file('a', { sha256: 'b'.repeat(64) })], [file('a', { mode: 0o755 })]];
    expect(new Set(all.map(source => of({}, source))).size).toBe(5);
  });

  it.each([
    ['description', { description: 'x' }],
    ['tags', { tags: ['a'] }],
    ['health', { health: someHealth([], { intervalMs: 1 }) }],
    ['depends_on', { dependsOn: ['db'] }],
    ['groups', { groups: ['g'] }],
    ['suspend', { suspend: true as const }],
  ])('is the same with another %s', (_, changes) => {
    expect(of(changes)).toBe(of({}));
  });

  it('does not show what looks like a secret, nor long values, and tells them apart', () => {
    const env = { DB_PASSWORD: 'hunter2', API_KEY: 'hunter2', LONG: 'x'.repeat(201), PLAIN: 'seen' };
    const fields = fieldsOf(spec({ env }), [], {});
    expect(JSON.stringify(fields)).not.toContain('hunter2');
    expect(fields).toMatchObject({ 'env.PLAIN': 'seen' });
    expect(fields['env.DB_PASSWORD']).not.toBe(fields['env.API_KEY']);
    expect(fields['env.LONG']).toMatch(/^sha256:/);
  });

  it.each([
    ['native', '7ab209380f94ceeebd1eecf9fd196bbc6927910ddeac8c5235818071559b6388'],
    ['local', '8c08b75cfd1df5583095192468ba109d6b5cfa310bf24c779448a7c057a81654'],
    ['docker', 'fd492f472eb72dca2372cb6edb91336373c8559eda2c578be3c8470acae80531'],
  ] as const)('of a %s service is what earlier versions left in stamps', (type, expected) => {
    const all = spec({
      type,
      command: ['/bin/serve', 'two words', '"$x"'],
      port: 8080,
      user: 'www',
      envFiles: ['.env', '/etc/web.env'],
      env: { ZED: 'z', API_TOKEN: 'hunter2', PORT: '1', EMPTY: '', ÄÖ: 'ü\n', LONG: 'x'.repeat(201) },
      resources: { memoryBytes: 1e9, cpus: 1.5 },
    });
    const source = [file('app.py'), file('bin/run', { sha256: 'b'.repeat(64), mode: 0o755 })];
    expect(fingerprintOf(fieldsOf(all, source, drivers[type]?.fields(all) ?? {}))).toBe(expected);
  });

  it('depends on names and values alone, and on all of them', () => {
    const fields = fc.dictionary(fc.string(), fc.string());
    fc.assert(
      fc.property(fields, fields, (one, other) => {
        const turned = Object.fromEntries(Object.entries(one).reverse());
        expect(fingerprintOf(turned)).toBe(fingerprintOf(one));
        const same = isDeepStrictEqual({ ...one }, { ...other });
        expect(fingerprintOf(one) === fingerprintOf(other)).toBe(same);
      }),
    );
  });
});

describe('resolve', () => {
  it('makes a placement per machine, each behind all placements of what it depends on', () => {
    const desired = desire({ services: { api: { machines: ['m1', 'm2'] }, web: { depends_on: ['api'] } } });
    expect(desired.placements.map(one => [one.key, one.dependsOn])).toEqual([
      ['api@m1', []],
      ['api@m2', []],
      ['web@m1', ['api@m1', 'api@m2']],
    ]);
  });

  it('does not depend on the commit', () => {
    const of = (commit: string) => desire({ services: { web: {} } }, commit).placements[0]?.fingerprint;
    expect(of('c1')).toBe(of('c2'));
  });

  it('says why a placement cannot be applied, before any machine is looked at', () => {
    const placements = [spec({ unsupported: ['tls', 'data'] }), aSpec('api@m1', someHealth([]))];
    const registry: Registry = {
      cluster: 'c',
      domain: 'internal',
      machines: [aMachine()],
      placements,
      groups: {},
      policy: spec().policy,
    };
    const gathered = new Map([['api@m1' as const, { source: [], texts: {}, blocked: 'a symbolic link' }]]);
    const desired = resolve(registry, { commit: 'c', rootCommit: 'r', gathered }, drivers);
    expect(desired.placements.map(one => one.blocked)).toEqual(['tls, data: not supported yet', 'a symbolic link']);
    expect(desired).toMatchObject({ commit: 'c', rootCommit: 'r', cluster: 'c' });
  });
});
