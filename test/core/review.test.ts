// Plans of pull requests: what comes from the head, what is so already, what nobody can know; always by the base's policy and places.
import { beforeEach, describe, expect, it } from 'vitest';
import { review, type Review } from '../../reconciler/core/review.js';
import { reviewSummary, reviewText } from '../../reconciler/core/review-words.js';
import { drivers } from '../../reconciler/drivers/index.js';
import type { DesiredState } from '../../schema/state.js';
import type { FakeFleet } from '../fakes/fleet.js';
import { desire, newFleet, settle, think, type Written, written } from './thinking.js';

let fleet: FakeFleet;
beforeEach(() => {
  fleet = newFleet();
});

const services = { web: { env: { LEVEL: 'info' } }, api: { machine: 'm2' }, db: {} };

interface Heads {
  readonly head: Written;
  readonly base?: Written;
  /** Where the head branched off, when the base went on since. */
  readonly since?: Written;
}

/** Everything as the base wants it, unless a test disturbs it between. */
function reviewed({ head, base = { services }, since = base }: Heads, disturb?: () => void): Review {
  const wanted: DesiredState = desire(base, 'b1');
  settle(fleet, wanted);
  disturb?.();
  const live = fleet.look(wanted);
  return review({
    base: wanted,
    newest: wanted,
    since: desire(since, 's1'),
    head: desire(head, 'h1'),
    live,
    basePlan: think(fleet, wanted, { live }),
    leaving: [],
    drivers,
  });
}

const unseen = ({ unseen }: Review): readonly string[] => unseen.map(one => `${one.what}: ${one.why}`);
const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIFykfZBnaxOf4O6xXIQ1gGLH7Xe1gTTlWxZ9o1yHFqAv';
const m1 = { host: '10.0.0.1' };
const m2 = { host: '10.0.0.2' };

describe('what comes from the head', () => {
  it('is nothing where only words for people change', () => {
    const found = reviewed({ head: { services: { ...services, db: { description: 'the data' } } } });
    expect(written(found.plan)).toEqual([]);
    expect(reviewSummary(found)).toBe('nothing changes on the machines');
  });

  it('is told with fields, in order', () => {
    const head = { services: { ...services, web: { env: { LEVEL: 'debug' }, depends_on: ['queue'] }, queue: {} } };
    const found = reviewed({ head });
    expect(written(found.plan)).toEqual([
      '1 create queue@m1 missing: it is not there',
      '2 update web@m1 changed: env.LEVEL changed in git [env.LEVEL info → debug]',
    ]);
    expect([...found.assumed]).toEqual(['queue@m1']);
    expect(reviewSummary(found)).toBe('2 changes on 1 machine');
  });

  it('stops what it takes out, and what it moves', () => {
    const { db: _, ...rest } = services;
    const head = { services: { ...rest, api: { machine: 'm1' } } };
    expect(written(reviewed({ head }).plan)).toEqual([
      '1 stop db@m1 orphaned: it is no longer in the registry',
      '1 create api@m1 missing: it is not there',
      '2 stop api@m2 moved: it moved to m1 [machine m2 → m1]',
    ]);
  });

  it('is told apart from what drifted already', () => {
    const head = { services: { ...services, web: { env: { LEVEL: 'debug' } } } };
    const found = reviewed({ head }, () => fleet.machine('m2').runners.delete('api'));
    expect(written(found.plan)).toEqual(['1 update web@m1 changed: env.LEVEL changed in git [env.LEVEL info → debug]']);
    expect(found.standing.map(one => `${one.kind} ${one.key}`)).toEqual(['repair api@m2']);
    const text = reviewText(found, 'main');
    expect(text.indexOf('web@m1')).toBeLessThan(text.indexOf('Already so without it'));
    expect(text.slice(text.indexOf('Already so'))).toContain('! repair api@m2');
  });

  it('takes nothing of what the base gained since', () => {
    const base = { services: { ...services, db: { env: { SIZE: '2' } } } };
    const head = { services: { ...services, web: { env: { LEVEL: 'debug' } } } };
    const found = reviewed({ head, base, since: { services } });
    expect(written(found.plan)).toEqual(['1 update web@m1 changed: env.LEVEL changed in git [env.LEVEL info → debug]']);
    expect(found.behind).toEqual(['db@m1']);
    expect(found.both).toEqual([]);
  });

  it('says what both sides changed', () => {
    const base = { services: { ...services, web: { env: { LEVEL: 'warn' } } } };
    const head = { services: { ...services, web: { env: { LEVEL: 'debug' } } } };
    expect(reviewed({ head, base, since: { services } }).both).toEqual(['web@m1']);
  });

  it('says whose keys it changes, and not what the base itself changed since', () => {
    const keyed = (one: object) => ({ services, machines: { m1: { ...m1, ...one }, m2 } });
    const head = keyed({ ssh_key: '/root/other', host_key: `ssh-ed25519 ${key}`, sudo: 'never' });
    const found = reviewed({ head });
    expect(found.keys).toEqual([{ machine: 'm1', names: ['ssh_key', 'host_key', 'sudo'] }]);
    expect(reviewText(found, 'main')).toContain(
      '- It changes `ssh_key`, `host_key`, `sudo` of `m1`. This plan goes by',
    );
    expect(reviewed({ head: { services }, base: head, since: { services } }).keys).toEqual([]);
  });

  it('knows a machine under its new name', () => {
    const moved = { web: { machine: 'box', env: { LEVEL: 'info' } }, api: { machine: 'm2' }, db: { machine: 'box' } };
    const found = reviewed({ head: { services: moved, machines: { box: m1, m2 } } });
    expect(written(found.plan)).toEqual([]);
    expect(unseen(found)).toEqual([]);
  });
});

describe('what only the merge shows', () => {
  it('is whatever stands on a machine that is new', () => {
    const head = { services: { ...services, api: { machine: 'm3' } }, machines: { m1, m2, m3: { host: 'evil' } } };
    const found = reviewed({ head });
    expect(unseen(found)).toEqual(['m3: it is new here', 'api@m3: m3 is seen after the merge']);
    expect(found.plan.waves).toEqual([]);
  });

  it.each([
    ['host', { ...m1, host: '203.0.113.9' }],
    ['host', { ...m1, host: 'local' }],
    ['port', { ...m1, port: 2222 }],
    ['jump', { ...m1, jump: 'm2' }],
    ['user', { ...m1, user: 'other' }],
  ])('is a machine with another %s', (name, machine) => {
    const head = { services: { ...services, web: { env: { LEVEL: 'debug' } } }, machines: { m1: machine, m2 } };
    const found = reviewed({ head });
    expect(unseen(found)).toEqual([`m1: it is reached otherwise (${name})`, 'web@m1: m1 is seen after the merge']);
    expect(found.plan.waves).toEqual([]);
  });

  it('is not how the base reaches it: keys of the head are not gone by', () => {
    const head = {
      services,
      machines: { m1: { ...m1, ssh_key: '/etc/shadow', host_key: `ssh-ed25519 ${key}`, sudo: 'always' }, m2 },
    };
    const found = reviewed({ head });
    expect(unseen(found)).toEqual([]);
    expect(written(found.plan)).toEqual([]);
  });

  it('is what is at another path', () => {
    const found = reviewed({ head: { services: { ...services, db: { path: '/root/.ssh' } } } });
    expect(written(found.plan)).toEqual([
      '1 replace db@m1 changed: path changed: the old place is released [path /opt/db → /root/.ssh]',
    ]);
    expect([...found.assumed]).toEqual(['db@m1']);
  });
});

describe('policy', () => {
  const lax = { apply: 'auto', max_removals: '100%', approve_when: [] };

  it('is the base’s, whatever the head says', () => {
    const base = { services, policy: { apply: 'approve' } };
    const head = {
      services: { ...services, web: { policy: { apply: 'auto' }, env: { LEVEL: 'debug' } } },
      policy: lax,
    };
    const found = reviewed({ head, base });
    expect(found.plan.held?.why).toBe('policy.apply is approve');
    expect(found.policy).toEqual(['the registry']);
    expect(reviewSummary(found)).toBe('1 change on 1 machine; waits for approval');
    expect(reviewText(found, 'main')).toContain('It changes policy');
  });

  it('holds what takes too much away', () => {
    const many = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`s${index}`, {}]));
    const found = reviewed({ head: { services: { s0: {} }, policy: lax }, base: { services: many } });
    expect(found.plan.held?.why).toContain('it would remove 5 of 6 placements');
  });

  it('stays careful with data that the head calls plain', () => {
    const base = { services: { db: { stateful: true } }, policy: { approve_when: ['stateful'] } };
    const found = reviewed({ head: { services: { db: { env: { A: 'b' } } }, policy: lax }, base });
    expect(found.plan.held?.why).toContain('stateful');
  });

  it('stops what leaves as the base does', () => {
    const head = { services: { web: services.web, api: services.api }, policy: { prune: 'remove' } };
    expect(written(reviewed({ head }).plan)).toEqual(['1 stop db@m1 orphaned: it is no longer in the registry']);
  });
});

describe('the text', () => {
  it('holds nothing that a forge would act on', () => {
    const nasty = '```\n@everyone <!-- portoser:end --> <img src=x> \u202e';
    const head = { services: { ...services, web: { env: { LEVEL: nasty } } } };
    const text = reviewText(reviewed({ head }), 'main');
    expect(text).not.toContain('<');
    expect(text.match(/```/g)).toHaveLength(2);
    expect(text).toContain("env.LEVEL: info → ''' @everyone ‹!-- portoser:end -->");
  });

  it('keeps what machines say to itself', () => {
    const head = { services: { ...services, api: { machine: 'm2', env: { A: 'b' } } } };
    const found = reviewed({ head }, () => (fleet.machine('m2').reachable = false));
    const text = reviewText(found, 'main');
    expect(text).toContain('`api@m2` unknown: The machine cannot be reached');
    expect(text).not.toContain('m2 is off');
  });

  it('is bounded', () => {
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`s${index}`, {}]));
    const text = reviewText(reviewed({ head: { services: { ...services, ...many } } }), 'main');
    expect(text).toContain('… and 160 more');
    expect(text.length).toBeLessThan(60_000);
  });
});
