// ntfy: publishing as JSON (https://docs.ntfy.sh/publish/#publish-as-json); the topic is the end of the address.
import { AppError } from '../../schema/errors.js';
import { addressOf, type Notifier, post, web } from './notifier.js';
import { clip, wordsOf } from './words.js';

const tags = { bad: 'rotating_light', good: 'white_check_mark', plain: 'information_source' } as const;

export const ntfy: Notifier = {
  type: 'ntfy',
  parcel: (message, address) => {
    const { title, lines, mood } = wordsOf(message);
    const url = addressOf(address, web);
    const [, base = '', topic = ''] = /^(.*)\/([^/]+)\/*$/.exec(url.pathname) ?? [];
    if (topic === '')
      throw new AppError('notify-address', `the address of \`${address.to.name}\` has no topic at its end`);
    const { secret } = address;
    const body = {
      topic: decodeURIComponent(topic),
      title: clip(title, 250),
      // Above 4096 bytes it would become a file.
      message: clip(lines.join('\n'), 1300),
      tags: [tags[mood]],
      priority: message.urgent ? 5 : mood === 'bad' ? 4 : 3,
    };
    const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
    return post(new URL(base === '' ? '/' : base, url.origin).href, body, headers);
  },
};
