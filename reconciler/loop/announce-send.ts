// Sends one message to one destination: what it refers to is asked for at that moment, and kept out of all that is said of it.
import { randomUUID } from 'node:crypto';
import type { Destination, Message, Post } from '../../schema/notify.js';
import type { Redactor } from '../../schema/redact.js';
import { notifiers } from '../notifiers/index.js';

export interface SendPorts {
  readonly post: Post;
  readonly redactor: Redactor;
}

const timeLimitMs = 20_000;
const isReference = (text: string): boolean => /^(env|file):/.test(text);

/** The path of such an address is what one must know to write there. */
function masksOf(url: string | undefined, to: Destination): readonly string[] {
  const open = to.url !== undefined && !isReference(to.url) && to.type !== 'slack' && to.type !== 'discord';
  if (url === undefined || open || !URL.canParse(url)) return url === undefined || open ? [] : [url];
  const { pathname, search } = new URL(url);
  const path = `${pathname}${search}`;
  return [url, ...[path, path.slice(1), pathname, pathname.slice(1)].filter(one => one.length > 8)];
}

/** What a destination refers to, as it is now, and all of it that nobody may read. Throws `notify-secret`. */
export async function revealed(post: Post, to: Destination) {
  const valueOf = async (text: string | undefined): Promise<string | undefined> =>
    text !== undefined && isReference(text) ? await post.reveal(text) : text;
  const [url, secret, ca] = [await valueOf(to.url), await valueOf(to.secret), await valueOf(to.ca)];
  return { url, secret, ca, secrets: [...masksOf(url, to), ...(secret === undefined ? [] : [secret])] };
}

/** Answers what it said. Throws `notify-…`, never with a secret in it. */
export async function sendTo(
  { post, redactor }: SendPorts,
  to: Destination,
  message: Message,
  { now, signal }: { readonly now: number; readonly signal?: AbortSignal },
): Promise<string> {
  const { url, secret, ca, secrets } = await revealed(post, to);
  redactor.learn(secrets.map(value => ({ value })));
  const parcel = notifiers[to.type].parcel(redactor.value(message), {
    to,
    now,
    ...(url === undefined ? {} : { url }),
    ...(secret === undefined ? {} : { secret }),
  });
  return await post.send(parcel, {
    timeLimitMs,
    secrets,
    ...(ca === undefined ? {} : { ca }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Says that it works, and nothing else. */
export const testMessage = (cluster: string, at: number): Message => ({
  id: randomUUID(),
  state: 'test',
  cluster,
  at,
  items: [],
});
