// Which deployments can be returned to, and how their images are named.
import { describe, expect, it } from 'vitest';
import { becameIll, before, pinsOf, sameRevision, unusable } from '../../reconciler/core/rollback.js';
import type { Deployment } from '../../schema/history.js';
import type { DockerOptions } from '../../schema/registry-types.js';
import { runRecord } from '../contracts/store.js';

const commit = 'a'.repeat(40);
const made = (id: string, at: number, more: Partial<Deployment> = {}): Deployment => {
  const [one] = runRecord(id, at, { 'web@m1': { result: 'applied' } }).deployments;
  if (one === undefined) throw new Error('there is one');
  return { ...one, commit, ...more };
};
const gate = { code: 'gate-failed', message: '', hint: '', retry: 'human' } as const;

describe('a deployment that can be returned to', () => {
  it.each([
    [{}, undefined],
    [{ result: 'failed' }, 'failed'],
    [{ result: 'skipped' }, 'was skipped'],
    [{ result: 'in-progress' }, 'has not ended'],
    [{ kind: 'stop' }, 'took web away'],
    [{ kind: 'remove' }, 'took web away'],
    [{ kind: 'repair' }, undefined],
    [{ commit: 'work-tree' }, 'was made from files that were no commit'],
  ] as const)('%j: %s', (more, why) => {
    expect(unusable(made('r1', 1, more))).toBe(why);
  });

  it('was not found ill afterwards', () => {
    const good = made('r1', 1, { fingerprint: 'f' });
    const ill = made('r2', 2, { fingerprint: 'f', result: 'failed', error: gate });
    expect(becameIll(good, [ill, good])).toBe(true);
    expect(becameIll(good, [good, { ...ill, startedAt: 0 }])).toBe(false);
    expect(becameIll(good, [{ ...ill, error: { ...gate, code: 'ssh-lost' } }, good])).toBe(false);
    expect(becameIll(good, [{ ...ill, fingerprint: 'g' }, good])).toBe(false);
  });

  it('comes before the one that was named', () => {
    const all = [made('r3', 3), made('r2', 2), made('r1', 1)];
    expect(before(made('r2', 2), all).map(one => one.runId)).toEqual(['r1']);
    expect(before(made('r9', 3), all).map(one => one.runId)).toEqual(['r2', 'r1']);
  });
});

it('is the same revision by its words and the images that are known of both', () => {
  const web = (id: string) => ({ images: { web: { id } } });
  expect(sameRevision({ fingerprint: 'f' }, { fingerprint: 'f' })).toBe(true);
  expect(sameRevision({ fingerprint: 'f', ...web('1') }, { fingerprint: 'f' })).toBe(true);
  expect(sameRevision({ fingerprint: 'f', ...web('1') }, { fingerprint: 'f', ...web('2') })).toBe(false);
  expect(sameRevision({}, {})).toBe(false);
});

describe('images', () => {
  const docker: DockerOptions = { images: {}, pull: 'missing', build: false, portMapping: [] };
  const spec = (more: Partial<DockerOptions> = {}) => ({ machine: 'm1', docker: { ...docker, ...more } });
  const images = { web: { id: 'sha256:1', digest: 'lab/web@sha256:9' }, own: { id: 'sha256:2' } };

  it('are named by digest, or by the id on the one machine that has them', () => {
    expect(pinsOf(images, spec(), 1)).toEqual({ images: { web: 'lab/web@sha256:9', own: 'sha256:2' }, lost: [] });
  });

  it.each([
    [spec({ build: true }), 1, 'built on m1'],
    [spec({ pull: 'always' }), 1, 'no registry has it'],
    [spec(), 2, 'only m1 knows it'],
  ])('are not named where an id is of no use', (asked, placements, why) => {
    const { images: pins, lost } = pinsOf(images, asked, placements);
    expect(pins).toEqual({ web: 'lab/web@sha256:9' });
    expect(lost).toEqual([expect.stringContaining(why)]);
  });

  it('keep a name that was written already, and are told where nobody kept them', () => {
    const written = spec({ images: { own: 'lab/own@sha256:7' }, build: true });
    expect(pinsOf(images, written, 2).images).toEqual({ web: 'lab/web@sha256:9', own: 'lab/own@sha256:7' });
    expect(pinsOf(undefined, spec(), 1).lost).toHaveLength(1);
    expect(pinsOf(undefined, { machine: 'm1' }, 1)).toEqual({ images: {}, lost: [] });
  });
});
