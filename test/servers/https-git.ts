// A real git server over HTTPS: nginx with a certificate of a CA made for the test, git-http-backend, and a password.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun } from '../lab/run-program.js';
import { startChild, type Child } from './child.js';
import { freePort, untilListening } from './ports.js';

export interface HttpsGit {
  /** `https://localhost:<port>/repo.git`, without the user. */
  readonly url: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** PEM of the CA that clients must trust. */
  readonly caFile: string;
  /** The bare repository that is served, branch `main`. */
  readonly bare: string;
  /** What nginx logged: one line per request, then errors. */
  log(): string;
  /** Another password from now on (a rotated one). */
  changePassword(password: string): Promise<void>;
  /** Nobody answers on the port any more. */
  stop(): Promise<void>;
  /** Again on the same port. */
  start(): Promise<void>;
  /** Stops it and deletes its folder. */
  remove(): Promise<void>;
}

/** Gives a server that runs. Reading and writing both need `user` and `password`. */
export async function startHttpsGit(): Promise<HttpsGit> {
  const dir = mkdtempSync(join(tmpdir(), 'portoser-https-'));
  const port = await freePort();
  const bare = join(dir, 'git', 'repo.git');
  await makeRepository(bare);
  await makeCertificates(dir);
  await writePassword(dir, 'correct horse');
  writeFileSync(join(dir, 'nginx.conf'), nginxConfig(dir, port));
  let children: Child[] = [];
  const server: HttpsGit = {
    url: `https://localhost:${port}/repo.git`,
    port,
    user: 'ada',
    password: 'correct horse',
    caFile: join(dir, 'ca.pem'),
    bare,
    log: () => ['access.log', 'error.log'].map(name => readIfThere(join(dir, name))).join(''),
    changePassword: password => writePassword(dir, password),
    async stop() {
      await Promise.all(children.map(child => child.stop()));
      children = [];
    },
    async start() {
      rmSync(join(dir, 'cgi'), { force: true });
      const cgi = startChild('fcgiwrap', ['-s', `unix:${join(dir, 'cgi')}`]);
      const nginx = startChild('nginx', ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log')]);
      children = [nginx, cgi];
      await untilListening(port, () => nginx.log() + cgi.log() + server.log());
    },
    async remove() {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

async function makeRepository(bare: string): Promise<void> {
  mkdirSync(bare, { recursive: true });
  await mustRun('git', ['init', '-q', '--bare', '-b', 'main', bare]);
  await mustRun('git', ['-C', bare, 'config', 'http.receivepack', 'true']);
}

async function makeCertificates(dir: string): Promise<void> {
  const openssl = (...words: string[]) => mustRun('openssl', words, { cwd: dir });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test CA');
  await openssl('req', ...curve, '-keyout', 'tls.key', '-out', 'tls.csr', '-subj', '/CN=localhost');
  writeFileSync(join(dir, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
  await openssl('x509', '-req', '-in', 'tls.csr', ...signed, '-out', 'tls.pem');
}

async function writePassword(dir: string, password: string): Promise<void> {
  const hash = await mustRun('openssl', ['passwd', '-apr1', '-stdin'], { stdin: password });
  writeFileSync(join(dir, 'htpasswd'), `ada:${hash}`);
}

function nginxConfig(dir: string, port: number): string {
  chmodSync(dir, 0o700);
  // As root the workers would change to another user, who may not read the folder: they stay who we are.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `${user}
daemon off; worker_processes 1; pid ${dir}/nginx.pid;
events { worker_connections 128; }
http {
  access_log ${dir}/access.log; error_log ${dir}/error.log;
  client_body_temp_path ${dir}/body; fastcgi_temp_path ${dir}/fastcgi; proxy_temp_path ${dir}/proxy;
  uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${dir}/tls.pem; ssl_certificate_key ${dir}/tls.key;
    auth_basic git; auth_basic_user_file ${dir}/htpasswd;
    location / {
      fastcgi_pass unix:${dir}/cgi;
      fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
      fastcgi_param GIT_PROJECT_ROOT ${dir}/git; fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param PATH_INFO $uri; fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method; fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param REMOTE_ADDR $remote_addr; fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol; fastcgi_param GIT_PROTOCOL $http_git_protocol;
    }
  }
}
`;
}
