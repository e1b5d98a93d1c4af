// When and by whom, from what a real host said: what is told, what stays unknown, and what is never taken for proof.
import { describe, expect, test } from 'vitest';
import type { FieldChange } from '../../schema/plan.js';
import type { Stamp } from '../../schema/state.js';
import { accuse } from '../../reconciler/core/culprit.js';
import { type Evidence, readEvidence } from '../../reconciler/core/culprit-read.js';
import type { Suspect } from '../../reconciler/core/culprit-suspect.js';
import { withKnown } from '../../reconciler/core/culprit-words.js';
import { eventLines, loginLines, sudoLines, unitLines } from './culprit-recorded.js';

const clock = 1_795_857_100;
const begun = 1_795_857_080;

interface Said {
  readonly unit?: readonly string[];
  readonly sudo?: readonly string[];
  readonly logins?: readonly string[];
  readonly events?: readonly string[];
  readonly more?: readonly (readonly [string, readonly string[]])[];
  readonly ours?: string;
}

function evidence({
  unit = [],
  sudo = [],
  logins = [],
  events = [],
  more = [],
  ours = '10.0.0.9 1 10.0.0.1 22',
}: Said): Evidence {
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ['portoser 1', []],
    [`clock ${clock} +0000`, []],
    [`ours ${ours}`, []],
    ['unit 0', ['ExecMainPID=325', '', ...unit.toReversed()]],
    ['events', events],
    ['sudo', sudo.toReversed()],
    ['logins', logins],
    ...more,
  ];
  const read = readEvidence(
    sections.map(([head, lines]) => {
      const [name = '', ...rest] = head.split(' ');
      return { name, rest: rest.join(' '), lines };
    }),
  );
  if (read === undefined) throw new Error('no evidence');
  return read;
}

const unit = { driver: 'native', scope: 'system', unit: 'site.service' } as const;
const web = { driver: 'docker', scope: 'system', project: 'web' } as const;
const bare = { driver: 'local', scope: 'none' } as const;

function suspect(stamp: Partial<Stamp>, fields: readonly string[] = [], files: readonly string[] = []): Suspect {
  const changes = fields.map((field): FieldChange => ({ field, from: 'edited (abc)', to: 'def' }));
  const base = { service: 'site', path: '/opt/site', stopTimeoutMs: 10_000, finishedAt: begun } as Stamp;
  return {
    key: 'site@m1',
    fields: changes,
    down: fields.length === 0,
    stamp: { ...base, ...stamp },
    owner: 'deploy',
    target: 0,
    files: new Map(files.map((path, index) => [path, index])),
  };
}

const scene = { user: 'root', home: '/root', bootedAt: (begun - 1000) * 1000 };
const texts = (one: Suspect, said: Said, more: Partial<typeof scene> = {}): readonly string[] =>
  accuse(one, evidence(said), { ...scene, ...more }).map(({ text }) => text);

describe('a unit', () => {
  test.each<[string, Said, string]>([
    [
      'stopped by a command of sudo',
      { unit: unitLines.slice(0, 3), sudo: sudoLines },
      'stopped at 2026-11-28 09:11:27 UTC: deploy ran `/usr/bin/systemctl stop site` by sudo at 09:11:27',
    ],
    [
      'stopped, and sudo knows of nothing',
      { unit: unitLines.slice(0, 3) },
      'stopped at 2026-11-28 09:11:27 UTC, by whom is unknown',
    ],
    [
      'killed by a command that names its process',
      { unit: unitLines.slice(0, 6), sudo: sudoLines },
      "killed by signal 9 at 2026-11-28 09:11:29 UTC: deploy ran `/usr/bin/sh -c 'kill -9 325'` by sudo at 09:11:29",
    ],
    [
      'killed by root itself: the commands before named what was before',
      { unit: unitLines.slice(0, 9), sudo: sudoLines.slice(0, 1) },
      'killed by signal 9 at 2026-11-28 09:11:30 UTC, by whom is unknown',
    ],
    [
      'of which the journal is gone: what sudo logged is no proof',
      { sudo: sudoLines.slice(0, 1) },
      'when and by whom is unknown (no proof: deploy ran `/usr/bin/systemctl stop site` by sudo at 09:11:27)',
    ],
    ['of which nothing is left', {}, 'when and by whom is unknown'],
    ['that was started since', { unit: unitLines }, 'when and by whom is unknown'],
  ])('%s', (_, said, expected) => {
    expect(texts(suspect(unit), said)).toEqual([expected]);
  });

  test('that ended by itself, or for want of memory, is nobody to blame for', () => {
    const entry = (more: object) => JSON.stringify({ __REALTIME_TIMESTAMP: `${clock - 5}000000`, ...more });
    expect(texts(suspect(unit), { unit: [entry({ EXIT_CODE: 'exited', EXIT_STATUS: '3' })], sudo: sudoLines })).toEqual(
      ['ended with exit code 3 at 2026-11-28 09:11:35 UTC'],
    );
    expect(texts(suspect(unit), { unit: [entry({ UNIT_RESULT: 'oom-kill' })], sudo: sudoLines })).toEqual([
      'killed for want of memory at 2026-11-28 09:11:35 UTC',
    ]);
  });

  test('what happened before our own last change of it counts for nothing', () => {
    const later = suspect({ ...unit, finishedAt: 1_795_857_088 });
    expect(texts(later, { unit: unitLines.slice(0, 3), sudo: sudoLines.slice(0, 1) })).toEqual([
      'when and by whom is unknown',
    ]);
  });

  test('that was disabled: who, and when at the latest', () => {
    const wants = '/etc/systemd/system/multi-user.target.wants/site.service';
    const more = [['folder 0 1795857091 1795857091 root', []]] as const;
    expect(texts(suspect(unit, ['enabled'], [wants]), { sudo: sudoLines, more })).toEqual([
      'disabled at 2026-11-28 09:11:31 UTC or earlier: deploy ran `/usr/bin/systemctl disable site` by sudo at 09:11:31',
    ]);
  });

  test('a boot since is told beside', () => {
    expect(texts(suspect(unit), {}, { bootedAt: (clock - 10) * 1000 })).toEqual([
      'when and by whom is unknown (no proof: the machine was booted at 2026-11-28 09:11:30 UTC)',
    ]);
  });
});

describe('hints', () => {
  const stopped = { unit: unitLines.slice(0, 3) };

  test('name who was there, unless it may have been us', () => {
    expect(texts(suspect(unit), { ...stopped, logins: loginLines })).toEqual([
      'stopped at 2026-11-28 09:11:27 UTC, by whom is unknown (no proof: deploy logged in from 10.77.0.1 at 09:11:27)',
    ]);
    const ours = { ...stopped, logins: loginLines, ours: '10.77.0.1 5 10.77.0.11 22' };
    expect(texts(suspect(unit), ours, { user: 'deploy' })).toEqual([
      'stopped at 2026-11-28 09:11:27 UTC, by whom is unknown',
    ]);
  });

  test('name who had a root shell', () => {
    const shell = (sudoLines[0] ?? '').replace('/usr/bin/systemctl stop site', '/bin/bash');
    expect(texts(suspect(unit), { ...stopped, sudo: [shell] })).toEqual([
      'stopped at 2026-11-28 09:11:27 UTC, by whom is unknown (no proof: deploy ran `/bin/bash` by sudo at 09:11:27)',
    ]);
  });
});

describe("sudo's log", () => {
  const line = (message: string, more: object = {}) =>
    JSON.stringify({ __REALTIME_TIMESTAMP: '1795857087572672', _EXE: '/usr/bin/sudo', MESSAGE: message, ...more });
  const stop = '  eve : PWD=/ ; USER=root ; COMMAND=/usr/bin/systemctl stop site';

  test.each<[string, string]>([
    ['a program of that name elsewhere', line(stop, { _EXE: '/home/eve/sudo' })],
    [
      'a command that was refused',
      line('  eve : command not allowed ; PWD=/ ; USER=root ; COMMAND=/usr/bin/systemctl stop site'),
    ],
    [
      'a password that was wrong',
      line('  eve : 3 incorrect password attempts ; PWD=/ ; USER=root ; COMMAND=/usr/bin/systemctl stop site'),
    ],
    ['another unit', line(stop.replace('stop site', 'stop site2'))],
    ['a look', line(stop.replace('stop site', 'status site'))],
    ['half a line', line(stop).slice(0, -20)],
  ])('%s proves nothing', (_, said) => {
    expect(texts(suspect(unit), { unit: unitLines.slice(0, 3), sudo: [said] })).toEqual([
      'stopped at 2026-11-28 09:11:27 UTC, by whom is unknown',
    ]);
  });

  test('bytes that are no text, and a terminal', () => {
    const message = [
      ...Buffer.from('  eve : TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/systemctl stop site \u001b[31m'),
    ];
    const said = JSON.stringify({ __REALTIME_TIMESTAMP: '1795857087572672', _EXE: '/usr/bin/sudo', MESSAGE: message });
    expect(texts(suspect(unit), { unit: unitLines.slice(0, 3), sudo: [said] })).toEqual([
      'stopped at 2026-11-28 09:11:27 UTC: eve ran `/usr/bin/systemctl stop site \uFFFD[31m` by sudo at 09:11:27 (pts/1)',
    ]);
  });

  test.each([
    ['Nov 28 10:11:27 h1 sudo:   eve : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/systemctl stop site'],
    [
      '2026-11-28T09:11:27.572672+00:00 h1 sudo[321]:   eve : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/systemctl stop site',
    ],
  ])('from the file of a syslog, and told so: %s', said => {
    const more = [
      ['authlog', ['Nov 28 10:11:20 h1 sshd[3]: Accepted publickey for eve from 10.0.0.3 port 5 ssh2: X', said]],
    ] as const;
    const read = { ...evidence({ unit: unitLines.slice(0, 3), more }) };
    const zoned = readEvidence([
      { name: 'clock', rest: `${clock} +0100`, lines: [] },
      { name: 'authlog', rest: '', lines: more[0][1] },
    ]);
    const found = accuse(suspect(unit), { ...read, sudo: zoned?.sudo ?? [] }, scene);
    expect(found[0]?.by).toMatchObject({ user: 'eve', log: 'auth.log' });
    expect(found[0]?.text).toContain('by sudo at 09:11:27 (pts/0, auth.log)');
    expect(zoned?.logins).toMatchObject([{ user: 'eve', from: '10.0.0.3', at: Date.UTC(2026, 10, 28, 9, 11, 20) }]);
  });

  test('a line of last year is not taken for one of the future', () => {
    const read = readEvidence([
      { name: 'clock', rest: `${Date.UTC(2027, 0, 2) / 1000} +0000`, lines: [] },
      { name: 'authlog', rest: '', lines: ['Dec 31 23:00:00 h1 sudo: eve : PWD=/ ; USER=root ; COMMAND=/bin/x'] },
    ]);
    expect(read?.sudo[0]?.at).toBe(Date.UTC(2026, 11, 31, 23));
  });
});

describe('containers', () => {
  const webStopped = eventLines.slice(0, 3);

  test.each<[string, Partial<Stamp>, Said, string]>([
    ['stopped', web, { events: webStopped }, 'web stopped at 2026-11-28 09:11:35 UTC, by whom is unknown'],
    [
      'stopped by sudo in their folder',
      { ...web, path: '/opt/web' },
      {
        events: webStopped,
        sudo: [
          JSON.stringify({
            __REALTIME_TIMESTAMP: '1795857095500000',
            MESSAGE: ' tc : PWD=/opt/web ; USER=root ; COMMAND=/usr/bin/docker compose down',
          }),
        ],
      },
      'web stopped at 2026-11-28 09:11:35 UTC: tc ran `/usr/bin/docker compose down` by sudo at 09:11:35',
    ],
    [
      'removed',
      { ...web, project: 'oom' },
      { events: eventLines },
      'oom removed at 2026-11-28 09:11:36 UTC, by whom is unknown',
    ],
    [
      "killed behind the engine's back",
      web,
      { events: eventLines },
      'crash ended with exit code 137 at 2026-11-28 09:11:37 UTC, whether anybody ended it is unknown',
    ],
    [
      'of an engine that was restarted since',
      web,
      { more: [['containers 0', ['abc 2026-11-28T09:11:35.877815081Z 0 false exited /web-main-1']]] },
      'web-main-1 ended with exit code 0 at 2026-11-28 09:11:35 UTC, whether anybody ended it is unknown',
    ],
    [
      'without memory',
      web,
      { more: [['containers 0', ['abc 2026-11-28T09:11:35.877815081Z 137 true exited /web-main-1']]] },
      'web-main-1 killed for want of memory at 2026-11-28 09:11:35 UTC',
    ],
    [
      'that ended before we last saw it well',
      web,
      { more: [['containers 0', ['abc 2026-11-28T09:11:20.0Z 0 false exited /web-main-1']]] },
      'when and by whom is unknown',
    ],
    [
      'that runs',
      web,
      { more: [['containers 0', ['abc 2026-11-28T09:11:35.0Z 0 false running /web-main-1']]] },
      'when and by whom is unknown',
    ],
  ])('%s', (_, stamp, said, expected) => {
    expect(texts(suspect(stamp), said)).toEqual([expected]);
  });
});

describe('a process that nothing keeps', () => {
  test('was killed by somebody of whom sudo knows, or by nobody knows whom', () => {
    const more = [['process 0 325', []]] as const;
    expect(texts(suspect(bare), { sudo: sudoLines, more })).toEqual([
      "changed, when is unknown: deploy ran `/usr/bin/sh -c 'kill -9 325'` by sudo at 09:11:29",
    ]);
    expect(texts(suspect(bare), { more })).toEqual(['when and by whom is unknown']);
  });

  test('does not outlive a boot', () => {
    expect(texts(suspect(bare), {}, { bootedAt: (clock - 10) * 1000 })).toEqual([
      'gone since the machine was booted at 2026-11-28 09:11:30 UTC',
    ]);
  });
});

describe('a file', () => {
  const path = '/opt/site/file';
  const edited = suspect(unit, [`file:${path}`], [path]);
  const times = (rest: string, name = 'file') => [[`${name} 0 ${rest}`, []] as const];

  test.each<[string, Suspect, Said, string]>([
    [
      'edited by sudo',
      edited,
      { sudo: sudoLines, more: times('1795857092 1795857092 deploy') },
      `${path} edited at 2026-11-28 09:11:32 UTC: tc ran \`/usr/bin/sed -i s/a/b/ /opt/site/file\` by sudo at 09:11:32 (pts/1)`,
    ],
    [
      'that was opened in an editor, and removed by somebody else',
      edited,
      {
        sudo: [(sudoLines[4] ?? '').replace('sed -i s/a/b/', 'vi')],
        more: times('1795857096 1795857096 deploy', 'folder'),
      },
      `${path} removed at 2026-11-28 09:11:36 UTC or earlier, by whom is unknown`,
    ],
    [
      'made anew by another user',
      edited,
      { more: times('1795857092 1795857092 plain') },
      `${path} edited at 2026-11-28 09:11:32 UTC, by whom is unknown (no proof: the file is plain's now)`,
    ],
    [
      'with a time that somebody gave it',
      edited,
      { more: times('1000000000 1795857092 deploy') },
      `${path} edited at 2026-11-28 09:11:32 UTC or earlier, by whom is unknown`,
    ],
    [
      'whose times are older than our own change',
      edited,
      { more: times('1000000000 1000000000 deploy') },
      `${path} edited: when and by whom is unknown`,
    ],
    ['that could not be looked at', edited, {}, `${path} removed: when and by whom is unknown`],
    [
      'removed',
      edited,
      { more: times('1795857092 1795857092 deploy', 'folder') },
      `${path} removed at 2026-11-28 09:11:32 UTC or earlier, by whom is unknown`,
    ],
    [
      'with another mode',
      suspect(unit, [`mode:${path}`], [path]),
      { more: times('1795857000 1795857092 deploy') },
      `${path} given another mode at 2026-11-28 09:11:32 UTC or earlier, by whom is unknown`,
    ],
  ])('%s', (_, one, said, expected) => {
    expect(texts(one, said)).toEqual([expected]);
  });
});

test('secrets of a command are not kept', () => {
  const path = '/etc/systemd/system/site.service';
  const more = [['file 0 1795857093 1795857093 root', []]] as const;
  const found = accuse(suspect(unit, [`file:${path}`], [path]), evidence({ sudo: sudoLines, more }), scene);
  expect(found[0]?.by?.command).toContain('/usr/bin/env PASSWORD=*** sed -i ');
  expect(JSON.stringify(found)).not.toContain('hunter2');
});

test('what is known is said after what is done, and that nothing is known is not', () => {
  expect(withKnown('repairing', [{ text: 'when and by whom is unknown' }])).toBe('repairing');
  expect(
    withKnown('repairing', [
      { text: 'stopped at X', at: 1 },
      { text: 'edited', at: 2 },
    ]),
  ).toBe('repairing; stopped at X, and 1 more');
});

test('something that is no answer is no evidence', () => {
  expect(readEvidence([])).toBeUndefined();
});
