// Progress: changes at once, waits only when they are long.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPaint } from '../../api/cli/paint.js';
import type { Terminal } from '../../api/cli/terminal.js';
import { createVoice } from '../../api/cli/voice.js';

const lines: string[] = [];
const terminal: Terminal = {
  out: text => void lines.push(`out ${text}`),
  err: text => void lines.push(`err ${text}`),
  raw: text => void lines.push(`raw ${text}`),
  isTerminal: false,
  canAsk: false,
  colours: false,
  columns: 80,
  ask: async () => false,
  clear: () => undefined,
};
const voice = (quiet = false) => createVoice(terminal, createPaint(false), { quiet });

beforeEach(() => {
  lines.length = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the voice', () => {
  it('tells a change at once, on standard error', () => {
    voice().say({ kind: 'change', key: 'web@m1', machine: 'm1', text: 'creating' });
    expect(lines).toEqual(['err web@m1: creating']);
  });

  it('tells a wait after five seconds: for what, where, until when', () => {
    voice().say({ kind: 'waiting', machine: 'm1', text: 'its answer, until 12:00:30 at the latest' });
    vi.advanceTimersByTime(4_999);
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(lines).toEqual(['err waiting: m1: its answer, until 12:00:30 at the latest']);
  });

  it.each([
    ['it ended', { kind: 'waiting', machine: 'm1', text: '' }, []],
    ['something came of it', { kind: 'step', machine: 'm1', text: 'x' }, []],
    ['another machine got on', { kind: 'step', machine: 'm2', text: 'x' }, ['err waiting: m1: an answer']],
  ] as const)('a wait is over when %s', (_, progress, expected) => {
    const speaker = voice();
    speaker.say({ kind: 'waiting', machine: 'm1', text: 'an answer' });
    speaker.say(progress);
    vi.advanceTimersByTime(10_000);
    expect(lines).toEqual(expected);
  });

  it('ends without a word', () => {
    const speaker = voice();
    speaker.say({ kind: 'waiting', machine: 'm1', text: 'an answer' });
    speaker.end();
    vi.advanceTimersByTime(10_000);
    expect(lines).toEqual([]);
  });

  it('in JSON tells only what is waited for', () => {
    const speaker = voice(true);
    speaker.say({ kind: 'change', key: 'web@m1', text: 'creating' });
    speaker.say({ kind: 'waiting', machine: 'm1', text: 'an answer' });
    vi.advanceTimersByTime(10_000);
    expect(lines).toEqual(['err waiting: m1: an answer']);
  });
});
