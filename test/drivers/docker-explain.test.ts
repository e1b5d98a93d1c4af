// What recorded outputs of Docker and Compose are taken for (engine 20.10 and 28, Compose 1.29 and 2.26).
import { describe, expect, test } from 'vitest';
import { sh } from '../../reconciler/commands/command.js';
import { engineWords } from '../../reconciler/commands/docker.js';
import { docker } from '../../reconciler/drivers/docker.js';

const step = { phase: 'start', what: 'bring its containers up', command: sh`true`, timeLimitMs: 1 } as const;
const begun =
  ' Network w_default  Creating\n Network w_default  Created\n Container w-web-1  Created\n Container w-web-1  Starting\n';
const daemon = 'Error response from daemon: ';

describe('explain', () => {
  test.each<[string, string, RegExp]>([
    [
      'portoser: the image app:1 is made for another kind of machine: arm64, and this one is x86_64\n',
      'image-missing',
      /^the image app:1 .* arm64, and this one is x86_64$/,
    ],
    [
      `${begun}${daemon}driver failed programming external connectivity on endpoint w-web-1 (9f0f): Bind for 0.0.0.0:8081 failed: port is already allocated\n`,
      'port-taken',
      /8081/,
    ],
    [
      `${begun}${daemon}driver failed programming external connectivity on endpoint w-web-1 (d745): Error starting userland proxy: listen tcp4 0.0.0.0:8082: bind: address already in use\n`,
      'port-taken',
      /8082/,
    ],
    [
      `${begun}${daemon}failed to set up container networking: driver failed programming external connectivity on endpoint w (7d): failed to bind host port for 0.0.0.0:80:172.18.0.2:80/tcp: address already in use\n`,
      'port-taken',
      /:80:/,
    ],
    [
      ` web Pulling \n web Error Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on [::1]:53: read: connection refused\n${daemon}Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on [::1]:53: read: connection refused\n`,
      'image-unreachable',
      /registry-1/,
    ],
    [
      `${daemon}failed to resolve reference "docker.io/library/nginx:1": unexpected status from HEAD request to https://registry-1.docker.io/v2/library/nginx/manifests/1: 503 Service Unavailable\n`,
      'image-unreachable',
      /503/,
    ],
    [
      `${daemon}toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading\n`,
      'image-unreachable',
      /pull rate limit/,
    ],
    [
      `${daemon}Get "https://images.example/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)\n`,
      'image-unreachable',
      /images\.example/,
    ],
    [
      `${daemon}failed to do request: Head "https://imagse.example/v2/a/manifests/1": dial tcp: lookup imagse.example on 10.0.0.1:53: no such host\n`,
      'image-missing',
      /imagse/,
    ],
    [
      `${daemon}Get "https://images.example/v2/a/manifests/1": unauthorized: authentication required\n`,
      'image-missing',
      /authentication/,
    ],
    [`${daemon}no such image: lab/none:1: No such image: lab/none:1\n`, 'image-missing', /lab\/none:1/],
    [
      `web Error pull access denied for lab/none, repository does not exist or may require 'docker login': denied\n`,
      'image-missing',
      /lab\/none/,
    ],
    [`${daemon}manifest for nginx:nope not found: manifest unknown: manifest unknown\n`, 'image-missing', /nginx:nope/],
    [`${daemon}no matching manifest for linux/arm64/v8 in the manifest list entries\n`, 'image-missing', /arm64/],
    [
      'env file /opt/w/none.env not found: stat /opt/w/none.env: no such file or directory\n',
      'file-missing',
      /none\.env/,
    ],
    [
      'validating /opt/w/compose.yml: services.web Additional property imagee is not allowed\n',
      'compose-invalid',
      /imagee/,
    ],
    [
      'time="2026-11-28T02:13:54Z" level=warning msg="`version` is obsolete"\nyaml: line 1: did not find expected key\n',
      'compose-invalid',
      /line 1/,
    ],
    [
      'service "web" has neither an image nor a build context specified: invalid compose project\n',
      'compose-invalid',
      /neither/,
    ],
    [
      "services.a: can't set distinct values on 'mem_limit' and 'deploy.resources.limits.memory': invalid compose project\n",
      'compose-invalid',
      /distinct/,
    ],
    [
      'invalid interpolation format for services.web.image.\nYou may need to escape any $ with another $.\n${a\n',
      'compose-invalid',
      /interpolation/,
    ],
    [`Invalid containerPort: y\n${engineWords.invalid}\n`, 'compose-invalid', /containerPort: y$/],
    [`something new\n${engineWords.invalid}\n`, 'compose-invalid', /^something new$/],
    [
      'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n',
      'docker-down',
      /unix:/,
    ],
    [`x\n${engineWords.down}\n`, 'docker-down', /^the docker engine does not answer$/],
    [
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/containers/json": dial unix /var/run/docker.sock: connect: permission denied\n',
      'docker-refused',
      /permission denied/,
    ],
    [
      `portoser: sudo asks for a password\n${engineWords.refused}\n`,
      'docker-refused',
      /^this user may not use docker$/,
    ],
    [`${engineWords.missing}\n`, 'docker-missing', /not installed/],
    [`${engineWords.compose}\n`, 'docker-missing', /compose/],
    [`${engineWords.old}\n`, 'docker-missing', /too old for port_mapping/],
    [
      'failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device\n',
      'machine-disk-full',
      /no space/,
    ],
  ])('%j', (output, code, message) => {
    const report = docker.explain(step, output);
    expect(report?.code).toBe(code);
    expect(report?.message).toMatch(message);
    expect(report?.hint).not.toBe('');
  });

  const head = 'Head "https://images.example/v2/a/manifests/1": ';
  const resolving = `${daemon}failed to resolve reference "images.example/a:1": `;
  test.each([
    `${resolving}failed to do request: ${head}EOF\n`,
    `${resolving}EOF\n`,
    `${resolving}failed to authorize: failed to fetch anonymous token: Get "https://images.example/token?service=a": unexpected EOF\n`,
    `${resolving}failed to do request: ${head}context deadline exceeded\n`,
    `${resolving}failed to do request: ${head}net/http: TLS handshake timeout\n`,
    `${resolving}failed to do request: ${head}read tcp 10.0.0.2:4->10.0.0.9:443: read: connection reset by peer\n`,
    `${resolving}failed to do request: ${head}write: broken pipe\n`,
    `${resolving}failed to do request: ${head}remote error: tls: internal error\n`,
    `${resolving}failed to do request: ${head}http2: server sent GOAWAY and closed the connection\n`,
    `${resolving}connection reset by peer\n`,
    `${resolving}unexpected status code 502 Bad Gateway\n`,
    ` web Pulling \n web Error failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://images.example/blobs/1": connection reset by peer\n`,
    `${daemon}failed to copy: httpReadSeeker: failed open: unexpected EOF\n`,
    `failed to solve: a:1: failed to resolve source metadata for images.example/a:1: failed to do request: ${head}EOF\n`,
    `${daemon}Get "https://images.example/v2/": proxyconnect tcp: EOF\n`,
  ])('trouble on the way to a registry: %j', output => {
    expect(docker.explain(step, output)).toMatchObject({ code: 'image-unreachable', retry: 'backoff' });
  });

  test('words of the network that are not of a registry mean nothing of the kind', () => {
    const socket = 'error during connect: Post "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/containers/create": EOF\n';
    const built = 'failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2\n> EOF\n';
    for (const output of [socket, built]) expect(docker.explain(step, output)?.code).not.toBe('image-unreachable');
    expect(docker.explain(step, `${resolving}images.example/a:1: not found\n`)?.code).toBe('image-missing');
  });

  test('a registry that cannot be reached may be back; a name that is wrong stays so', () => {
    expect(docker.explain(step, 'Get "https://r.example/v2/": dial tcp: i/o timeout')?.retry).toBe('backoff');
    expect(docker.explain(step, 'manifest for nginx:nope not found: manifest unknown')?.retry).toBe('human');
  });

  test.each([
    '',
    `${begun}${daemon}failed to create shim task: OCI runtime create failed: exec: "/nope": stat /nope: no such file or directory: unknown\n`,
    'dependency failed to start: container w-db-1 is unhealthy\n',
  ])('the output itself says more: %j', output => {
    expect(docker.explain(step, output)).toBeUndefined();
  });
});
