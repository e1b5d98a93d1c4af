// Stamps as text: what is written is read, whatever the names; what is not whole is never guessed at.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Stamp } from '../../schema/state.js';
import { basisOf, parseStamp, parseStamps, stampText } from '../../reconciler/core/ownership.js';
import { sha256 } from '../fakes/fleet.js';

/** One line, as the registry and git let names be. */
const line = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .map(text => text.replaceAll(/[\u0000-\u001f\u007f\\]/g, '_'));
const word = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/);
const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const path = line.map(text => `/${text}`);
const count = fc.nat({ max: 2_000_000_000 });

const stamp: fc.Arbitrary<Stamp> = fc.record(
  {
    service: word,
    driver: fc.constantFrom('docker', 'local', 'native'),
    scope: fc.constantFrom('system', 'user', 'none'),
    path,
    unit: word,
    project: word,
    fingerprint: hash,
    failed: hash,
    healthy: fc.record({
      fingerprint: hash,
      commit: fc.stringMatching(/^[0-9a-f]{40}$/),
      images: fc.dictionary(word, line),
      pinned: fc.boolean(),
    }),
    commit: fc.oneof(fc.stringMatching(/^[0-9a-f]{40}$/), fc.constantFrom('', 'work-tree')),
    fields: fc.dictionary(line, fc.string({ unit: 'binary' })),
    files: fc.array(
      fc.record({
        path,
        mode: fc.constantFrom(0o644, 0o755, 0o600),
        sha256: hash,
        kind: fc.constantFrom('source', 'generated'),
      }),
    ),
    own: fc.dictionary(path, fc.oneof(hash, fc.constant(''))),
    images: fc.dictionary(word, line),
    ports: fc.array(fc.integer({ min: 1, max: 65_535 })),
    dependsOn: fc.array(word),
    adopted: fc.boolean(),
    stateful: fc.constant(true as const),
    stopTimeoutMs: count,
    finishedAt: count,
    prunedAt: count,
    from: fc.record({ machine: fc.stringMatching(/^[a-z0-9-]{1,20}$/), basis: hash }),
  },
  {
    requiredKeys: [
      'service',
      'driver',
      'scope',
      'path',
      'commit',
      'fields',
      'files',
      'own',
      'images',
      'ports',
      'dependsOn',
      'adopted',
      'stopTimeoutMs',
    ],
  },
);

const plain: Stamp = {
  service: 'web',
  driver: 'local',
  scope: 'system',
  path: '/srv/web',
  commit: 'c0ffee',
  fields: {},
  files: [],
  own: {},
  images: {},
  ports: [],
  dependsOn: [],
  adopted: false,
  stopTimeoutMs: 10_000,
};

describe('a stamp', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(stamp, one => {
        expect({ ...parseStamp(stampText(one)) }).toEqual(one);
        expect(basisOf(parseStamp(stampText(one)))).toBe(sha256(stampText(one)));
      }),
    );
  });

  it('is one line a field, so that a name with a newline cannot forge another', () => {
    fc.assert(
      fc.property(stamp, one => {
        const rows = stampText(one).split('\n');
        const lists = [one.fields, one.own, one.images, one.healthy?.images ?? {}].map(
          record => Object.keys(record).length,
        );
        const optional = [
          one.unit,
          one.project,
          one.fingerprint,
          one.failed,
          one.healthy,
          one.finishedAt,
          one.prunedAt,
          one.stateful,
          one.from,
        ].filter(value => value !== undefined);
        const sum =
          lists.reduce((all, length) => all + length, optional.length) +
          one.files.length +
          one.ports.length +
          one.dependsOn.length;
        expect(rows).toHaveLength(sum + 10);
      }),
    );
  });

  it.each([
    'file:my file.txt',
    'file:say "hi" now.txt',
    'file:a "',
    'env.A',
    'file: "x" "y"',
    '__proto__',
    'file:ünï ☃',
  ])('keeps the field %s', name => {
    const one = { ...plain, fields: Object.fromEntries([[name, 'a "b" c\n\\']]) };
    expect(parseStamp(stampText(one))).toEqual(one);
  });

  it('never throws on any text', () => {
    const rows = fc.array(
      fc.oneof(
        fc.constantFrom('portoser-stamp 1', 'end', 'service web', 'driver local', 'scope none', 'path /x'),
        line,
        fc.string(),
      ),
    );
    const known = fc.property(rows, texts => void parseStamp(['portoser-stamp 1', ...texts, 'end'].join('\n')));
    expect(fc.defaultReportMessage(fc.check(known))).toBeUndefined();
    const strange = fc.property(fc.string({ unit: 'binary' }), text => parseStamp(text) === undefined);
    expect(fc.defaultReportMessage(fc.check(strange))).toBeUndefined();
  });

  it.each([
    ['of another version', (text: string) => text.replace('portoser-stamp 1', 'portoser-stamp 2')],
    ['cut short', (text: string) => text.slice(0, text.indexOf('commit'))],
    ['without its service', (text: string) => text.replace('service web\n', '')],
    ['of no driver of ours', (text: string) => text.replace('driver local', 'driver podman')],
    ['of no scope of ours', (text: string) => text.replace('scope system', 'scope galaxy')],
    ['with a port that is no number', (text: string) => text.replace('end', 'port eighty\nend')],
    ['with a time that is no number', (text: string) => text.replace('end', 'pruned-at soon\nend')],
    ['with half a file', (text: string) => text.replace('end', 'file 644 abc source /x\nend')],
    ['with half a field', (text: string) => text.replace('end', 'field command "run\nend')],
    ['with a field without value', (text: string) => text.replace('end', 'field command\nend')],
    ['that is empty', () => ''],
  ])('%s says nothing', (_, broken) => {
    expect(parseStamp(stampText(plain))).toEqual(plain);
    expect(parseStamp(broken(stampText(plain)))).toBeUndefined();
  });

  it('of another version that is understood is known by its own text, not by ours', () => {
    const text = stampText(plain).replace('end\n', 'colour blue\nend\n');
    const read = parseStamp(text);
    expect(read).toEqual({ ...plain, basis: sha256(text) });
    expect(basisOf(read)).toBe(sha256(text));
    expect(basisOf(plain)).toBe(sha256(stampText(plain)));
    expect(basisOf(undefined)).toBe('');
  });

  it('says that it is stateful in a row of its own, which a version that knows no such row passes over', () => {
    const text = stampText({ ...plain, stateful: true });
    expect(text.replace('stateful yes\n', '')).toBe(stampText(plain));
    expect(parseStamp(text)).toEqual({ ...plain, stateful: true });
    expect(parseStamp(text.replace('stateful yes', 'stateful no'))).not.toHaveProperty('stateful');
  });

  it('stands beside others, and a broken one does not spoil them', () => {
    const texts = [stampText(plain), 'portoser-stamp 1\nservice half\n', stampText({ ...plain, service: 'api' })];
    expect(parseStamps(texts.join('').split('\n')).map(one => one?.service)).toEqual(['web', undefined, 'api']);
    expect(parseStamps([])).toEqual([]);
  });
});
