// The API over real connections: what ends when somebody leaves, and what when the controller stops.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildServer } from '../../api/server.js';
import { createEngine } from '../../reconciler/engine.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { AppError } from '../../schema/errors.js';

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const engine = createEngine({
  settings,
  open: () => Promise.reject(new Error('opened')),
  close: async () => undefined,
});

/** An operation that goes on until the test ends it. */
interface Work {
  readonly signal: AbortSignal;
  readonly end: (answer: unknown) => void;
}

let begun: Promise<Work>;
let url = '';
let server: Awaited<ReturnType<typeof buildServer>>;

beforeEach(async () => {
  let tell: (work: Work) => void = () => undefined;
  begun = new Promise(resolve => (tell = resolve));
  const perform = (_: string, __: object, ___: object, signal: AbortSignal) =>
    new Promise(end => {
      tell({ signal, end });
    });
  const doing = {
    describe: engine.describe,
    listen: engine.listen,
    perform: perform as never,
    redactor: engine.redactor,
    refused: () => undefined,
  };
  server = await buildServer({
    engine: doing,
    auth: 'none',
    version: '1',
    ready: () => true,
    onFault: error => expect.fail(error.message),
  });
  url = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(() => server.close());

const aborted = (signal: AbortSignal) => (signal.aborted ? Promise.resolve() : once(signal, 'abort'));

describe('when the controller stops', () => {
  it('what changes something is told, comes to its end, and is answered', async () => {
    const asked = fetch(`${url}/api/reconcile`, { method: 'POST' });
    const work = await begun;
    const closed = server.close();
    await aborted(work.signal);
    expect(work.signal.reason).toBeInstanceOf(AppError);
    work.end({ stopped: 'in order' });
    const response = await asked;
    expect([response.status, await response.json()]).toEqual([200, { stopped: 'in order' }]);
    await closed;
  });

  it('what only reads is not waited for', async () => {
    const asked = fetch(`${url}/api/status`);
    await begun;
    await server.close();
    expect(await (await asked).json()).toMatchObject({
      code: 'interrupted',
      detail: 'the controller is being stopped',
    });
  });

  it('a connection that asks for nothing is cut off', async () => {
    const { hostname, port } = new URL(url);
    const idle = connect(Number(port), hostname);
    await once(idle, 'connect');
    const cut = once(idle, 'close');
    await server.close();
    await cut;
    expect(idle.destroyed).toBe(true);
  });
});

describe('when who asked leaves', () => {
  it('what only reads ends', async () => {
    const left = new AbortController();
    const asked = fetch(`${url}/api/status`, { signal: left.signal });
    const work = await begun;
    left.abort();
    await expect(asked).rejects.toThrow('aborted');
    await aborted(work.signal);
    expect(work.signal.aborted).toBe(true);
  });

  it('what changes something goes on', async () => {
    const gone = new Promise<void>(resolve => {
      server.server.on('connection', socket => socket.on('close', () => resolve()));
    });
    const left = new AbortController();
    const asked = fetch(`${url}/api/reconcile`, { method: 'POST', signal: left.signal });
    const work = await begun;
    left.abort();
    await expect(asked).rejects.toThrow('aborted');
    await gone;
    expect(work.signal.aborted).toBe(false);
    work.end({});
  });
});
