// Sends one message to one destination: what it refers to is asked for at that moment, and kept out of all that is said of it.
import { randomUUID } from 'node:crypto';
import type { Destination, Message, Post } from '../../schema/notify.js';
import { notifiers } from '../notifiers/index.js';

const timeLimitMs = 20_000;
const isReference = (text: string): boolean => /^(env|file):/.test(text);

/** The path of such an address is what one must know to write there. */
function masksOf(url: string | undefined, to: Destination): readonly string[] {
  const open = to.url !== undefined && !isReference(to.url) && to.type !== 'slack' && to.type !== 'discord';
  if (url === undefined || open || !URL.canParse(url)) return url === undefined || open ? [] : [url];
  const { pathname, search } = new URL(url);
  return [url, ...[`${pathname}${search}`, pathname].filter(one => one.length > 8)];
}

/** Answers what it said. Throws `notify-…`, never with a secret in it. */
export async function sendTo(
  post: Post,
  to: Destination,
  message: Message,
  { now, signal }: { readonly now: number; readonly signal?: AbortSignal },
): Promise<string> {
  const valueOf = async (text: string | undefined): Promise<string | undefined> =>
    text !== undefined && isReference(text) ? await post.reveal(text) : text;
  const [url, secret, ca] = [await valueOf(to.url), await valueOf(to.secret), await valueOf(to.ca)];
  const parcel = notifiers[to.type].parcel(message, {
    to,
    now,
    ...(url === undefined ? {} : { url }),
    ...(secret === undefined ? {} : { secret }),
  });
  return await post.send(parcel, {
    timeLimitMs,
    secrets: [...masksOf(url, to), ...(secret === undefined ? [] : [secret])],
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
