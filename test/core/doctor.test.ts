// What the doctor says of a machine: by what was asked of it and seen there, line by line.
import { describe, expect, it } from 'vitest';
import { diagnoseMachine, levelOf } from '../../reconciler/core/doctor.js';
import { type Asked, type EngineSeen, readAsked } from '../../reconciler/core/doctor-asked.js';
import type { Pace, Patient, Remark } from '../../reconciler/core/doctor-remark.js';
import { drivers } from '../../reconciler/drivers/index.js';
import type { Machine } from '../../schema/registry-types.js';
import type { LiveState, MachineFacts, MachineSeen, OwnFileSeen, Stamp } from '../../schema/state.js';
import { desire, newFleet, settle, type Written } from './thinking.js';

const gib = 1024 ** 3;

interface Case {
  readonly services?: Written['services'];
  readonly source?: Written['source'];
  readonly policy?: object;
  readonly machine?: Partial<Machine>;
  readonly facts?: Partial<MachineFacts>;
  readonly seen?: Partial<MachineSeen>;
  readonly asked?: Partial<Asked>;
  readonly pace?: Partial<Pace>;
  /** The user's own files by path. */
  readonly own?: Readonly<Record<string, string>>;
  /** Everything was applied before. */
  readonly settled?: boolean;
  /** Another name of the registry under which the same machine answers. */
  readonly twin?: boolean;
}

const asAdmin = { uid: 1000, user: 'admin', home: '/home/admin' };

/** m1, where a test does not say otherwise: root logs in, and everything is as it should be. */
function patientOf(one: Case): Patient {
  const { services = {}, source = {}, policy = {}, own = {} } = one;
  const machines = { m1: {}, ...(one.twin === true ? { m2: {} } : {}) };
  const desired = desire({ services, source, policy, machines });
  const fleet = newFleet();
  if (one.settled === true) settle(fleet, desired);
  const live = fleet.look(desired);
  const view = live.machines['m1'];
  const [machine] = desired.machines;
  if (view?.state !== 'reachable' || machine === undefined) throw new Error('m1 is not seen');
  const seen = { ...view, facts: { ...view.facts, ...one.facts }, ...one.seen };
  const files = Object.entries(own).map(([path, text]): [string, OwnFileSeen] => [path, { sha256: 'aa', text }]);
  const sightings = Object.fromEntries(
    Object.entries(live.sightings).map(([key, sighting]) => [
      key,
      sighting.state === 'unknown' ? sighting : { ...sighting, own: Object.fromEntries(files) },
    ]),
  );
  const all: LiveState = { ...live, sightings, machines: { ...live.machines, m1: seen } };
  return {
    machine: { ...machine, hostKeys: ['ssh-ed25519 AAAA'], ...one.machine },
    seen,
    desired,
    live: all,
    drivers,
    asked: { sudo: 'root', stateOpen: true, lingers: false, closed: new Set(), ...one.asked },
    pace: { latencyMs: 12.4, skewMs: 300, uncertainMs: 506, ...one.pace },
  };
}

const remarks = (one: Case): readonly Remark[] => diagnoseMachine(patientOf(one));
const about = (subject: string, one: Case): readonly string[] =>
  remarks(one)
    .filter(remark => remark.subject === subject)
    .map(remark => `${remark.level}: ${remark.text}`);
const hintOf = (subject: string, one: Case): string | undefined =>
  remarks(one).find(remark => remark.subject === subject)?.hint;

describe('a machine with nothing on it', () => {
  it('is well, and each line says what was looked at', () => {
    expect(remarks({}).map(one => `${one.level} ${one.subject}: ${one.text}`)).toEqual([
      'ok reach: over SSH as root@10.0.0.1:22, host key pinned; one exec takes 12 ms',
      'ok clock: as on this computer',
      'ok platform: linux amd64, kernel 6.1',
      'ok owner: belongs to nobody yet: the first change takes it',
      'ok state: there is none yet: the first change makes it',
      'ok work: nothing is being changed there',
      'ok stamps: 0 of ours, all of them placed here',
      'ok sudo: not needed: the login is root',
    ]);
    expect(levelOf(remarks({}))).toBe('ok');
  });
});

describe('the way there', () => {
  it.each<[string, Case, string]>([
    [
      'by known_hosts',
      { machine: { hostKeys: [] } },
      'ok: over SSH as root@10.0.0.1:22, host key known to this computer alone; one exec takes 12 ms',
    ],
    [
      'through others',
      { machine: { jump: ['gate', 'inner'], port: 2222 } },
      'ok: over SSH as root@10.0.0.1:2222, through gate, inner, host key pinned; one exec takes 12 ms',
    ],
    [
      'none at all',
      { machine: { host: 'local', hostKeys: [] } },
      'ok: this computer itself, without SSH; one exec takes 12 ms',
    ],
    ['slow', { pace: { latencyMs: 2345.6 } }, 'warning: over SSH as root@10.0.0.1:22; one exec takes 2346 ms'],
  ])('%s', (_, one, text) => {
    expect(about('reach', one)).toEqual([text]);
  });

  it('tells how to pin a key', () => {
    expect(hintOf('reach', { machine: { hostKeys: [] } })).toContain('`portoser machine trust m1`');
  });

  it.each<[string, Partial<Pace>, readonly string[]]>([
    ['a little off', { skewMs: -5400, uncertainMs: 500 }, ['ok: as on this computer']],
    ['off', { skewMs: -5600, uncertainMs: 500 }, ['warning: 6 s behind this computer']],
    ['far off', { skewMs: 3_600_000, uncertainMs: 500 }, ['problem: 3600 s ahead of this computer']],
    ['as far off as the answer took', { skewMs: 20_000, uncertainMs: 20_000 }, ['ok: as on this computer']],
  ])('a clock that is %s', (_, pace, said) => {
    expect(about('clock', { pace })).toEqual(said);
  });

  it('says nothing of a clock that did not tell', () => {
    const { skewMs: _, ...pace } = patientOf({}).pace;
    expect(diagnoseMachine({ ...patientOf({}), pace }).some(one => one.subject === 'clock')).toBe(false);
  });

  it('is not what the registry says', () => {
    expect(about('platform', { machine: { arch: 'arm64' } })).toEqual([
      'problem: m1 says it is amd64, the registry says arm64',
    ]);
    expect(about('platform', { facts: { arch: 'other' } })[0]).toMatch(/^warning: linux 6.1 on a processor/);
  });

  it('is suspended', () => {
    expect(about('suspend', { machine: { suspend: 'new disk' } })).toEqual([
      'ok: suspended in the registry: new disk; it is looked at, and nothing is changed there',
    ]);
  });
});

describe('our state there', () => {
  const web = { web: {} };
  const stamp = (more: Partial<Stamp>): Stamp => {
    const [first] = patientOf({ services: web, settled: true }).seen.stamps;
    if (first === undefined) throw new Error('nothing was applied');
    return { ...first, ...more };
  };

  it('is ours, can be written, and knows nothing else', () => {
    const one = { services: web, settled: true };
    expect([...about('owner', one), ...about('state', one), ...about('stamps', one)]).toEqual([
      'ok: belongs to this repository',
      'ok: /var/lib/portoser/m1 can be written',
      'ok: 1 of ours, all of them placed here',
    ]);
  });

  it('is another repository’s', () => {
    const one = { seen: { identity: 'f'.repeat(40) } };
    expect(about('owner', one)).toEqual([
      'problem: on m1 the cluster "c" belongs to the repository that began with ffffffffffff',
    ]);
    expect(hintOf('owner', one)).toContain('portoser machine claim');
  });

  it('stands under two names', () => {
    const patient = patientOf({ twin: true });
    const machines = { m1: { ...patient.seen, id: 'x' }, m2: { ...patient.seen, id: 'x' } };
    const said = diagnoseMachine({ ...patient, live: { ...patient.live, machines } });
    expect(said.filter(one => one.level === 'problem').map(one => one.text)).toEqual([
      'm1 and m2 are one and the same machine',
    ]);
  });

  it.each<[string, Case, string]>([
    [
      'written',
      { settled: true, services: web, asked: { stateOpen: false } },
      'problem: the state folder /var/lib/portoser/m1 on m1 cannot be written',
    ],
    [
      'made',
      { asked: { stateOpen: false, sudo: 'password' } },
      'problem: the state folder /var/lib/portoser/m1 on m1 cannot be made',
    ],
  ])('cannot be %s', (_, one, text) => {
    expect(about('state', one)).toEqual([text]);
  });

  it('can be made by sudo', () => {
    expect(about('state', { asked: { stateOpen: false, sudo: 'yes' } })[0]).toMatch(/^ok/);
  });

  it.each<[string, Partial<MachineSeen>, string]>([
    [
      'another controller',
      { lock: { controller: 'c2', process: '1:1', ageSeconds: 12, fence: 3 } },
      'warning: controller c2 has had its lock for 12 s',
    ],
    [
      'nobody any more',
      { lock: { controller: 'c2', process: '1:1', ageSeconds: 61, fence: 3 } },
      'ok: controller c2 has had its lock for 61 s without renewal: the next change takes it over',
    ],
    ['a change', { openSteps: ['a1', 'a2'] }, 'warning: a change is running (a1, a2)'],
  ])('is held by %s', (_, seen, text) => {
    expect(about('work', { seen })).toEqual([text]);
  });

  it('has stamps that nobody can read', () => {
    expect(about('stamps', { services: web, settled: true, seen: { unreadableStamps: 2 } })).toEqual([
      'problem: 2 stamps in /var/lib/portoser/m1/stamps of m1 are damaged or of a newer version',
    ]);
  });

  it('has stamps of what the registry does not place there', () => {
    const old = stamp({ service: 'old' });
    const gone = stamp({ service: 'gone', prunedAt: 1 });
    expect(about('stamps', { seen: { stamps: [old, gone] } })).toEqual([
      'ok: gone left the registry: stopped, and removed after 7d with all data kept',
      'warning: old is ours, and the registry does not place it here',
    ]);
    expect(about('stamps', { seen: { stamps: [old] }, policy: { prune: 'keep' } })[0]).toMatch(/^ok: old stays/);
  });
});

describe('root', () => {
  const password = { sudo: 'password' } as const;

  it('is needed by nothing of a user’s own', () => {
    const services = { web: { scope: 'user' }, job: { type: 'local', command: './job', scope: 'none' } };
    expect(about('sudo', { services, facts: asAdmin, asked: password })).toEqual([
      'ok: not needed by what is placed there',
    ]);
  });

  it.each<[string, object, Partial<Asked>, string]>([
    ['system units', {}, password, 'needed for system units (web), and it asks for a password'],
    [
      'system units of an app',
      { type: 'local', command: './x' },
      { sudo: 'missing' },
      'needed for system units (web), and there is no sudo',
    ],
    [
      'another user',
      { type: 'local', command: './x', scope: 'none', user: 'www' },
      password,
      'needed for running as another user (web), and it asks for a password',
    ],
    [
      'a folder',
      { scope: 'user' },
      { ...password, closed: new Set(['/opt/web']) },
      'needed for folders of others (/opt/web), and it asks for a password',
    ],
    [
      'what the registry forbids',
      {},
      { sudo: 'never' },
      'needed for system units (web), and the registry says sudo: never for m1',
    ],
  ])('is needed for %s', (_, web, asked, text) => {
    expect(about('sudo', { services: { web }, facts: asAdmin, asked })).toEqual([`problem: ${text}`]);
    expect(about('sudo', { services: { web }, facts: asAdmin, asked: { ...asked, sudo: 'yes' } })[0]).toMatch(
      /^ok: works without a password; needed for /,
    );
  });
});

describe('docker', () => {
  const compose = { '/opt/web/compose.yaml': 'services: {web: {image: x}}\n' };
  const services = { web: { type: 'docker', compose_file: 'compose.yaml' } };
  const runBy = (engine: EngineSeen, web: object = {}): Case => ({
    services: { web: { ...services.web, ...web } },
    own: compose,
    asked: { engine },
  });
  const fresh: EngineSeen = { state: 'ok', docker: '28.1.0', compose: '2.35.1', program: 'docker compose' };

  it.each<[string, EngineSeen, string]>([
    ['is there', fresh, 'ok: engine 28.1.0, Compose 2.35.1'],
    ['is not there', { state: 'missing' }, 'problem: m1 has no docker'],
    ['does not answer', { state: 'down' }, 'problem: the Docker engine does not answer'],
    ['is closed', { state: 'refused' }, 'problem: root may not use Docker, and sudo is not allowed'],
    ['has no Compose', { state: 'ok', docker: '20.10.5' }, 'problem: engine 20.10.5, and no Compose'],
    [
      'has the first Compose',
      { ...fresh, compose: '1.29.2', program: 'docker-compose' },
      'warning: engine 28.1.0, Compose 1.29.2, which nobody maintains any more',
    ],
  ])('%s', (_, engine, text) => {
    expect(about('docker', runBy(engine))).toEqual([text]);
  });

  it.each([
    ['2.24.3', 'problem'],
    ['2.24.4', 'ok'],
    ['2.9.0', 'problem'],
    ['2.24.4-desktop.1', 'ok'],
    ['5.0.0', 'ok'],
    ['dev', 'ok'],
  ])('Compose %s publishes ports: %s', (version, level) => {
    const mapped = runBy({ ...fresh, compose: version }, { port_mapping: { host: 80, container: 8080 } });
    expect(about('docker', mapped)[0]?.split(':')[0]).toBe(level);
    expect(about('docker', runBy({ ...fresh, compose: version }))[0]).toMatch(/^ok/);
  });

  it('is nothing to a machine without it', () => {
    expect(about('docker', { services: { web: {} } })).toEqual([]);
  });

  it('tells what else its driver says against a placement', () => {
    expect(about('service', { ...runBy(fresh), own: {} })[0]).toMatch(/^problem: web: .*compose/);
    expect(about('service', runBy(fresh))).toEqual([]);
  });
});

describe('uv and service managers', () => {
  const app = { app: { type: 'local', command: './serve' } };

  it.each<[string, Case]>([
    ['an app from git', { services: app, source: { app: { 'pyproject.toml': 'x' } } }],
    ['an app that lies there', { services: app, own: { '/opt/app/requirements.txt': 'x' } }],
    ['its command', { services: { app: { type: 'local', command: 'uv run x' } } }],
  ])('uv is needed by %s', (_, one) => {
    expect(about('uv', { ...one, facts: { hasUv: true } })).toEqual(['ok: is there; needed by app']);
    expect(about('uv', { ...one, facts: { hasUv: false } })).toEqual(['problem: needed by app, and not there']);
    expect(remarks({ ...one, facts: { hasUv: false } }).filter(remark => remark.level === 'problem')).toHaveLength(1);
  });

  it('uv is nothing to any other command', () => {
    expect(about('uv', { services: app, facts: { hasUv: false } })).toEqual([]);
  });

  it.each<[string, Case, readonly string[]]>([
    ['keeps them', { services: { web: {}, ...app } }, ['ok: systemd keeps app, web']],
    [
      'is missing',
      { services: { web: {} }, facts: { serviceManager: 'none' } },
      ['problem: m1 has no systemd or launchd (none): needed by web'],
    ],
    [
      'is missing, and an app goes on without',
      { services: app, facts: { serviceManager: 'none' } },
      ['warning: no service manager that keeps app: it does not come up at boot'],
    ],
    ['is not wanted', { services: { app: { ...app.app, scope: 'none' } }, facts: { serviceManager: 'none' } }, []],
  ])('a service manager %s', (_, one, said) => {
    expect(about('manager', one)).toEqual(said);
  });

  it('a user’s units need to linger once they are there', () => {
    const services = { web: { scope: 'user' } };
    const facts = asAdmin;
    expect(about('linger', { services, facts })).toEqual(['ok: off for admin: the first start of web turns it on']);
    const settled = { services, facts, settled: true };
    expect(about('linger', settled)[0]).toMatch(/^problem: off for admin: web ends with its last login/);
    expect(hintOf('linger', settled)).toBe('Run `loginctl enable-linger admin` there.');
    expect(about('linger', { ...settled, asked: { lingers: true } })).toEqual([
      'ok: units of admin run without a login',
    ]);
  });
});

describe('file systems', () => {
  const disk = (mount: string, free: number, total: number, inodesFreePercent?: number) => ({
    mount,
    totalBytes: total * gib,
    freeBytes: free * gib,
    ...(inodesFreePercent === undefined ? {} : { inodesFreePercent }),
  });
  const services = { web: { path: '/srv/web' } };
  const said = (...fileSystems: MachineFacts['fileSystems']) => about('disk', { services, facts: { fileSystems } });

  it('with room are told, where something of ours lies', () => {
    expect(said(disk('/', 30, 100, 90), disk('/srv', 50, 4000), disk('/home', 1, 2))).toEqual([
      'ok: / has 30.0 GiB of 100.0 GiB free, 90 % of the inodes; /srv has 50.0 GiB of 4000.0 GiB free',
    ]);
  });

  it.each<[string, MachineFacts['fileSystems'], readonly string[]]>([
    ['nearly full', [disk('/', 8, 100)], ['warning: / has 8.0 GiB of 100.0 GiB free']],
    ['full', [disk('/', 0.5, 100)], ['problem: / has 512 MiB of 100.0 GiB free']],
    ['full to the last byte', [disk('/', 0, 100)], ['problem: / has 0 MiB of 100.0 GiB free']],
    ['small, with room', [disk('/', 1, 8)], ['ok: / has 1.0 GiB of 8.0 GiB free']],
    ['without inodes', [disk('/', 50, 100, 2)], ['problem: / has 50.0 GiB of 100.0 GiB free, 2 % of the inodes']],
    [
      'full where nothing of ours lies',
      [disk('/', 50, 100), disk('/home', 0.1, 100)],
      ['warning: /home has 102 MiB of 100.0 GiB free'],
    ],
    ['an image', [disk('/', 50, 100), disk('/snap/core', 0, 1, 0)], ['ok: / has 50.0 GiB of 100.0 GiB free']],
    ['unknown', [], []],
  ])('%s', (_, fileSystems, text) => {
    expect(said(...fileSystems)).toEqual(text);
  });
});

describe('the answer to its own questions', () => {
  it('is read as it was said', () => {
    const lines = ['sudo yes', 'state yes', 'linger no', 'folder 0 yes', 'folder 1 no'];
    const engine = ['docker 28.1.0', 'compose v2.35.1 docker compose', 'engine ok'];
    expect(readAsked(lines, engine, ['/a', '/b', '/c'])).toEqual({
      sudo: 'yes',
      stateOpen: true,
      lingers: false,
      closed: new Set(['/b', '/c']),
      engine: { state: 'ok', docker: '28.1.0', compose: '2.35.1', program: 'docker compose' },
    });
  });

  it('is no without an answer, and none when something else spoke', () => {
    expect(readAsked(['sudo never'], [], [])).toEqual({
      sudo: 'never',
      stateOpen: false,
      lingers: false,
      closed: new Set(),
      engine: { state: 'down' },
    });
    expect(readAsked(['Welcome!'], undefined, [])).toBeUndefined();
    expect(readAsked(['sudo perhaps'], undefined, [])).toBeUndefined();
  });
});
