// A health check's address of the older form → a check on the machine itself.
import { type Fields, type Old, wordAt } from './import-old.js';
import { optional } from './optional.js';

function urlOf(text: string): URL | undefined {
  return URL.canParse(text) && /^https?:/.test(text) ? new URL(text) : undefined;
}

/** A name without a port went through the proxy, which spoke TLS for it: the service itself is asked on its own port. */
export function healthOf(old: Old, name: string, value: Fields, port: number | undefined): Fields | undefined {
  const written = wordAt(old, ['services', name], value, 'healthcheck_url');
  if (written === undefined) return undefined;
  const at = ['services', name, 'healthcheck_url'];
  const url = urlOf(written);
  if (url === undefined) {
    old.say(at, 'is no address that begins with http:// or https://');
    return undefined;
  }
  const own = url.port === '' ? undefined : Number(url.port);
  const asked = own ?? port ?? (url.protocol === 'https:' ? 443 : 80);
  const scheme = url.protocol === 'https:' && (own !== undefined || port === undefined) ? 'https' : undefined;
  if (scheme !== undefined)
    old.say(at, 'is asked at 127.0.0.1: where the certificate is not for that, write `tls_verify: false`');
  return {
    endpoint: `${url.pathname}${url.search}`,
    ...optional('port', asked === port ? undefined : asked),
    ...optional('scheme', scheme),
  };
}
