// Gotify: POST /message with the token of an application (https://gotify.net/docs/pushmsg).
import { addressOf, below, type Notifier, post, web } from './notifier.js';
import { wordsOf } from './words.js';

export const gotify: Notifier = {
  type: 'gotify',
  parcel: (message, address) => {
    const { title, lines, mood } = wordsOf(message);
    const priority = message.urgent ? 9 : mood === 'bad' ? 7 : 4;
    const extras = { 'client::display': { contentType: 'text/plain' } };
    const url = below(addressOf(address, web), '/message');
    return post(url, { title, message: lines.join('\n'), priority, extras }, { 'x-gotify-key': address.secret ?? '' });
  },
};
