// The order in which the two ends of a carried stream end: how the source ended is heard, also where its reader ends first.
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { carryBytes } from '../../reconciler/adapters/carry.js';
import type { ByteStreams } from '../../reconciler/adapters/shell-stream.js';
import { sh } from '../../reconciler/commands/command.js';
import type { CommandResult } from '../../reconciler/ports.js';
import { aMachine } from '../fakes/specs.js';

const result = (more: Partial<CommandResult>): CommandResult => ({
  machine: 'm1',
  display: '',
  code: 0,
  stdout: '',
  stderr: '',
  durationMs: 0,
  timedOut: false,
  lost: false,
  truncated: false,
  ...more,
});

/** Streams of one end, which ends as the test says; hung up before that, it is lost, as a channel that we close is. */
function anEnd() {
  let end: (how: CommandResult) => void = () => undefined;
  const ended = new Promise<CommandResult>(resolve => (end = resolve));
  const lose = (): void => end(result({ code: null, lost: true }));
  const [input, output] = [new PassThrough(), new PassThrough()];
  const streams: ByteStreams = { input, output, ended, hangUp: lose, end: async () => lose() };
  return { streams, input, output, end };
}

function carrying() {
  const [source, target] = [anEnd(), anEnd()];
  const all = [target, source].map(one => one.streams);
  const machine = { machine: aMachine(), command: sh`x` };
  const carried = carryBytes(async () => all.shift() ?? target.streams, machine, machine, { stallMs: 20_000 });
  target.input.resume();
  return { source, target, carried };
}

it.each([
  ['went through', 0],
  ['failed', 7],
])('a source that said all, and %s after its reader had ended', async (_, code) => {
  const { source, target, carried } = carrying();
  target.input.on('end', () => {
    target.end(result({}));
    setImmediate(() => source.end(result({ code })));
  });
  source.output.end('abc');
  expect(await carried).toMatchObject({ bytes: 3, from: { code, lost: false }, to: { code: 0 } });
});

it('a source is heard to its end also where its reader was content with what came before', async () => {
  const { source, target, carried } = carrying();
  target.input.once('data', () => {
    target.end(result({}));
    setImmediate(() => {
      source.output.end('padding');
      source.end(result({}));
    });
  });
  source.output.write('abc');
  expect(await carried).toMatchObject({ bytes: 10, from: { code: 0, lost: false }, to: { code: 0 } });
});

it('a source whose reader ends in the middle is hung up', async () => {
  const { source, target, carried } = carrying();
  source.output.write('abc');
  target.input.once('data', () => target.end(result({ code: 5 })));
  expect(await carried).toMatchObject({ from: { code: null, lost: true }, to: { code: 5 } });
});
