// Work that only reads ends with whoever asked for it, and leaves nothing at the signal of the server.
import { EventEmitter } from 'node:events';
import type { FastifyReply } from 'fastify';
import { expect, it } from 'vitest';
import { whileAsked } from '../../api/while-asked.js';
import { tracesAt } from '../abort-traces.js';

const reply = () => ({ raw: new EventEmitter() }) as unknown as FastifyReply;

it('ends with the one who asked, or with the server', async () => {
  const asked = reply();
  const stopping = new AbortController();
  const seen: AbortSignal[] = [];
  const never = (signal: AbortSignal): Promise<never> => new Promise(() => void seen.push(signal));
  const left = whileAsked(asked, stopping.signal, never);
  const stopped = whileAsked(reply(), stopping.signal, never);
  asked.raw.emit('close');
  await expect(left).rejects.toMatchObject({ code: 'interrupted' });
  expect(seen.map(one => one.aborted)).toEqual([true, false]);
  stopping.abort(new Error('stopping'));
  await expect(stopped).rejects.toThrow('stopping');
});

it('leaves nothing at the signal of the server, however it ended', async () => {
  const { signal } = new AbortController();
  for (let time = 0; time < 20; time += 1) {
    expect(await whileAsked(reply(), signal, async () => time)).toBe(time);
    await expect(whileAsked(reply(), signal, () => Promise.reject(new Error('broke')))).rejects.toThrow('broke');
  }
  expect(tracesAt(signal)).toBe(0);
});
