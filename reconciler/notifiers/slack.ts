// Slack: incoming webhooks (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks); also Mattermost.
import { addressOf, type Notifier, post, web } from './notifier.js';
import { clip, wordsOf } from './words.js';

/** The three characters that Slack reads as its own. */
const plain = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const signs = { bad: ':red_circle:', good: ':large_green_circle:', plain: ':white_circle:' } as const;

export const slack: Notifier = {
  type: 'slack',
  parcel: (message, address) => {
    const { title, lines, mood } = wordsOf(message);
    const text = `${signs[mood]} *${plain(title)}*\n${plain(clip(lines.join('\n'), 3500))}`;
    return post(addressOf(address, web).href, { text, unfurl_links: false });
  },
};
