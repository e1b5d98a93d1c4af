// What a controller elsewhere tells on its way to an answer, line by line.
import type { Progress } from '../../reconciler/engine.js';
import type { ToldLine } from '../lines.js';

/** No line of ours is longer; what is, is from somebody else. */
const longestLine = 64 * 1024 * 1024;

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let open = '';
  for await (const chunk of body) {
    const lines = `${open}${decoder.decode(chunk, { stream: true })}`.split('\n');
    open = lines.pop() ?? '';
    if (open.length > longestLine) return;
    yield* lines;
  }
}

/** The last line; undefined: it ended before, or says what no controller says. */
export async function lastLine(
  body: AsyncIterable<Uint8Array>,
  tell: (progress: Progress) => void,
): Promise<Exclude<ToldLine, { readonly progress: Progress }> | undefined> {
  for await (const line of linesOf(body)) {
    const told = JSON.parse(line) as ToldLine;
    if (!('progress' in told)) return told;
    tell(told.progress);
  }
  return undefined;
}
