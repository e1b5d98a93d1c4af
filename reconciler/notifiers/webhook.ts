// A webhook of one's own: the message as JSON, with its words; signed where there is a key (Standard Webhooks, v1).
import { createHmac } from 'node:crypto';
import { addressOf, type Notifier, post, web } from './notifier.js';
import { wordsOf } from './words.js';

/** The key's bytes: `whsec_` and base64, or the text as it is. https://github.com/standard-webhooks/standard-webhooks */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
}

function signature(secret: string, id: string, seconds: string, body: string): string {
  return `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}

export const webhook: Notifier = {
  type: 'webhook',
  parcel: (message, address) => {
    const { title, lines } = wordsOf(message);
    const parcel = post(addressOf(address, web).href, { ...message, title, text: lines.join('\n') });
    if (parcel.via !== 'http') return parcel;
    const seconds = String(Math.floor(address.now / 1000));
    const ids = { 'webhook-id': message.id, 'webhook-timestamp': seconds };
    const { secret } = address;
    const signed =
      secret === undefined ? {} : { 'webhook-signature': signature(secret, message.id, seconds, parcel.body) };
    return { ...parcel, headers: { ...parcel.headers, ...ids, ...signed } };
  },
};
