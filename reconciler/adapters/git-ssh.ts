// Reaches repositories over ssh: isomorphic-git's two http requests as one channel that runs git's own service there.
import type { GitHttpRequest, GitHttpResponse } from 'isomorphic-git';
import PQueue from 'p-queue';
import type { GitAddress } from './git-address.js';
import { type GitSettings, writeCredentials } from './git-settings.js';
import { openService, type ServiceChannel } from './git-ssh-channel.js';
import { openLink, type SshLink } from './git-ssh-link.js';
import {
  type GitService,
  type GitTransport,
  operationLimitMs,
  type Purpose,
  readAlong,
  type Spoken,
  unreachable,
  within,
} from './git-transport.js';

type SshAddress = Extract<GitAddress, { kind: 'ssh' }>;

/** sshd allows 10 sessions (MaxSessions) and frees one a moment after it was closed. */
const channelLimit = 4;

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(part);
}

function answered(
  asked: GitHttpRequest,
  service: GitService,
  kind: 'advertisement' | 'result',
  body: AsyncGenerator<Uint8Array>,
): GitHttpResponse {
  const headers = { 'content-type': `application/x-${service}-${kind}` };
  return { url: asked.url, method: asked.method, statusCode: 200, statusMessage: 'OK', headers, body };
}

/** One operation: a GET opens the channel and reads what the service shows, a POST goes on in the same channel. */
function bridge(
  link: SshLink,
  address: SshAddress,
  spoken: Spoken,
): { request: (asked: GitHttpRequest) => Promise<GitHttpResponse>; end: () => Promise<void> } {
  let open: ServiceChannel | undefined;

  async function discover(asked: GitHttpRequest): Promise<GitHttpResponse> {
    const service = asked.url.endsWith('service=git-receive-pack') ? 'git-receive-pack' : 'git-upload-pack';
    await open?.end();
    open = await openService(link, address, service);
    const line = `# service=${service}\n`;
    const intro = Buffer.from(`${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`);
    return answered(asked, service, 'advertisement', chunks(intro, open.advertisement));
  }

  async function converse(asked: GitHttpRequest): Promise<GitHttpResponse> {
    const service = asked.url.endsWith('/git-receive-pack') ? 'git-receive-pack' : 'git-upload-pack';
    if (open?.service !== service) throw unreachable(address.shown, new Error(`${service} was not opened`));
    const sent: Uint8Array[] = [];
    for await (const chunk of asked.body ?? chunks()) sent.push(chunk);
    return answered(
      asked,
      service,
      'result',
      readAlong(open.converse(Buffer.concat(sent)), service, address.shown, spoken),
    );
  }

  return {
    request: asked => (asked.method === 'POST' ? converse(asked) : discover(asked)),
    end: async () => {
      await open?.end();
    },
  };
}

/** Nothing is connected before it is needed. With other credentials for writing there is a second connection. */
export function openSshTransport(address: SshAddress, credentials: GitSettings['credentials']): GitTransport {
  const reading = openLink(address, credentials, 'read');
  const writing = credentials.write === undefined ? reading : openLink(address, writeCredentials(credentials), 'write');
  const queue = new PQueue({ concurrency: channelLimit });

  async function operateNow<T>(purpose: Purpose, work: Parameters<GitTransport['operate']>[1]): Promise<T> {
    const spoken: Spoken = { said: '' };
    const talk = bridge(purpose === 'write' ? writing : reading, address, spoken);
    try {
      const result = await within(
        work({ request: talk.request }, spoken),
        operationLimitMs,
        address.shown,
        () => void talk.end(),
      );
      if (spoken.failure !== undefined) throw spoken.failure;
      return result as T;
    } catch (error) {
      throw spoken.failure ?? error;
    } finally {
      await talk.end();
    }
  }

  return {
    // git's `transport::address` form: isomorphic-git hands the address on untouched and takes our client for http.
    url: 'http::ssh://repository',
    shown: address.shown,
    operate: (purpose, work) => queue.add(() => operateNow(purpose, work)),
    close: async () => {
      await Promise.all([reading.close(), writing.close()]);
    },
  };
}
