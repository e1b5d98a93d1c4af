// Sends e-mail by SMTP (nodemailer).
import { rootCertificates } from 'node:tls';
import { createTransport } from 'nodemailer';
import { AppError } from '../../schema/errors.js';
import type { Parcel } from '../../schema/notify.js';

type MailParcel = Extract<Parcel, { via: 'mail' }>;

interface Failure {
  readonly code?: string;
  readonly responseCode?: number;
  readonly response?: string;
}

const person: ReadonlySet<string> = new Set(['EAUTH', 'ENOAUTH', 'ETLS', 'ECONFIG', 'EREQUIRETLS']);

/** 4yz may pass, 5yz does not (RFC 5321, 4.2.1). Only its code and the server's own words are told. */
function failed({ host }: MailParcel, { code = 'unknown', responseCode = 0, response }: Failure): AppError {
  const said = response?.replaceAll(/\s+/g, ' ').slice(0, 200);
  if (responseCode >= 500 || (person.has(code) && responseCode < 400)) {
    const hint = code === 'ETLS' ? 'Use smtps://, or name the authority of its certificate with `ca:`.' : undefined;
    return new AppError('notify-refused', `${host} refused (${said ?? code})`, hint === undefined ? {} : { hint });
  }
  return new AppError('notify-away', `${host} did not take it (${said ?? code})`, { details: { reason: code } });
}

/**
 * Where nothing secret is sent and TLS is only offered, any certificate will do, as between mail servers (RFC 7435): the
 * other way would be none at all.
 */
const tlsOf = (parcel: MailParcel, ca: string | undefined) => ({
  rejectUnauthorized: parcel.tls !== 'offered' || ca !== undefined,
  ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
});

/** Throws as `Post.send` does. */
export async function sendMail(parcel: MailParcel, signal: AbortSignal, ca: string | undefined): Promise<string> {
  const { host, port, tls, user, password, from, to, subject, text, messageId } = parcel;
  const transport = createTransport({
    host,
    port,
    secure: tls === 'at-once',
    requireTLS: tls === 'required',
    tls: tlsOf(parcel, ca),
    ...(user === undefined || password === undefined ? {} : { auth: { user, pass: password } }),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    // RFC 3834: no machine shall answer it.
    const headers = { 'Auto-Submitted': 'auto-generated' };
    const sent = await transport.sendMail({ from, to: [...to], subject, text, messageId, headers, signal });
    return sent.response;
  } catch (thrown) {
    throw failed(parcel, thrown as Failure);
  } finally {
    transport.close();
  }
}
