// Keeps the end of an output within a bound, and drops what a login shell printed before our script began.

const blockSize = 64 * 1024;

export interface Tail {
  push(chunk: Uint8Array): void;
  text(): string;
  readonly truncated: boolean;
}

/** Keeps the last `limit` bytes. Copies what it keeps, so that no larger buffer is held by a small slice of it. */
export function createTail(limit: number): Tail {
  const blocks: { readonly bytes: Buffer; used: number }[] = [];
  let held = 0;
  let truncated = false;

  function push(chunk: Uint8Array): void {
    let block = blocks.at(-1);
    if (block === undefined || block.bytes.length - block.used < chunk.length) {
      block = { bytes: Buffer.allocUnsafe(Math.max(chunk.length, Math.min(blockSize, held + 512))), used: 0 };
      blocks.push(block);
    }
    block.bytes.set(chunk, block.used);
    block.used += chunk.length;
    held += chunk.length;
    while (blocks[0] !== undefined && held - blocks[0].used >= limit && blocks.length > 1) {
      held -= blocks[0].used;
      blocks.shift();
      truncated = true;
    }
  }

  function text(): string {
    const all = Buffer.concat(blocks.map(block => block.bytes.subarray(0, block.used)));
    const cut = truncated || all.length > limit;
    return (cut ? fromCharacter(all.subarray(Math.max(0, all.length - limit))) : all).toString('utf8');
  }

  return {
    push,
    text,
    get truncated() {
      return truncated || held > limit;
    },
  };
}

/** Skips the continuation bytes (10xxxxxx) of a character that was cut in two. */
function fromCharacter(bytes: Buffer): Buffer {
  let start = 0;
  while (start < 3 && start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.subarray(start);
}

export interface FramedOutput {
  push(chunk: Buffer): void;
  readonly tail: Tail;
  /** What followed the marker on its line; undefined until the whole line came. */
  readonly opening: string | undefined;
  /** The end of what came before the marker. */
  noise(): string;
}

const longestOpening = 64;

/** Everything up to and including the marker's line is noise (motd, ~/.bashrc); what follows is output. */
export function frameOutput(marker: string, limit: number, onOutput?: (chunk: Uint8Array) => void): FramedOutput {
  const tail = createTail(limit);
  const before = createTail(4096);
  let opening: string | undefined;
  let waiting: Buffer = Buffer.alloc(0);

  function forward(chunk: Buffer): void {
    if (chunk.length === 0) return;
    tail.push(chunk);
    onOutput?.(chunk);
  }

  function push(chunk: Buffer): void {
    if (opening !== undefined) return forward(chunk);
    waiting = Buffer.concat([waiting, chunk]);
    const start = waiting.indexOf(marker);
    const end = start < 0 ? -1 : waiting.indexOf('\n', start);
    if (end >= 0) {
      before.push(waiting.subarray(0, start));
      opening = waiting.toString('utf8', start + marker.length, end).trim();
      const rest = waiting.subarray(end + 1);
      waiting = Buffer.alloc(0);
      return forward(rest);
    }
    keepPossibleStart(start);
  }

  /** Holds only as much as could still be the beginning of the marker's line. */
  function keepPossibleStart(start: number): void {
    const from = start >= 0 ? start : Math.max(0, waiting.length - marker.length - longestOpening);
    before.push(waiting.subarray(0, from));
    waiting = Buffer.from(waiting.subarray(from));
  }

  return {
    push,
    tail,
    get opening() {
      return opening;
    },
    noise: () => before.text() + waiting.toString('utf8'),
  };
}
