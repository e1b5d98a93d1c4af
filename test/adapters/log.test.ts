// The log: one line per call, as JSON or for people, with the fields of its parents.
import { expect, test } from 'vitest';
import { AppError } from '../../schema/errors.js';
import { type LogSettings, openLog, plainLine } from '../../reconciler/adapters/log.js';

function collect(settings: Pick<LogSettings, 'level' | 'format'>) {
  const lines: string[] = [];
  const log = openLog({ ...settings, destination: { write: line => void lines.push(line) } });
  return { log, lines };
}

test('JSON lines carry level by name, message, own fields and those of the parents', () => {
  const { log, lines } = collect({ level: 'info', format: 'json' });
  log.child({ machine: 'm1' }).child({ placement: 'web@m1' }).warn({ attempt: 2 }, 'the connection was lost');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'warn',
    msg: 'the connection was lost',
    machine: 'm1',
    placement: 'web@m1',
    attempt: 2,
  });
  expect(JSON.parse(lines[0] ?? '')).not.toHaveProperty('pid');
});

test('plain lines are for people', () => {
  const { log, lines } = collect({ level: 'debug', format: 'plain' });
  log.info({ machine: 'm1', why: 'two words', ports: [1, 2] }, 'applied');
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d info {2}applied machine=m1 why="two words" ports=\[1,2]\n$/);
});

test('an error keeps its message and code in both forms', () => {
  const err = new AppError('ssh-lost', 'm1 went away');
  const json = collect({ level: 'info', format: 'json' });
  json.log.error({ err }, 'failed');
  expect(JSON.parse(json.lines[0] ?? '')).toMatchObject({ err: { message: 'm1 went away', code: 'ssh-lost' } });
  const plain = collect({ level: 'info', format: 'plain' });
  plain.log.error({ err }, 'failed');
  expect(plain.lines[0]).toContain('error failed error="m1 went away"');
});

test('what is below the level is not written', () => {
  const { log, lines } = collect({ level: 'warn', format: 'json' });
  log.debug({}, 'one');
  log.info({}, 'two');
  log.warn({}, 'three');
  expect(lines.map(line => (JSON.parse(line) as { msg: string }).msg)).toEqual(['three']);
});

test('a line that is no JSON passes as it is', () => {
  expect(plainLine('not JSON\n')).toBe('not JSON\n');
});
