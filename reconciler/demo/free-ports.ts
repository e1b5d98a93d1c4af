// A run of ports on the loopback that nothing listens on now, for the demo's services.
import { createServer } from 'node:net';

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Below those that systems give to outgoing connections (Linux: from 32768 on), which may take one after it was found free. */
const [lowest, highest] = [24_100, 32_700];

/** First port of `count` free ones in a row; processes that ask at the same time begin at different places. */
export async function freeRun(count: number): Promise<number> {
  const runs = Math.floor((highest - lowest) / count);
  for (let tried = 0; tried < runs; tried += 1) {
    const first = lowest + ((process.pid + tried) % runs) * count;
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
    if (free.every(Boolean)) return first;
  }
  throw new Error('no free ports on the loopback');
}
