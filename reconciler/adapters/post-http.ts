// Sends a request to a service (undici): no redirects, which would carry tokens along, and an answer of a few KiB at most.
import { STATUS_CODES } from 'node:http';
import { rootCertificates } from 'node:tls';
import { Agent, request } from 'undici';
import { AppError, type ErrorDetails } from '../../schema/errors.js';
import type { Parcel } from '../../schema/notify.js';

type HttpParcel = Extract<Parcel, { via: 'http' }>;

const answerLimit = 8 * 1024;
const shownLimit = 200;

function codeOf(thrown: unknown): string {
  for (let at = thrown; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === 'string') return code;
  }
  return thrown instanceof Error ? thrown.name : 'unknown';
}

const certificateCode = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|HOSTNAME_MISMATCH|INVALID_CA)/;

/** Only host and code: messages of the package may hold the address. */
function away(host: string, thrown: unknown): AppError {
  const code = codeOf(thrown);
  if (code === 'UND_ERR_INVALID_ARG' || code === 'ERR_INVALID_CHAR')
    return new AppError('notify-address', `a token or address for ${host} holds characters that no request can`);
  if (!certificateCode.test(code))
    return new AppError('notify-away', `${host} cannot be reached (${code})`, { details: { reason: code } });
  return new AppError('notify-refused', `the certificate of ${host} is not trusted (${code})`, {
    hint: 'Name the certificate of the authority that signed it with `ca:` in the destination.',
  });
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function retryAfter(header: string | string[] | undefined): ErrorDetails {
  const [text = ''] = [header ?? ''].flat();
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? { retryAfterMs: Math.ceil(ms) } : {};
}

async function beginningOf(body: AsyncIterable<Uint8Array> & { destroy(): unknown }): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= answerLimit) break;
  }
  body.destroy();
  return Buffer.concat(chunks).subarray(0, answerLimit).toString('utf8');
}

const passing: ReadonlySet<number> = new Set([408, 425, 429]);

/** Throws as `Post.send` does. */
export async function sendHttp(parcel: HttpParcel, signal: AbortSignal, ca: string | undefined): Promise<string> {
  const { url, method, headers, body } = parcel;
  const { host } = new URL(url);
  // One message now and then: a connection that is kept would only be in the way of the end.
  const dispatcher = new Agent({
    pipelining: 0,
    ...(ca === undefined ? {} : { connect: { ca: [...rootCertificates, ca] } }),
  });
  try {
    const asked = { method, headers: { 'user-agent': 'portoser', ...headers }, body, signal, dispatcher };
    const answer = await request(url, asked).catch((thrown: unknown) => {
      throw away(host, thrown);
    });
    const text = await beginningOf(answer.body).catch((thrown: unknown) => {
      throw away(host, thrown);
    });
    const { statusCode: status } = answer;
    const said = text.replaceAll(/\s+/g, ' ').trim().slice(0, shownLimit);
    const shown = [`${status} ${STATUS_CODES[status] ?? ''}`.trim(), said].filter(Boolean).join(': ');
    if (status >= 200 && status < 300) return shown;
    if (status >= 500 || passing.has(status))
      throw new AppError('notify-away', `${host} answered ${shown}`, {
        details: retryAfter(answer.headers['retry-after']),
      });
    throw new AppError('notify-refused', `${host} answered ${shown}`);
  } finally {
    await dispatcher.destroy();
  }
}
