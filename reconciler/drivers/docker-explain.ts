// What the output of a failed Docker step means: our own scripts' words first, then a small table over Docker's.
import { AppError, type ErrorCode, type ErrorReport } from '../../schema/errors.js';
import { firstOf } from '../../schema/excerpt.js';
import { engineWords } from '../commands/docker.js';
import { foreignImage } from '../commands/docker-images.js';

interface Meaning {
  readonly code: ErrorCode;
  /** In the order of the table: the first that is found counts. Docker gives nothing but text. */
  readonly words: RegExp;
  /** Where the catalogue's advice does not fit this case. */
  readonly hint?: string;
}

const exactly = (words: string): RegExp => new RegExp(`^${words}$`, 'm');

/**
 * What Go's net/http and containerd say of a connection that broke, in a line about a registry: the same words are said
 * of the engine's own socket (`http://%2Fvar…`), and by what a build runs.
 */
const brokenFetch = new RegExp(
  String.raw`(https?://(?!%2F)|failed to (resolve|do request|copy|fetch|authorize|pull)\b|httpReadSeeker).*` +
    String.raw`(context deadline exceeded|connection reset by peer|broken pipe|connection timed out|remote error: tls|GOAWAY|: (unexpected )?EOF\s*$)`,
  'im',
);

const meanings: readonly Meaning[] = [
  { code: 'docker-missing', words: exactly(engineWords.missing) },
  { code: 'docker-missing', words: exactly(engineWords.compose), hint: 'Install the Compose plugin on the machine.' },
  {
    code: 'docker-missing',
    words: exactly(engineWords.old),
    hint: 'Install Compose 2.24.4 or newer there: older ones add the ports of port_mapping to those of the compose file.',
  },
  { code: 'docker-refused', words: exactly(engineWords.refused) },
  { code: 'docker-down', words: exactly(engineWords.down) },
  { code: 'docker-refused', words: /permission denied while trying to connect to the docker/i },
  { code: 'docker-down', words: /cannot connect to the docker daemon|is the docker daemon running/i },
  { code: 'machine-disk-full', words: /no space left on device/i },
  { code: 'port-taken', words: /port is already allocated|address already in use|ports are not available/i },
  {
    code: 'image-missing',
    words: new RegExp(
      `no matching manifest for|does not match the (specified|detected host) platform|${foreignImage}`,
      'i',
    ),
    hint: 'The image is not made for this kind of machine: name one that is, or set build.',
  },
  { code: 'image-missing', words: /dial tcp: lookup .*: no such host/i },
  {
    code: 'image-unreachable',
    words:
      /toomanyrequests|too many requests|dial tcp.*(lookup|i\/o timeout|connection refused|unreachable|no route to host)|TLS handshake timeout|Client\.Timeout exceeded|request canceled while waiting|unexpected (HTTP )?status.* 5\d\d|read tcp.*(connection reset|timeout)/i,
  },
  { code: 'image-unreachable', words: brokenFetch },
  {
    code: 'image-missing',
    words:
      /pull access denied|manifest unknown|manifest for .+ not found|no such image|repository does not exist|failed to resolve reference|unauthorized: /i,
  },
  {
    code: 'file-missing',
    words: /^(env file .+ not found|couldn't find env file|failed to read .+: open .+: no such file)/im,
  },
  {
    code: 'compose-invalid',
    words:
      /^(yaml: |validating |parsing |services\.\S+[ :]|invalid interpolation format|error while interpolating|dependency cycle detected|empty compose file|.*: invalid compose project|Invalid \w+port: )/im,
  },
  { code: 'compose-invalid', words: exactly(engineWords.invalid) },
];

/** The line in which the words stand, for the message; a line of ours is said in Docker's words where it has any. */
function tellingLine(words: RegExp, output: string): string {
  const said = output
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');
  const line = said.find(one => words.test(one)) ?? said.at(-1) ?? '';
  const told = line === engineWords.invalid ? (said.filter(one => !one.startsWith('portoser: ')).at(-1) ?? line) : line;
  return firstOf(told.replace(/^portoser: /, ''), 400);
}

/** undefined: nothing better than the output itself. */
export function explainDocker(output: string): ErrorReport | undefined {
  const meaning = meanings.find(one => one.words.test(output));
  if (meaning === undefined) return undefined;
  const { code, words, hint } = meaning;
  return new AppError(code, tellingLine(words, output), hint === undefined ? {} : { hint }).report();
}
