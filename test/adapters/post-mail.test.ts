// E-mail goes to a real SMTP server: with STARTTLS or TLS where a password is sent, and never without.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openPost } from '../../reconciler/adapters/post.js';
import { sendTo } from '../../reconciler/loop/announce-send.js';
import { createRedactor } from '../../schema/redact.js';
import type { Destination, Message } from '../../schema/notify.js';
import { type Certificates, makeCertificates } from './certificates.js';

interface Mail {
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}

let folder: string;
let certificates: Certificates;
const servers: SMTPServer[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portoser-mail-'));
  certificates = makeCertificates(folder);
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map(one => new Promise<void>(done => one.close(done))));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const password = 'correct horse';

/** A server that takes mail from `me` with the password, or from anybody where it asks for nobody. */
async function serve(options: SMTPServerOptions = {}): Promise<{ readonly port: number; readonly mails: Mail[] }> {
  const mails: Mail[] = [];
  const { key, cert } = certificates;
  const server = new SMTPServer({
    key,
    cert,
    disableReverseLookup: true,
    onAuth: ({ username, password: given }, _, done) =>
      username === 'me' && given === password
        ? done(null, { user: username })
        : done(new Error('Invalid username or password')),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          secure: session.secure,
          user: typeof session.user === 'string' ? session.user : undefined,
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(one => one.address),
          text: Buffer.concat(chunks).toString('utf8'),
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  servers.push(server);
  const listening = once(server.server, 'listening');
  server.listen(0, '127.0.0.1');
  await listening;
  return { port: (server.server.address() as AddressInfo).port, mails };
}

const message: Message = {
  id: 'abc123',
  state: 'over',
  kind: 'machine.down',
  cluster: 'home',
  at: 1_764_331_200_000,
  items: [
    {
      state: 'over',
      kind: 'machine.down',
      key: 'machine.down:m1',
      subject: 'm1',
      what: 'cannot be looked at',
      why: 'it can be worked on again – grüße',
      sinceAt: 1_764_331_140_000,
      at: 1_764_331_200_000,
    },
  ],
};

function send(more: Partial<Destination>, given = password): Promise<string> {
  const to: Destination = {
    name: 'mail',
    type: 'email',
    on: [],
    urgent: [],
    from: 'Portoser <portoser@example.org>',
    to: ['a@example.org', 'b@example.org'],
    ...more,
  };
  const post = openPost({ env: { PORTOSER_NOTIFY_MAIL: given }, folder });
  return sendTo({ post, redactor: createRedactor() }, to, message, { now: message.at });
}

const login = { secret: 'env:PORTOSER_NOTIFY_MAIL', ca: 'file:ca.pem' };

describe('with a password', () => {
  it('STARTTLS comes first', async () => {
    const { port, mails } = await serve();
    expect(await send({ url: `smtp://me@localhost:${port}`, ...login })).toMatch(/^250 /);
    expect(mails).toMatchObject([
      { secure: true, user: 'me', from: 'portoser@example.org', to: ['a@example.org', 'b@example.org'] },
    ]);
    const text = mails[0]?.text ?? '';
    expect(text).toMatch(/^Subject: \[home\] m1 cannot be looked at: over after 1 min\r$/m);
    expect(text).toMatch(/^Message-ID: <abc123@portoser>\r$/m);
    expect(text).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(text).toContain('machine.down');
  });

  it('smtps:// is encrypted from the first byte', async () => {
    const { port, mails } = await serve({ secure: true });
    await send({ url: `smtps://me@localhost:${port}`, ...login });
    expect(mails).toMatchObject([{ secure: true, user: 'me' }]);
  });

  it('a server without STARTTLS gets neither password nor message', async () => {
    const asked: string[] = [];
    const { port, mails } = await serve({
      hideSTARTTLS: true,
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ username = '' }, _, done) => {
        asked.push(username);
        done(null, { user: username });
      },
    });
    await expect(send({ url: `smtp://me@localhost:${port}`, ...login })).rejects.toMatchObject({
      code: expect.stringMatching(/^notify-/) as string,
    });
    expect([asked, mails]).toEqual([[], []]);
  });

  it('nor does one whose certificate nobody vouches for', async () => {
    const { port, mails } = await serve();
    const sent = send({ url: `smtp://me@localhost:${port}`, secret: login.secret });
    await expect(sent).rejects.toMatchObject({ code: expect.stringMatching(/^notify-/) as string });
    expect(mails).toEqual([]);
  });

  it('that is wrong, a person has to see to it, and it is not repeated', async () => {
    const { port } = await serve();
    const sent = send({ url: `smtp://me@localhost:${port}`, ...login }, 'battery staple');
    const error: unknown = await sent.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'notify-refused',
      retry: 'human',
      message: expect.stringContaining('535') as string,
    });
    expect(JSON.stringify(error)).not.toContain('battery');
    expect(String((error as Error).stack)).not.toContain('battery');
  });
});

describe('without a password', () => {
  const open = { authOptional: true } as const;

  it('TLS is used where it is offered, whoever signed for it', async () => {
    const { port, mails } = await serve(open);
    await send({ url: `smtp://localhost:${port}` });
    expect(mails).toMatchObject([{ secure: true, user: undefined }]);
  });

  it('and where it is not, a relay takes it as it is', async () => {
    const { port, mails } = await serve({ ...open, hideSTARTTLS: true, disabledCommands: ['STARTTLS'] });
    await send({ url: `smtp://localhost:${port}` });
    expect(mails).toMatchObject([{ secure: false }]);
  });

  it('a server that is busy is asked again, one that does not know the address is not', async () => {
    const answer = (code: number) =>
      serve({ ...open, onRcptTo: (_, __, done) => done(Object.assign(new Error('not now'), { responseCode: code })) });
    const busy = await answer(450);
    await expect(send({ url: `smtp://localhost:${busy.port}` })).rejects.toMatchObject({ code: 'notify-away' });
    const unknown = await answer(550);
    await expect(send({ url: `smtp://localhost:${unknown.port}` })).rejects.toMatchObject({ code: 'notify-refused' });
  });

  it('nobody there: it may pass', async () => {
    const { port } = await serve(open);
    await Promise.all(servers.splice(0).map(one => new Promise<void>(done => one.close(done))));
    await expect(send({ url: `smtp://localhost:${port}` })).rejects.toMatchObject({ code: 'notify-away' });
  });
});
