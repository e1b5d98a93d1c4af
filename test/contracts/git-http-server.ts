// git-http-backend behind a Node server on the loopback: a remote repository for tests that need no TLS.
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gitEnv } from './git-fixture.js';

export interface GitHttpServer {
  readonly url: string;
  /** Method and path of every request. */
  readonly seen: string[];
  /** Looks at a request first; true: it was answered. */
  intercept: (asked: IncomingMessage, answer: ServerResponse) => boolean;
  stop(): Promise<void>;
  /** Again on the same port. */
  start(): Promise<void>;
}

/** CGI (RFC 3875): headers, an empty line, the body. */
function runBackend(root: string, asked: IncomingMessage, answer: ServerResponse): void {
  const [path = '', query = ''] = (asked.url ?? '').split('?');
  const env = {
    ...gitEnv,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    REMOTE_USER: 'ada',
    PATH_INFO: decodeURIComponent(path),
    QUERY_STRING: query,
    REQUEST_METHOD: asked.method,
    CONTENT_TYPE: asked.headers['content-type'] ?? '',
    CONTENT_LENGTH: asked.headers['content-length'] ?? '',
  };
  const backend = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  // The backend may end before it read all that was sent.
  backend.stdin.on('error', () => undefined);
  asked.pipe(backend.stdin);
  let head = '';
  backend.stdout.on('data', (chunk: Buffer) => {
    if (answer.headersSent) return void answer.write(chunk);
    head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const lines = head
      .slice(0, end)
      .split('\r\n')
      .map(line => line.split(': ', 2) as [string, string]);
    const status = lines.find(([name]) => name === 'Status')?.[1] ?? '200';
    answer.writeHead(Number.parseInt(status, 10), lines.filter(([name]) => name !== 'Status').flat());
    answer.write(Buffer.from(head.slice(end + 4), 'latin1'));
    return undefined;
  });
  backend.stdout.on('end', () => answer.end());
}

/** Serves all repositories below a folder. */
export async function startGitHttp(root: string): Promise<GitHttpServer> {
  const seen: string[] = [];
  let server = createServer();
  let port = 0;
  const running: GitHttpServer = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    seen,
    intercept: () => false,
    async stop() {
      await new Promise<void>(stopped => {
        server.close(() => stopped());
        server.closeAllConnections();
      });
    },
    async start() {
      server = createServer((asked, answer) => {
        seen.push(`${asked.method} ${asked.url}`);
        if (!running.intercept(asked, answer)) runBackend(root, asked, answer);
      });
      await new Promise<void>(ready => server.listen(port, '127.0.0.1', ready));
      port = (server.address() as AddressInfo).port;
    },
  };
  await running.start();
  return running;
}
