// E-mail by SMTP: `smtps://` encrypts from the first byte, `smtp://` by STARTTLS (RFC 3207), which a password demands.
import { addressOf, type Notifier } from './notifier.js';
import { wordsOf } from './words.js';

export const email: Notifier = {
  type: 'email',
  parcel: (message, address) => {
    const { title, lines } = wordsOf(message);
    const url = addressOf(address, ['smtp:', 'smtps:']);
    const { secret, to } = address;
    const atOnce = url.protocol === 'smtps:';
    const user = decodeURIComponent(url.username);
    return {
      via: 'mail',
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (atOnce ? 465 : 587) : Number(url.port),
      tls: atOnce ? 'at-once' : secret === undefined ? 'offered' : 'required',
      ...(user === '' ? {} : { user }),
      ...(secret === undefined ? {} : { password: secret }),
      from: to.from ?? '',
      to: to.to ?? [],
      subject: title,
      text: `${lines.join('\n')}\n`,
      messageId: `<${message.id}@portoser>`,
    };
  },
};
