// Ctrl-C: one that comes twice at the same moment is one; a later one ends at once.
import { EventEmitter } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { watchForInterrupts } from '../../api/cli/interrupt.js';

afterEach(() => vi.useRealTimers());

test('what the terminal sends and npm passes on is one interrupt; a second one later ends the program', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const exits: number[] = [];
  const program = Object.assign(new EventEmitter(), { exit: (code: number) => exits.push(code) });
  const interrupts = watchForInterrupts(program as unknown as NodeJS.Process);
  program.emit('SIGINT');
  vi.advanceTimersByTime(300);
  program.emit('SIGINT');
  program.emit('SIGTERM');
  expect([interrupts.signal.aborted, exits]).toEqual([true, []]);
  vi.advanceTimersByTime(1500);
  program.emit('SIGINT');
  expect(exits).toEqual([130]);
  interrupts.end();
});
