// Discord: webhooks (https://docs.discord.com/developers/resources/webhook#execute-webhook).
import { addressOf, type Notifier, post, web } from './notifier.js';
import { clip, wordsOf } from './words.js';

const colours = { bad: 0xd0_34_34, good: 0x2f_9e_44, plain: 0x74_80_8c } as const;

export const discord: Notifier = {
  type: 'discord',
  parcel: (message, address) => {
    const { title, lines, mood } = wordsOf(message);
    const url = addressOf(address, web);
    // Without it Discord answers before it knows whether it can be shown.
    url.searchParams.set('wait', 'true');
    const embed = {
      title: clip(title, 256),
      description: clip(lines.join('\n'), 4000),
      color: colours[mood],
      timestamp: new Date(message.at).toISOString(),
    };
    // A name such as @everyone in a commit or log calls nobody.
    return post(url.href, { embeds: [embed], allowed_mentions: { parse: [] } });
  },
};
