// Telegram: sendMessage of the Bot API (https://core.telegram.org/bots/api#sendmessage), as plain text.
import { addressOf, below, type Notifier, post, web } from './notifier.js';
import { clip, wordsOf } from './words.js';

export const telegram: Notifier = {
  type: 'telegram',
  parcel: (message, address) => {
    const { title, lines } = wordsOf(message);
    const server = addressOf(address, web, 'https://api.telegram.org');
    const { chat = '' } = address.to;
    return post(below(server, `/bot${address.secret ?? ''}/sendMessage`), {
      chat_id: /^-?\d+$/.test(chat) ? Number(chat) : chat,
      text: clip([title, ...lines].join('\n'), 4000),
      link_preview_options: { is_disabled: true },
    });
  },
};
