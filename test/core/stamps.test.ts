// The stamps of a placement's life: what each says and keeps.
import { describe, expect, it } from 'vitest';
import type { Sighting } from '../../schema/state.js';
import { claimOf, finalStamp, heldStamp, prunedStamp } from '../../reconciler/core/stamps.js';
import { sha256 } from '../fakes/fleet.js';
import { desire } from './thinking.js';

const [placement] = desire({ services: { web: { port: 80 } }, source: { web: { 'app.py': 'x' } } }).placements;
if (placement === undefined) throw new Error('no placement');
const identity = { unit: 'web.service', scope: 'system' } as const;
const unit = { path: '/etc/systemd/system/web.service', mode: 0o644, text: '[Unit]\n', root: true };
const common = { placement, identity, generated: [unit], commit: 'c1' };
const sighting: Exclude<Sighting, { state: 'unknown' }> = {
  state: 'present',
  run: 'running',
  settings: {},
  pids: [],
  images: { main: 'sha256:1' },
  files: {},
  own: { '/opt/web/.env': { sha256: 'e'.repeat(64) } },
};
const final = finalStamp({ ...common, sighting, ownFiles: ['/opt/web/.env', '/opt/web/gone'] });

describe('a stamp', () => {
  it('that is final says what was seen to run', () => {
    expect(final).toMatchObject({
      service: 'web',
      driver: 'native',
      unit: 'web.service',
      fingerprint: placement.fingerprint,
      commit: 'c1',
      fields: placement.fields,
      own: { '/opt/web/.env': 'e'.repeat(64), '/opt/web/gone': '' },
      images: { main: 'sha256:1' },
      ports: [80],
      adopted: false,
    });
    expect(final.files).toEqual([
      { path: '/opt/web/app.py', mode: 0o644, sha256: sha256('x'), kind: 'source' },
      { path: unit.path, mode: 0o644, sha256: sha256(unit.text), kind: 'generated' },
    ]);
  });

  it('that claims has no fingerprint, and names the files of before and after', () => {
    const first = claimOf(common);
    expect([first.fingerprint, first.fields, first.files.length]).toEqual([undefined, {}, 2]);
    const before = {
      ...final,
      fields: { command: 'old' },
      files: [...final.files, { path: '/opt/web/old', mode: 0o644, sha256: sha256('o'), kind: 'source' as const }],
    };
    const again = claimOf({ ...common, before });
    expect(again).not.toHaveProperty('fingerprint');
    expect(again.fields).toEqual({ command: 'old' });
    expect(again.files.map(file => file.path)).toEqual(['/opt/web/app.py', unit.path, '/opt/web/old']);
  });

  it('that is held names what failed as such, and nothing as finished', () => {
    expect(heldStamp(final, undefined)).toMatchObject({ failed: placement.fingerprint });
    expect(heldStamp(final, undefined)).not.toHaveProperty('fingerprint');
  });

  it('that is unfinished or held knows the healthy one before it, and what it ran from', () => {
    const healthy = { fingerprint: placement.fingerprint, commit: 'c1', images: { main: 'sha256:1' }, pinned: false };
    const next = { ...placement, fingerprint: 'f'.repeat(64) };
    expect(claimOf({ ...common, placement: next, before: final, replaced: final })).toMatchObject({ healthy });
    const held = heldStamp({ ...final, fingerprint: next.fingerprint }, final);
    expect(held).toMatchObject({ failed: next.fingerprint, healthy });
    expect(heldStamp({ ...final, fingerprint: 'e'.repeat(64) }, held)).toMatchObject({ healthy });
    const instead = { ...placement, instead: { of: next.fingerprint, commit: 'c1', images: {} } };
    const back = finalStamp({ ...common, placement: instead, sighting, ownFiles: [] });
    expect(back).toMatchObject({ fingerprint: placement.fingerprint, failed: next.fingerprint });
    expect(heldStamp(back, held)).not.toHaveProperty('healthy');
    expect(claimOf({ ...common, placement: instead, before: held, replaced: held })).toMatchObject({
      failed: next.fingerprint,
      healthy,
    });
  });

  it('of what prune stopped says when, and keeps the rest', () => {
    expect(prunedStamp(final, 1000)).toEqual({ ...final, prunedAt: 1000 });
  });

  it('of a unit that stood there is adopted', () => {
    const [adopted] = desire({ services: { sshd: { type: 'native' } } }).placements;
    if (adopted === undefined) throw new Error('no placement');
    expect(finalStamp({ ...common, placement: adopted, generated: [], sighting, ownFiles: [] }).adopted).toBe(true);
  });
});
