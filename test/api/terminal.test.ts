// Colours are for a terminal alone: what is read from a pipe is plain, also in a CI.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createPaint } from '../../api/cli/paint.js';
import { openTerminal, wantsColours } from '../../api/cli/terminal.js';

function openOn(isTTY: boolean | undefined) {
  const stream = Object.assign(new PassThrough(), isTTY === undefined ? {} : { isTTY });
  const streams = { stdin: stream, stdout: stream, stderr: stream } as unknown as NodeJS.Process;
  return openTerminal(streams, { colours: true });
}

describe('the terminal', () => {
  it.each([
    [undefined, 'plain'],
    [false, 'plain'],
    [true, '\u001B[1mplain\u001B[22m'],
  ])('whose isTTY is %s paints so', (isTTY, painted) => {
    const terminal = openOn(isTTY);
    expect(createPaint(terminal.colours).strong('plain')).toBe(painted);
    expect([terminal.isTerminal, terminal.canAsk]).toEqual([isTTY === true, isTTY === true]);
  });

  it.each([
    [{}, false, true],
    [{ NO_COLOR: '' }, false, true],
    [{ NO_COLOR: '0' }, false, false],
    [{ TERM: 'dumb' }, false, false],
    [{}, true, false],
  ])('for %j and --no-color %s wants colours: %s', (env, flag, wanted) => {
    expect(wantsColours(env, flag)).toBe(wanted);
  });
});
