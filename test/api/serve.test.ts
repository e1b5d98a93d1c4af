// Where the API of `run` listens: addresses as people write them, and one that is taken.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAddress, serveBeside, type ServeCall } from '../../api/cli/serve.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { isLoopback } from '../../schema/loopback.js';
import type { Setting } from '../../schema/settings.js';

describe('an address', () => {
  it.each([
    ['127.0.0.1:8750', '127.0.0.1', 8750, true],
    ['127.9.9.9:1', '127.9.9.9', 1, true],
    ['localhost:0', 'localhost', 0, true],
    ['[::1]:80', '::1', 80, true],
    [':8750', '0.0.0.0', 8750, false],
    ['[::]:8750', '::', 8750, false],
    ['10.0.0.7:8750', '10.0.0.7', 8750, false],
    ['127.0.0.1.example:80', '127.0.0.1.example', 80, false],
  ])('%s', (written, host, port, loopback) => {
    const address = readAddress(written);
    expect(address).toEqual({ host, port });
    expect(address && isLoopback(address.host)).toBe(loopback);
  });

  it('off is none', () => {
    expect(readAddress('off')).toBeUndefined();
  });
});

describe('an address that is taken', () => {
  let other: Server;
  let taken = '';
  beforeEach(async () => {
    other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
  });
  afterEach(() => void other.close());

  async function serveAt(listen: Setting) {
    const told: string[] = [];
    const settings = { ...resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 }), listen };
    const terminal = { err: (text: string) => void told.push(text) };
    const call = { settings, terminal, signal: new AbortController().signal } as unknown as ServeCall;
    const stop = await serveBeside(call, 'token', text => void told.push(text));
    await stop();
    return told;
  }

  it('is an error where a person named it', async () => {
    const asked = serveAt({ value: taken, from: 'flag', where: '--listen' });
    await expect(asked).rejects.toMatchObject({
      code: 'listen-refused',
      message: `${taken}: something listens there already`,
      details: { code: 'EADDRINUSE' },
    });
  });

  it('is a note where nobody did: the machines are kept all the same', async () => {
    const told = await serveAt({ value: taken, from: 'default', where: 'default' });
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^note: the API is not served: .*something listens there already\. .*--listen/);
  });
});
