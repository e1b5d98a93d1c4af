// Requests as bytes on a connection, so that also those can be sent that no client would make.
import { connect } from 'node:net';

export interface Wire {
  readonly method: string;
  /** As it stands in the first line. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Of the body so many bytes are sent, and then the connection is ended; absent: all. */
  readonly cutAt?: number;
}

export interface Answered {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const patienceMs = 120_000;

function bytesOf({ method, target, headers, body, cutAt }: Wire): Buffer {
  const content = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
  const length = body === undefined ? {} : { 'content-length': String(content.length) };
  const all = { host: 'localhost', connection: 'close', ...length, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'),
    content.subarray(0, cutAt ?? content.length),
  ]);
}

/** A body that comes in chunks. */
function joined(text: string): string {
  let [rest, whole] = [Buffer.from(text, 'latin1'), Buffer.alloc(0)];
  for (;;) {
    const end = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.subarray(0, end).toString(), 16);
    if (end < 0 || !(size > 0)) return whole.toString();
    whole = Buffer.concat([whole, rest.subarray(end + 2, end + 2 + size)]);
    rest = rest.subarray(end + 2 + size + 2);
  }
}

function read(bytes: Buffer): Answered | undefined {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(text) ?? [];
  if (status === '100' && end >= 0) return read(bytes.subarray(end + 4)); // only tells that the body may come
  if (end < 0 || status === undefined) return undefined;
  const head = text.slice(0, end);
  const type = /^content-type: (.*)$/im.exec(head)?.[1] ?? '';
  const isChunked = /^transfer-encoding: chunked$/im.test(head);
  const body = isChunked ? joined(text.slice(end + 4)) : bytes.subarray(end + 4).toString();
  return { status: Number(status), type: type.trim(), body };
}

/** Undefined: the connection was closed without an answer, as is fair where the request was cut short. */
export function exchange(port: number, wire: Wire): Promise<Answered | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const late = setTimeout(() => socket.destroy(new Error(`no answer within ${patienceMs / 1000} s`)), patienceMs);
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    socket.once('error', error => {
      // Cut off while we still sent: what was answered until then counts.
      if (!['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')) reject(error);
    });
    socket.once('end', () => socket.end());
    socket.once('close', () => {
      clearTimeout(late);
      resolve(read(Buffer.concat(chunks)));
    });
    socket.write(bytesOf(wire));
    if (wire.cutAt !== undefined) socket.end();
  });
}
