// The frame around a script's outputs, and the bound on what is kept of them.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTail, frameOutput } from '../../reconciler/adapters/shell-output.js';

/** The bytes, cut at these places. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place));
}

const cuts = fc.array(fc.nat(100_000), { maxLength: 30 });

describe('createTail', () => {
  it('keeps everything that fits, and else just the end, however it comes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 500 }),
        cuts,
        fc.integer({ min: 1, max: 600 }),
        (text, at, limit) => {
          const bytes = Buffer.from(text);
          const tail = createTail(limit);
          pieces(bytes, at).forEach(piece => tail.push(piece));
          expect(tail.truncated).toBe(bytes.length > limit);
          expect(text.endsWith(tail.text())).toBe(true);
          // At most the three bytes of a character that was cut in two are missing.
          expect(Buffer.byteLength(tail.text())).toBeGreaterThan(Math.min(bytes.length, limit) - 4);
          expect(Buffer.byteLength(tail.text())).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });

  it('holds little more than its limit of an endless output', () => {
    const tail = createTail(100_000);
    const before = process.memoryUsage().arrayBuffers;
    for (let sent = 0; sent < 300_000; sent += 1) tail.push(Buffer.from('12345678\n'));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30_000_000);
    expect(tail.text()).toHaveLength(100_000);
  });
});

describe('frameOutput', () => {
  const marker = 'portoser-0123456789abcdef';

  it('drops all before the marker’s line and keeps all after it, however it comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), cuts, (noise, output, at) => {
        const chunks: Uint8Array[] = [];
        const framed = frameOutput(marker, 1_000_000, chunk => chunks.push(chunk));
        pieces(Buffer.from(`${noise}${marker} 4711\n${output}`), at).forEach(piece => framed.push(piece));
        expect([framed.opening, framed.tail.text(), framed.noise()]).toEqual(['4711', output, noise]);
        expect(Buffer.concat(chunks).toString()).toBe(output);
      }),
    );
  });

  it('keeps the end of the noise where no marker comes', () => {
    const framed = frameOutput(marker, 1000);
    for (let line = 0; line < 10_000; line += 1) framed.push(Buffer.from(`motd ${line}\n`));
    expect([framed.opening, framed.tail.text()]).toEqual([undefined, '']);
    expect(framed.noise().endsWith('motd 9998\nmotd 9999\n')).toBe(true);
    expect(framed.noise().length).toBeLessThan(5000);
  });

  it('is not fooled by half a marker, nor by a second one', () => {
    const framed = frameOutput(marker, 1000);
    framed.push(Buffer.from(`${marker.slice(0, 12)}${marker} 7\na${marker} 8\n`));
    expect([framed.opening, framed.tail.text()]).toEqual(['7', `a${marker} 8\n`]);
  });
});
