// Wanted against seen: every reason, and everything that is left alone, as lines of a plan.
import { beforeEach, describe, expect, it } from 'vitest';
import type { FakeFleet } from '../fakes/fleet.js';
import { sha256 } from '../fakes/fleet.js';
import { heldStamp } from '../../reconciler/core/stamps.js';
import { desire, newFleet, order, planned, seenAs, settle, think, written } from './thinking.js';

let fleet: FakeFleet;
beforeEach(() => {
  fleet = newFleet();
});

const web = { port: 80, env: { A: '1' } };
const unitOf = (name: string) => `/etc/systemd/system/${name}.service`;

describe('what git wants and is not there', () => {
  it('is made, and then there is nothing left to do', () => {
    const desired = desire({ services: { web } });
    expect(planned(fleet, desired)).toEqual(['1 create web@m1 missing: it is not there']);
    settle(fleet, desired);
    expect(planned(fleet, desired)).toEqual([]);
    expect(planned(fleet, desire({ services: { web } }, 'c2'))).toEqual([]);
  });

  it('is blocked where a stranger has its name', () => {
    fleet.machine('m1').runners.set('web', { run: 'running', settings: {}, images: {} });
    expect(planned(fleet, desire({ services: { web } }))).toEqual([
      'blocked web@m1: web.service is on m1 already and is not ours',
    ]);
  });

  it('is blocked where a file of somebody else would be overwritten, and takes over the same file', () => {
    const desired = desire({ services: { web }, source: { web: { 'app.py': 'x', same: 'y' } } });
    fleet.machine('m1').files.set('/opt/web/same', { sha256: sha256('y'), mode: 0o644 });
    expect(planned(fleet, desired)).toEqual(['1 create web@m1 missing: it is not there']);
    fleet.machine('m1').files.set('/opt/web/app.py', { sha256: sha256('theirs'), mode: 0o644 });
    expect(planned(fleet, desired)).toEqual([
      'blocked web@m1: /opt/web/app.py on m1 would be overwritten and is not ours',
    ]);
  });

  it('adopts a unit that is named without a command, and misses one that is not there', () => {
    const desired = desire({ services: { sshd: { type: 'native' } } });
    expect(planned(fleet, desired)).toEqual(['blocked sshd@m1: there is no unit sshd on m1']);
    fleet
      .machine('m1')
      .runners.set('sshd', { run: 'running', settings: { enabled: 'enabled', 'unit-load': 'loaded' }, images: {} });
    expect(planned(fleet, desired)).toEqual(['1 create sshd@m1 missing: the unit is there and not managed yet']);
  });

  it('is not what this version supports: blocked', () => {
    const desired = desire({ services: { web: { ...web, tls: true } } });
    expect(planned(fleet, desired)).toEqual(['blocked web@m1: tls: not supported yet']);
  });
});

describe('what is there and otherwise', () => {
  const files = { web: { 'app.py': 'one', 'gone.py': 'x' } };
  beforeEach(() => settle(fleet, desire({ services: { web }, source: files })));

  it('changed in git: field by field, old to new; a secret without its value', () => {
    const changed = { ...web, env: { A: '2', B: 'new', TOKEN: 's3cret' } };
    const lines = planned(fleet, desire({ services: { web: changed }, source: { web: { 'app.py': 'two' } } }));
    expect(lines[0]).toMatch(
      /^1 update web@m1 changed: env\.A, env\.B, env\.TOKEN, file:app\.py, file:gone\.py changed in git \[env\.A 1 → 2, env\.B - → new, env\.TOKEN - → sha256:/,
    );
    expect(lines.join('')).not.toContain('s3cret');
  });

  it('a changed description, health, policy or commit changes nothing', () => {
    const more = { description: 'x', tags: ['a'], health: { type: 'tcp', interval: '5s' } };
    expect(
      planned(
        fleet,
        desire({ services: { web: { ...web, ...more } }, source: files, policy: { interval: '5m' } }, 'c9'),
      ),
    ).toEqual([]);
  });

  it.each([
    ['path', { path: '/srv/web' }, 'path'],
    ['unit', { service_name: 'www' }, 'unit'],
    ['scope', { scope: 'user', user: 'root' }, 'scope'],
    ['type', { type: 'local', command: '/bin/serve' }, 'type, unit'],
  ])('another %s releases the old place', (_, more, names) => {
    const lines = planned(fleet, desire({ services: { web: { ...web, ...more } }, source: files }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`1 replace web@m1 changed: ${names} changed: the old place is released`);
  });

  it('the port of the old place is no stranger to the new one', () => {
    const desired = desire({ services: { web: { ...web, service_name: 'www' } }, source: files });
    const live = fleet.look(desired);
    const listening = seenAs(live, 'm1', { listeners: [{ port: 80, address: '*', pid: 9, process: 'serve' }] });
    const absent = { ...listening, sightings: { 'web@m1': { state: 'absent', files: {}, own: {} } as const } };
    expect(planned(fleet, desired, { live: absent })[0]).toContain('replace web@m1 changed: unit changed');
  });

  it('an unfinished attempt is made again, and says what was to change', () => {
    const machine = fleet.machine('m1');
    const stamp = machine.stamps.get('web');
    if (stamp === undefined) throw new Error('no stamp');
    const { fingerprint, ...claim } = stamp;
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    machine.stamps.set('web', claim);
    expect(planned(fleet, desire({ services: { web }, source: files }))).toEqual([
      '1 update web@m1 missing: an earlier attempt was not finished',
    ]);
  });

  it('a revision that did not become healthy is held until git changes it or a person asks', () => {
    const desired = desire({ services: { web }, source: files });
    const machine = fleet.machine('m1');
    const stamp = machine.stamps.get('web');
    if (stamp === undefined) throw new Error('no stamp');
    machine.stamps.set('web', heldStamp(stamp, undefined));
    expect(planned(fleet, desired)).toEqual([
      'held web@m1: this revision was applied and did not become healthy; correct it in git, or try again with `portoser deploy web`',
    ]);
    expect(planned(fleet, desired, { again: ['web'] })).toEqual([
      '1 update web@m1 missing: an earlier attempt was not finished',
    ]);
    expect(planned(fleet, desire({ services: { web: { ...web, port: 81 } }, source: files }))[0]).toContain(
      '1 update web@m1 missing',
    );
  });

  it('what runs there was stopped or removed', () => {
    const desired = desire({ services: { web }, source: files });
    const runner = fleet.machine('m1').runners.get('web');
    if (runner === undefined) throw new Error('it does not run');
    runner.run = 'stopped';
    expect(planned(fleet, desired)).toEqual(['1 repair web@m1 stopped: it is stopped']);
    fleet.machine('m1').runners.delete('web');
    expect(planned(fleet, desired)).toEqual(['1 repair web@m1 missing: what ran there was removed on m1']);
  });

  it("the user's own file was edited there", () => {
    const docker = { type: 'docker', compose_service: 'main', path: '/opt/box' };
    fleet.machine('m1').own.set('/opt/box/compose.yaml', 'services: {main: {image: a}}\n');
    const desired = desire({ services: { box: docker, web }, source: files });
    settle(fleet, desired);
    fleet.machine('m1').own.set('/opt/box/compose.yaml', 'services: {main: {image: b}}\n');
    expect(planned(fleet, desired)[0]).toMatch(
      /^1 update box@m1 changed: edited on m1: own:\/opt\/box\/compose\.yaml \[own:\/opt\/box\/compose\.yaml [0-9a-f]{12} → [0-9a-f]{12}\]$/,
    );
  });

  it('our own text of a generated file changed', () => {
    const machine = fleet.machine('m1');
    const stamp = machine.stamps.get('web');
    if (stamp === undefined) throw new Error('no stamp');
    const older = stamp.files.map(file =>
      file.path === unitOf('web') ? { ...file, sha256: sha256('older version') } : file,
    );
    machine.stamps.set('web', { ...stamp, files: older });
    expect(planned(fleet, desire({ services: { web }, source: files }))[0]).toMatch(
      /^1 update web@m1 changed: our own text of file:\/etc\/systemd\/system\/web\.service changed/,
    );
  });
});

describe('what is left alone', () => {
  it.each([
    [
      'a service that is suspended',
      desire({ services: { web: { ...web, suspend: 'until monday' } } }),
      ['suspended web@m1: suspended: until monday'],
    ],
    [
      'without a reason',
      desire({ services: { web: { ...web, suspend: true } } }),
      ['suspended web@m1: suspended in the registry'],
    ],
    [
      'a machine that is suspended',
      desire({ services: { web }, machines: { m1: { suspend: 'repair' } } }),
      ['suspended web@m1: suspended: repair', 'machine m1 suspended: suspended: repair'],
    ],
    [
      'a machine that says it is another',
      desire({ services: { web }, machines: { m1: { platform: 'darwin' } } }),
      [
        'blocked web@m1: m1 says it is linux, the registry says darwin',
        'machine m1 blocked: m1 says it is linux, the registry says darwin',
      ],
    ],
    [
      'of another processor',
      desire({ services: { web }, machines: { m1: { arch: 'arm64' } } }),
      [
        'blocked web@m1: m1 says it is amd64, the registry says arm64',
        'machine m1 blocked: m1 says it is amd64, the registry says arm64',
      ],
    ],
  ])('%s', (_, desired, expected) => {
    expect(planned(fleet, desired)).toEqual(expected);
  });

  it('a machine that does not answer: unknown is not absent', () => {
    const desired = desire({ services: { web } });
    settle(fleet, desired);
    fleet.machine('m1').reachable = false;
    expect(planned(fleet, desire({ services: {} }))).toEqual(['machine m1 unknown: m1 is off']);
    expect(planned(fleet, desired)).toEqual(['unknown web@m1: m1 is off', 'machine m1 unknown: m1 is off']);
  });

  it('a machine on which a change is running, of this controller or found there', () => {
    const desired = desire({ services: { web } });
    const expected = [
      'in-progress web@m1: a change is running on m1',
      'machine m1 in-progress: a change is running on m1',
    ];
    expect(planned(fleet, desired, { busy: ['m1'] })).toEqual(expected);
    expect(planned(fleet, desired, { live: seenAs(fleet.look(desired), 'm1', { openSteps: ['a1'] }) })).toEqual(
      expected,
    );
  });

  it('a machine that belongs to another repository, or to a registry outside any', () => {
    const desired = desire({ services: { web } });
    fleet.machine('m1').identity = 'abcdef0123456789';
    expect(planned(fleet, desired)[0]).toBe(
      'blocked web@m1: on m1 the cluster "c" belongs to the repository that began with abcdef012345',
    );
    fleet.machine('m1').identity = '-';
    expect(planned(fleet, desired)[0]).toBe(
      'blocked web@m1: on m1 the cluster "c" belongs to a registry outside any repository',
    );
  });

  it('a renamed machine is an empty plan; one id under two names plans nothing there', () => {
    settle(fleet, desire({ services: { web }, machines: { m1: {} } }));
    const renamed = desire({ services: { web: { ...web, machine: 'n1' } }, machines: { n1: {} } });
    const machine = fleet.machine('m1');
    fleet.machines.set('n1', machine);
    expect(planned(fleet, renamed)).toEqual([]);
    const both = desire({ services: { web }, machines: { m1: {}, n1: {} } });
    expect(planned(fleet, both)).toEqual([
      'blocked web@m1: m1 and n1 are one and the same machine',
      'machine m1 blocked: m1 and n1 are one and the same machine',
      'machine n1 blocked: m1 and n1 are one and the same machine',
    ]);
  });

  it('a placement that nobody looked at', () => {
    const desired = desire({ services: { web } });
    expect(planned(fleet, desired, { live: { ...fleet.look(desired), sightings: {} } })).toEqual([
      'unknown web@m1: it was not looked at',
    ]);
  });
});

describe('a stateful service', () => {
  const db = { stateful: true };

  it.each([
    ['that is stateful', { db }],
    ['with data that move along', { db: { data: 'copy' } }],
  ])('%s is made by itself only when every machine where it may be answers', (_, services) => {
    const desired = desire({ services });
    fleet.machine('m2').reachable = false;
    const asked = think(fleet, desired);
    expect(written(asked)).toEqual([
      '1 create db@m1 missing: it is not there',
      'machine m2 unknown: m2 is off',
      'held: db@m1 is seen nowhere and may be on m2, not answering: here it would start without what it has there, and might run twice',
    ]);
    expect(think(fleet, desired, { approved: [asked.id] }).held).toBeUndefined();
    // Who approved it while all answered has not seen this.
    expect(think(newFleet(), desired).id).not.toBe(asked.id);
    fleet.apply(asked, desired);
    expect(think(fleet, desired)).toMatchObject({ waves: [], leftAlone: [] });
    expect(planned(newFleet(), desired)).toEqual(['1 create db@m1 missing: it is not there']);
  });

  it('that may be elsewhere holds up only what waits for it', () => {
    fleet.machine('m2').reachable = false;
    const plan = think(fleet, desire({ services: { db, web: { depends_on: ['db'] }, other: {} } }));
    expect([order(plan), plan.waiting?.map(one => one.changes.map(({ key }) => key))]).toEqual([
      'create other@m1',
      [['db@m1', 'web@m1']],
    ]);
  });

  it('waits for a person where it would leave its data', () => {
    settle(fleet, desire({ services: { db } }));
    expect(planned(fleet, desire({ services: { db: { ...db, machine: 'm2' } } }))).toEqual([
      '1 create db@m2 missing: it moves from m1: it is stopped there first [machine m1 → m2]',
      '2 stop db@m1 moved: it moved to m2 [machine m1 → m2]',
      'held: db@m2 would start without its data: db is stateful and has no `data: copy`, so what it has on m1 stays there',
    ]);
  });

  it('on several machines is made on each', () => {
    expect(think(fleet, desire({ services: { db: { ...db, machines: ['m1', 'm2'] } } })).waves.flat()).toHaveLength(2);
  });
});
