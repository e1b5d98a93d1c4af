// Sends messages: reveals the references of destinations, and hands each parcel to the way that it goes by.
import { AppError } from '../../schema/errors.js';
import { joinSignals } from '../../schema/joined-signal.js';
import type { Post } from '../../schema/notify.js';
import { revealIn } from './post-secrets.js';

export interface PostOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the files of `file:` references lie. */
  readonly folder: string;
}

/** Nothing is loaded before something is sent. */
export function openPost({ env, folder }: PostOptions): Post {
  return {
    reveal: reference => revealIn(reference, env, folder),
    async send(parcel, limits) {
      const limit = AbortSignal.timeout(limits.timeLimitMs);
      const { signal, part } = joinSignals(limit, ...(limits.signal === undefined ? [] : [limits.signal]));
      const masked = scrubber(limits.secrets);
      try {
        const answer =
          parcel.via === 'http'
            ? await (await import('./post-http.js')).sendHttp(parcel, signal, limits.ca)
            : await (await import('./post-mail.js')).sendMail(parcel, signal, limits.ca);
        return masked(answer);
      } catch (thrown) {
        // Not the cause: packages put addresses and headers into it.
        if (!(thrown instanceof AppError)) throw new AppError('internal', `sending broke: ${nameOf(thrown)}`);
        const { code, message, details, ownHint } = thrown;
        throw new AppError(code, masked(message), { details, ...(ownHint === undefined ? {} : { hint: ownHint }) });
      } finally {
        part();
      }
    },
  };
}

const nameOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : typeof thrown);

/** As it is, and as it stands in addresses, headers and bodies. */
function scrubber(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .filter(one => one.length >= 4)
    .flatMap(one => [
      one,
      encodeURIComponent(one),
      JSON.stringify(one).slice(1, -1),
      Buffer.from(one).toString('base64'),
    ]);
  const longestFirst = [...new Set(forms)].toSorted((a, b) => b.length - a.length);
  return text => longestFirst.reduce((masked, form) => masked.replaceAll(form, '***'), text);
}
