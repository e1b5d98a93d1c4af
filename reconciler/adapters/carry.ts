// Bytes from a command on one machine into a command on another, through this process: a few blocks at a time, as fast as the slower one.
import type { Writable } from 'node:stream';
import type { Carried, CarryEnd, CarryLimits } from '../ports.js';
import type { ByteStreams } from './shell-stream.js';

export type OpenStreams = (end: CarryEnd) => Promise<ByteStreams>;

/** Watches that bytes keep coming; calls back once when they do not. */
function watchStall(stallMs: number, stalled: () => void): { touch(): void; stop(): void } {
  let timer = setTimeout(stalled, stallMs);
  return {
    touch: () => {
      clearTimeout(timer);
      timer = setTimeout(stalled, stallMs);
    },
    stop: () => clearTimeout(timer),
  };
}

/** A stream that breaks instead is told by the end of its process. */
const drained = (input: Writable): Promise<void> => new Promise(resolve => void input.once('drain', resolve));

/** Until the source has said all, or one of both is gone; answers the number of bytes. */
async function pour(from: ByteStreams, to: ByteStreams, onBytes: (count: number) => void): Promise<number> {
  let bytes = 0;
  let gone = false;
  let said = false;
  let content = false;
  const ended = to.ended.then(({ code }) => {
    // All of it came: how the source ended is still to be heard, which may be later than the end of who read it.
    if (said) return;
    // It knew the end by what it read (tar does), and the source has yet to say the last of it, while no stall is forgiven.
    content = code === 0;
    if (content) return;
    gone = true;
    from.output.destroy();
    from.hangUp();
  });
  try {
    for await (const chunk of from.output as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (content) continue;
      onBytes(bytes);
      if (gone) break;
      if (!to.input.write(chunk)) await Promise.race([drained(to.input), ended]);
    }
    said = !gone;
  } catch (error) {
    // Destroyed because the other end is gone, which is told by its exit code.
    if (!gone) throw error;
  }
  to.input.end();
  return bytes;
}

/** Answers how both ended. What stalls or is aborted is ended on both sides first, and is `timedOut`. */
export async function carryBytes(
  open: OpenStreams,
  from: CarryEnd,
  to: CarryEnd,
  limits: CarryLimits,
): Promise<Carried> {
  const target = await open(to);
  const source = await open(from).catch(async (error: unknown) => {
    await target.end();
    throw error;
  });
  source.input.end();
  target.output.resume();
  let given = false;
  const giveUp = (): void => {
    given = true;
    source.output.destroy();
    void source.end();
    void target.end();
  };
  const stall = watchStall(limits.stallMs, giveUp);
  limits.signal?.addEventListener('abort', giveUp, { once: true });
  if (limits.signal?.aborted === true) giveUp();
  try {
    const bytes = await pour(source, target, count => {
      stall.touch();
      limits.onBytes?.(count);
    }).catch((error: unknown) => {
      if (!given) throw error;
      return 0;
    });
    const [sourceEnd, targetEnd] = await Promise.all([endOf(source), endOf(target)]);
    return {
      bytes,
      from: given ? { ...sourceEnd, timedOut: true } : sourceEnd,
      to: given ? { ...targetEnd, timedOut: true } : targetEnd,
    };
  } finally {
    stall.stop();
    limits.signal?.removeEventListener('abort', giveUp);
  }
}

/** A source whose reader is gone still has to be read to its end. */
function endOf(streams: ByteStreams): ByteStreams['ended'] {
  streams.output.resume();
  return streams.ended;
}
