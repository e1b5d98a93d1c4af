// What the Docker driver reads of recorded answers of a real engine (20.10, Compose 2.26), and what it calls drift.
import { describe, expect, test } from 'vitest';
import { docker } from '../../reconciler/drivers/docker.js';
import type { RunnerSeen, Target } from '../../reconciler/drivers/driver.js';
import { dockerPlacement, dockerStamp } from './docker-placement.js';

/** One container in each state, by inner service. */
const recorded = {
  sick: '{"name":"/w-sick-1","image":"sha256:2bc1","project":"w","inner":"sick","oneOff":"False","files":"/opt/w/compose.yml,/opt/w/.portoser/compose.override.yml","fingerprint":"","job":"","status":"running","exitCode":0,"oomKilled":false,"error":"","pid":1492,"startedAt":"2026-11-28T02:29:03.866208563Z","health":"unhealthy","restarts":0,"restart":"","ports":{"8080/tcp":null}}',
  loop: '{"name":"/w-loop-1","image":"sha256:2bc1","project":"w","inner":"loop","oneOff":"False","files":"/opt/w/compose.yml,/opt/w/.portoser/compose.override.yml","fingerprint":"","job":"","status":"restarting","exitCode":1,"oomKilled":false,"error":"","pid":0,"startedAt":"2026-11-28T02:29:10.171312936Z","health":null,"restarts":6,"restart":"always","ports":{}}',
  halted:
    '{"name":"/w-halted-1","image":"sha256:2bc1","project":"w","inner":"halted","oneOff":"False","files":"/opt/w/compose.yml,/opt/w/.portoser/compose.override.yml","fingerprint":"","job":"","status":"exited","exitCode":0,"oomKilled":false,"error":"","pid":0,"startedAt":"2026-11-28T02:29:03.744281172Z","health":null,"restarts":0,"restart":"","ports":{}}',
  slow: '{"name":"/w-slow-1","image":"sha256:2bc1","project":"w","inner":"slow","oneOff":"False","files":"/opt/w/compose.yml,/opt/w/.portoser/compose.override.yml","fingerprint":"","job":"","status":"running","exitCode":0,"oomKilled":false,"error":"","pid":1502,"startedAt":"2026-11-28T02:29:04.087138395Z","health":"starting","restarts":0,"restart":"","ports":{"8080/tcp":null}}',
  lazy: '{"name":"/w-lazy-1","image":"sha256:2bc1","project":"w","inner":"lazy","oneOff":"False","files":"/opt/w/compose.yml,/opt/w/.portoser/compose.override.yml","fingerprint":"","job":"","status":"paused","exitCode":0,"oomKilled":false,"error":"","pid":1141,"startedAt":"2026-11-28T02:29:03.062283247Z","health":null,"restarts":0,"restart":"","ports":{"8080/tcp":null}}',
  oom: '{"name":"/w-oom-1","image":"sha256:2bc1","project":"w","inner":"oom","oneOff":"False","files":"/opt/w/compose.yml,/opt/w/.portoser/compose.override.yml","fingerprint":"","job":"","status":"exited","exitCode":137,"oomKilled":true,"error":"","pid":0,"startedAt":"2026-11-28T02:29:03.955098728Z","health":null,"restarts":0,"restart":"","ports":{}}',
  web: '{"name":"/w-web-1","image":"sha256:2bc1","project":"w","inner":"web","oneOff":"False","files":"/opt/w/compose.yml,/opt/w/.portoser/compose.override.yml","fingerprint":"f1","job":"no","status":"running","exitCode":0,"oomKilled":false,"error":"","pid":1247,"startedAt":"2026-11-28T02:29:03.53606472Z","health":"healthy","restarts":0,"restart":"always","ports":{"8080/tcp":[{"HostIp":"0.0.0.0","HostPort":"8081"},{"HostIp":"::","HostPort":"8081"}]}}',
  job: '{"name":"/w-job-1","image":"sha256:2bc1","project":"w","inner":"job","oneOff":"False","files":"/opt/w/compose.yml,/opt/w/.portoser/compose.override.yml","fingerprint":"f1","job":"yes","status":"exited","exitCode":0,"oomKilled":false,"error":"","pid":0,"startedAt":"2026-11-28T02:29:03.683262833Z","health":null,"restarts":0,"restart":"","ports":{}}',
  dead: '{"name":"/w-dead-1","image":"sha256:2bc1","project":"w","inner":"dead","oneOff":"False","files":"/opt/w/compose.yml,/opt/w/.portoser/compose.override.yml","fingerprint":"","job":"","status":"exited","exitCode":1,"oomKilled":false,"error":"","pid":0,"startedAt":"2026-11-28T02:29:03.691304991Z","health":null,"restarts":0,"restart":"","ports":{}}',
} as const;

type Name = keyof typeof recorded;
/** The second of the recording. */
const clock = 1_795_832_951;
const end = (engine = 'ok', at = clock): string => `{"engine":"${engine}","clock":${at}}`;
const target = (index: number, project: string): Target => ({
  index,
  service: project,
  path: `/opt/${project}`,
  identity: { project, scope: 'system' },
});

const edited = (name: Name, more: object): string =>
  JSON.stringify({ ...(JSON.parse(recorded[name]) as object), ...more });

function seen(lines: readonly string[], at = clock): RunnerSeen | undefined {
  return docker.read([target(0, 'w')], [...lines, end('ok', at), '']).get(0);
}

function present(lines: readonly string[], at = clock): RunnerSeen & { state: 'present' } {
  const found = seen(lines, at);
  if (found?.state !== 'present') throw new Error(`not present: ${JSON.stringify(found)}`);
  return found;
}

const web = recorded.web;

describe('what containers use', () => {
  const [web, db] = ['ab'.repeat(32), 'cd'.repeat(32)];
  const counted = (id: string, seconds: number, bytes: number) => [
    `./system.slice/docker-${id}.scope/cpu.stat:usage_usec ${seconds * 1e6}`,
    `./system.slice/docker-${id}.scope/memory.current:${bytes}`,
  ];
  const both = [edited('web', { id: web }), edited('web', { id: db, inner: 'db' })];

  test('is counted for each that runs, and summed', () => {
    const used = present([
      ...both,
      edited('dead', { id: 'ef'.repeat(32) }),
      ...counted(web, 2, 10),
      ...counted(db, 3, 5),
    ]);
    expect(used.usage).toEqual({
      cpuSeconds: { [`/system.slice/docker-${web}.scope`]: 2, [`/system.slice/docker-${db}.scope`]: 3 },
      memoryBytes: 15,
    });
  });

  test('is not known as a whole where one of them is not counted, and not at all where none is', () => {
    expect(present([...both, ...counted(web, 2, 10)]).usage).toEqual({
      cpuSeconds: { [`/system.slice/docker-${web}.scope`]: 2 },
    });
    expect(present(both)).not.toHaveProperty('usage');
  });
});

describe('one container', () => {
  test.each<[string, string, string, string, string | undefined]>([
    ['healthy', recorded.web, 'running', 'running', undefined],
    ['unhealthy: the check tells, the container runs', recorded.sick, 'running', 'running', 'w-sick-1: unhealthy'],
    [
      'its health check has not passed',
      recorded.slow,
      'starting',
      'starting',
      'w-slow-1: its health check has not passed yet',
    ],
    ['again and again', recorded.loop, 'crash-looping', 'crash-looping', 'w-loop-1: restarted 6 times, exit code 1'],
    [
      'for the second time',
      edited('loop', { restarts: 2 }),
      'starting',
      'starting',
      'w-loop-1: restarted 2 times, exit code 1',
    ],
    [
      'up just now after many',
      edited('loop', { status: 'running', startedAt: '2026-11-28T02:29:10Z' }),
      'crash-looping',
      'crash-looping',
      'w-loop-1: restarted 6 times',
    ],
    [
      'up for long after many',
      edited('loop', { status: 'running', startedAt: '2026-11-28T02:28:10Z' }),
      'running',
      'running',
      undefined,
    ],
    ['ended with an error', recorded.dead, 'failed', 'failed', 'w-dead-1: exited, exit code 1'],
    ['killed by the kernel', recorded.oom, 'failed', 'failed', 'w-oom-1: killed for want of memory'],
    ['paused', recorded.lazy, 'stopped', 'stopped', 'w-lazy-1: paused, exit code 0'],
    [
      'stopped by a person, on TERM',
      edited('dead', { exitCode: 143 }),
      'stopped',
      'stopped',
      'w-dead-1: exited, exit code 143',
    ],
    [
      'stopped by a person, killed',
      edited('dead', { exitCode: 137 }),
      'stopped',
      'stopped',
      'w-dead-1: exited, exit code 137',
    ],
    [
      'stopped by a person, gracefully',
      edited('web', { status: 'exited' }),
      'stopped',
      'stopped',
      'w-web-1: exited, exit code 0',
    ],
    [
      'made, and never started',
      edited('web', { status: 'created' }),
      'stopped',
      'stopped',
      'w-web-1: made, and never started',
    ],
    [
      'could not start',
      edited('web', { status: 'created', exitCode: 128, error: 'no port' }),
      'failed',
      'failed',
      'w-web-1: no port',
    ],
    ['alone and done: nothing runs', recorded.job, 'stopped', 'done', undefined],
  ])('%s', (_, line, run, state, detail) => {
    const found = present([line]);
    expect(found.run).toBe(run);
    expect(found.detail).toBe(detail);
    const [own] = Object.entries(found.settings).filter(([name]) => name.startsWith('container:'));
    expect(own?.[1]).toBe(state);
  });

  test('tells what checks and others ask', () => {
    expect(present([web])).toEqual({
      state: 'present',
      run: 'running',
      settings: {
        'container:web': 'running',
        'health:web': 'healthy',
        fingerprint: 'f1',
        health: 'healthy',
        restarts: '0',
        published: '8081',
      },
      pids: [1247],
      startedAt: 1_795_832_943,
      images: { web: 'sha256:2bc1' },
    });
  });
});

describe('several containers', () => {
  test('the worst one counts, and health is the worst of those who have one', () => {
    expect(present([web, recorded.dead, recorded.slow])).toMatchObject({
      run: 'failed',
      settings: { health: 'starting' },
    });
    expect(present([web, recorded.sick, recorded.slow])).toMatchObject({
      run: 'starting',
      settings: { health: 'unhealthy' },
    });
    expect(present([recorded.lazy, web]).run).toBe('stopped');
  });

  test('a job that ended well is no fault, nor is one that may be one; a service is', () => {
    expect(present([web, recorded.job]).run).toBe('running');
    expect(present([web, recorded.halted]).run).toBe('running');
    expect(present([web, edited('halted', { job: 'no' })]).run).toBe('stopped');
    expect(present([web, edited('halted', { restart: 'always' })]).run).toBe('stopped');
    expect(present([web, edited('job', { exitCode: 1 })]).run).toBe('failed');
  });

  test('restarts are added up, replicas folded, the newest start told', () => {
    const twin = edited('web', { name: '/w-web-2', restarts: 2, pid: 7, startedAt: '2026-11-28T02:29:05Z' });
    const found = present([web, twin, edited('sick', { restarts: 1 })]);
    expect(found.settings).toMatchObject({ restarts: '3', 'container:web': 'running' });
    expect(found.pids).toEqual([1247, 7, 1492]);
    expect(found.startedAt).toBe(Date.parse('2026-11-28T02:29:05Z') / 1000);
  });

  test('other projects and one-off runs are not looked at', () => {
    expect(seen([edited('web', { project: 'other' }), edited('web', { oneOff: 'True' })])).toEqual({ state: 'absent' });
  });
});

describe('no whole answer is unknown, never absent', () => {
  test.each<[string, readonly string[], string]>([
    ['nothing', [], 'docker-down'],
    ['cut short', [web], 'docker-down'],
    ['another voice', [web, 'WARNING: hello', end()], 'docker-down'],
    ['not an object', ['null', end()], 'docker-down'],
    ['an engine that hangs', [end('down')], 'docker-down'],
    ['no docker', [end('missing')], 'docker-missing'],
    ['a closed socket', [end('refused')], 'docker-refused'],
    ['a word we do not know', [end('constructor')], 'docker-down'],
  ])('%s', (_, section, code) => {
    const found = docker.read([target(0, 'w'), target(4, 'x')], section);
    expect([...found.keys()]).toEqual([0, 4]);
    for (const one of found.values()) expect(one).toMatchObject({ state: 'unknown', error: { code } });
  });

  test('an empty engine is absent', () => {
    expect(seen([])).toEqual({ state: 'absent' });
  });
});

describe('drift', () => {
  const drift = (lines: readonly string[], images: Record<string, string> = { web: 'sha256:2bc1' }) =>
    docker.drift(dockerPlacement(), present(lines), dockerStamp({ images }));

  test('none where all is as it was applied', () => {
    expect(drift([web])).toEqual([]);
  });

  test('a label that is older, or missing', () => {
    expect(drift([edited('web', { fingerprint: 'f0' })])).toEqual([{ field: 'label', from: 'f0', to: 'f1' }]);
    const byHand = { fingerprint: '', files: '/opt/w/compose.yml' };
    expect(drift([edited('web', byHand)])).toEqual([{ field: 'label', from: 'none', to: 'f1' }]);
    expect(drift([web, edited('job', byHand)], {})).toEqual([{ field: 'label', from: 'f1,none', to: 'f1' }]);
  });

  test('what an included file brought along carries no label, and is no drift', () => {
    expect(drift([web, recorded.halted], {})).toEqual([]);
  });

  test('another image, and a container that is gone', () => {
    expect(drift([web], { web: 'sha256:9', db: 'sha256:3' })).toEqual([
      { field: 'image:web', from: 'sha256:2bc1', to: 'sha256:9' },
      { field: 'container:db', from: 'missing', to: 'running' },
    ]);
  });
});
