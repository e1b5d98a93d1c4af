// What recorded outputs of uv are taken for (0.4, 0.7 and 0.13): trouble on the way to what it fetches, or the app's own.
import { describe, expect, test } from 'vitest';
import { sh } from '../../reconciler/commands/command.js';
import { faultsOfRevision } from '../../reconciler/core/stamps.js';
import { local } from '../../reconciler/drivers/local.js';

const step = { phase: 'setup', what: 'set the app up', command: sh`true`, timeLimitMs: 1 } as const;
const explain = (...said: readonly string[]) => local.explain(step, `${said.join('\n')}\nportoser: uv-failed\n`);

const url = 'http://index.example/simple/idna/';
const asked = (...causes: readonly string[]): readonly string[] => [
  'Using CPython 3.11.7 interpreter at: /usr/bin/python3',
  'Creating virtual environment at: .venv',
  'error: Request failed after 3 retries in 12.3s',
  `  cause: Failed to fetch: ${url}`,
  ...causes.map(cause => `  cause: ${cause}`),
];
const sending = `error sending request for url (${url})`;
const before = (...causes: readonly string[]): readonly string[] => [
  `error: Failed to fetch: \`${url}\``,
  ...causes.map(cause => `  Caused by: ${cause}`),
];

describe('what uv could not fetch', () => {
  test.each<[string, readonly string[], RegExp]>([
    [
      'a closed port',
      asked(sending, 'client error (Connect)', 'tcp connect error', 'Connection refused (os error 111)'),
      /: connection refused$/,
    ],
    [
      'a name that does not exist',
      asked(
        sending,
        'client error (Connect)',
        'dns error',
        'error resolving DNS',
        'failed to lookup address information: Name or service not known',
      ),
      /: failed to lookup address information: Name or service not known$/,
    ],
    [
      'no answer of DNS (0.4)',
      before(
        'Could not connect, are you offline?',
        'Request failed after 3 retries',
        sending,
        'client error (Connect)',
        'dns error: failed to lookup address information: Temporary failure in name resolution',
        'failed to lookup address information: Temporary failure in name resolution',
      ),
      /: failed to lookup address information: Temporary failure in name resolution$/,
    ],
    [
      'a reset',
      asked(sending, 'client error (SendRequest)', 'connection error', 'Connection reset by peer (os error 104)'),
      /: connection reset by peer$/,
    ],
    [
      'an end before the answer',
      asked(sending, 'client error (SendRequest)', 'connection closed before message completed'),
      /: connection closed before message completed$/,
    ],
    ['silence', asked(sending, 'operation timed out'), /: operation timed out$/],
    [
      'no network',
      asked(sending, 'client error (Connect)', 'tcp connect error', 'Network is unreachable (os error 101)'),
      /: network is unreachable$/,
    ],
    [
      'TLS that breaks off',
      asked(sending, 'client error (Connect)', 'tls handshake eof'),
      /: client error \(Connect\)$/,
    ],
    [
      'a server in trouble',
      asked(`HTTP status server error (503 Service Unavailable) for url (${url})`),
      /: 503 Service Unavailable$/,
    ],
    [
      'too many requests',
      asked(`HTTP status client error (429 Too Many Requests) for url (${url})`),
      /: 429 Too Many Requests$/,
    ],
    [
      'a cut answer',
      asked(
        `error decoding response body for url (${url})`,
        'request or response body error',
        'error reading a body from connection',
        'end of file before message length reached',
      ),
      /: end of file before message length reached$/,
    ],
    [
      'the tools of a build',
      [
        'error: Failed to build `b @ file:///srv/b`',
        '  cause: Failed to resolve requirements from `build-system.requires`',
        '  cause: No solution found when resolving: `setuptools`',
        ...asked(sending, 'client error (Connect)', 'tcp connect error', 'Connection refused (os error 111)').slice(2),
      ],
      /: connection refused$/,
    ],
    [
      'a slow download',
      [
        '  × Failed to download `numpy==2.0.0`',
        '  ├─▶ Failed to extract archive',
        '  ╰─▶ Failed to download distribution due to network timeout. Try increasing UV_HTTP_TIMEOUT (current value: 30s).',
      ],
      /: network timeout$/,
    ],
    [
      'a name, by git',
      [
        'error: Failed to download and build `x @ git+https://forge.example/x.git`',
        '  cause: Git operation failed',
        '         --- stderr',
        "         fatal: unable to access 'https://forge.example/x.git/': Could not resolve host: forge.example",
      ],
      /: could not resolve host$/,
    ],
    [
      'a closed port, by git',
      [
        '         --- stderr',
        "         fatal: unable to access 'https://forge.example/x.git/': Failed to connect to forge.example port 443 after 0 ms: Couldn't connect to server",
      ],
      /: failed to connect$/,
    ],
  ])('%s', (_, said, message) => {
    const report = explain(...said);
    expect(report).toMatchObject({ code: 'uv-unreachable', retry: 'backoff' });
    expect(report?.message).toMatch(message);
    expect(report?.message).not.toContain('example');
    expect(report?.hint).toMatch(/network and DNS/);
  });

  test('is no fault of the revision', () => {
    expect(faultsOfRevision.has('uv-unreachable')).toBe(false);
    expect(faultsOfRevision.has('uv-failed')).toBe(true);
  });
});

const unsolvable =
  "  cause: Because idna was not found in the package registry and your project depends on idna==3.10, we can conclude that your project's requirements are unsatisfiable.";

test.each<[string, readonly string[]]>([
  ['no solution', ['error: No solution found when resolving dependencies', unsolvable]],
  [
    'no login at the index',
    [
      'error: No solution found when resolving dependencies',
      unsolvable,
      '',
      'hint: An index URL (http://index.example/simple) could not be queried due to a lack of valid authentication credentials (401 Unauthorized)',
    ],
  ],
  [
    'a file that is none',
    ['error: Failed to parse: `pyproject.toml`', '  cause: TOML parse error at line 1, column 9'],
  ],
  [
    'a package that is not there',
    [
      'error: Failed to fetch: `http://index.example/a-1.whl`',
      '  Caused by: HTTP status client error (404 Not Found) for url (http://index.example/a-1.whl)',
    ],
  ],
])('the app itself is at fault: %s', (_, said) => {
  expect(explain(...said)?.code).toBe('uv-failed');
});

test('a full disk is told as one', () => {
  const said = 'error: failed to create directory `/srv/app/.venv`: No space left on device (os error 28)';
  expect(explain(said)?.code).toBe('machine-disk-full');
});
