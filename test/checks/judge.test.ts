// Judgement of every check kind, by tables: what came back → pass, fail or unknown, and what people read.
import { describe, expect, test } from 'vitest';
import { AppError } from '../../schema/errors.js';
import type { HealthCheck } from '../../schema/registry-types.js';
import type { RunState } from '../../schema/state.js';
import type { Ask, HttpReply, RunnerView } from '../../reconciler/checks/check.js';
import { checks } from '../../reconciler/checks/index.js';
import { aSpec, httpOn, someHealth, tcpOn } from '../fakes/specs.js';

function asked<V extends Ask['via']>(check: HealthCheck, via: V): Ask & { via: V } {
  const ask = checks[check.type].ask(check, aSpec('web@m1', someHealth([check])));
  if (ask.via !== via) throw new TypeError(`asked via ${ask.via}`);
  return ask as Ask & { via: V };
}

const present = (run: RunState, more: Partial<RunnerView & { state: 'present' }> = {}): RunnerView => ({
  state: 'present',
  run,
  settings: {},
  pids: [42],
  startedAt: 1000,
  ...more,
});

describe('http', () => {
  const ranges = httpOn(80, { expectedStatus: [[200, 299], [401, 401]] }); // prettier-ignore
  const body = httpOn(80, { expectedBody: '"up"' });
  test.each<[string, HealthCheck, HttpReply, string, string]>([
    ['the status that is expected', httpOn(80), { status: 200, body: '' }, 'pass', 'HTTP 200'],
    ['another one', httpOn(80), { status: 502, body: '' }, 'fail', 'HTTP 502'],
    ['a redirect is not followed', httpOn(80), { status: 302, body: '' }, 'fail', 'HTTP 302'],
    ['the first of a range', ranges, { status: 200, body: '' }, 'pass', 'HTTP 200'],
    ['the last of a range', ranges, { status: 299, body: '' }, 'pass', 'HTTP 299'],
    ['behind the range', ranges, { status: 300, body: '' }, 'fail', 'HTTP 300'],
    ['a single one beside a range', ranges, { status: 401, body: '' }, 'pass', 'HTTP 401'],
    ['the text in the body', body, { status: 200, body: 'it is "up" now' }, 'pass', 'HTTP 200'],
    ['no text in the body', body, { status: 200, body: 'down' }, 'fail', 'HTTP 200, without "\\"up\\"" in its body'],
    ['status before text', body, { status: 500, body: '"up"' }, 'fail', 'HTTP 500'],
  ])('%s', (_, check, reply, state, found) => {
    expect(asked(check, 'http').judge(reply)).toEqual({ state, found });
  });

  test('the question has all that the registry says', () => {
    const check = httpOn(8443, {
      scheme: 'https',
      host: '::1',
      endpoint: '/ready',
      hostHeader: 'a.b',
      tlsVerify: false,
    });
    expect(asked(check, 'http').question).toEqual({
      scheme: 'https',
      host: '::1',
      port: 8443,
      path: '/ready',
      hostHeader: 'a.b',
      tlsVerify: false,
    });
  });
});

test('tcp asks for its port', () => {
  expect(asked(tcpOn(5432), 'tcp')).toEqual({ via: 'tcp', host: '127.0.0.1', port: 5432 });
});

const gone: RunnerView = { state: 'unknown', error: new AppError('docker-down', 'm1: no engine').report() };

describe('process by its runner', () => {
  test.each<[RunnerView, string, string]>([
    [present('running'), 'pass', 'running'],
    [present('starting'), 'fail', 'starting'],
    [present('stopped', { detail: 'exit code 3' }), 'fail', 'stopped: exit code 3'],
    [present('failed'), 'fail', 'failed'],
    [present('crash-looping'), 'fail', 'crash-looping'],
    [{ state: 'absent' }, 'fail', 'nothing of it is there'],
    [gone, 'unknown', 'm1: no engine'],
  ])('%j', (view, state, found) => {
    expect(asked({ type: 'process' }, 'runner').judge(view)).toMatchObject({ state, found });
  });

  test('its life changes with start time, process and restarts, and with nothing else', () => {
    const ask = asked({ type: 'process' }, 'runner');
    const life = ask.judge(present('running')).life;
    expect(life).toBeDefined();
    expect(ask.judge(present('running', { pids: [42, 43], detail: 'busy' })).life).toBe(life);
    const others: Partial<RunnerView & { state: 'present' }>[] = [
      { pids: [43] },
      { startedAt: 1001 },
      { settings: { restarts: '1' } },
    ];
    for (const other of others) expect(ask.judge(present('running', other)).life).not.toBe(life);
  });
});

test('how long it has been up is told where both times are known, and never as more than it is', () => {
  const ask = asked({ type: 'process' }, 'runner');
  expect(ask.judge(present('running', { startedAt: 1000 }), 1010)).toMatchObject({ upForMs: 9000 });
  expect(ask.judge(present('running', { startedAt: 1000 }), 1000)).toMatchObject({ upForMs: 0 });
  expect(ask.judge(present('running', { startedAt: 1000 }), 500)).toMatchObject({ upForMs: 0 });
  expect(ask.judge(present('running', { startedAt: 1000 }))).not.toHaveProperty('upForMs');
});

describe('docker', () => {
  const both = { 'container:db': 'running', 'container:web': 'running' };
  test.each<[RunnerView, string, string, boolean]>([
    [present('running'), 'pass', 'running', true],
    [present('running', { settings: { health: 'none' } }), 'pass', 'running', true],
    [present('running', { settings: { health: 'healthy' } }), 'pass', 'healthy', false],
    [present('running', { settings: { health: 'starting' } }), 'fail', 'health: starting', true],
    [present('running', { settings: { health: 'unhealthy' } }), 'fail', 'health: unhealthy', true],
    [present('running', { settings: { health: 'healthy', ...both, 'health:db': 'healthy' } }), 'pass', 'healthy', true],
    [
      present('running', { settings: { health: 'healthy', ...both, 'health:db': 'healthy', 'health:web': 'healthy' } }),
      'pass',
      'healthy',
      false,
    ],
    [
      present('running', { settings: { health: 'healthy', 'container:job': 'done', 'health:db': 'healthy' } }),
      'pass',
      'healthy',
      false,
    ],
    [present('starting', { settings: { health: 'starting' } }), 'fail', 'starting', true],
    [present('crash-looping', { settings: { health: 'healthy' } }), 'fail', 'crash-looping', false],
    [{ state: 'absent' }, 'fail', 'nothing of it is there', false],
    [gone, 'unknown', 'm1: no engine', false],
  ])('%j', (view, state, found, staysUp) => {
    const answer = asked({ type: 'docker' }, 'runner').judge(view);
    expect(answer).toMatchObject({ state, found });
    expect(answer.life !== undefined).toBe(staysUp);
  });
});

test('every kind is in the list under its own name', () => {
  for (const [type, check] of Object.entries(checks)) expect(check.type).toBe(type);
});
