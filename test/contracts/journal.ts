// What every Journal does: an intent is open until its result, and what a process that is gone left is read and closed by others.
import { describe, expect, it } from 'vitest';
import type { Intent } from '../../schema/journal.js';
import type { Journal } from '../../reconciler/ports.js';

/** Processes over one store. */
export interface JournalPlace {
  open(process: string): Journal;
  /** The process is gone. */
  kill(process: string): void;
}

export const anIntent = (id: string, more: Partial<Intent> = {}): Intent => ({
  id,
  to: 'machine',
  where: 'm1',
  what: 'batch',
  keys: ['web@m1', 'db@m1'],
  ...more,
});

export function journalContract(name: string, create: () => Promise<JournalPlace>): void {
  describe(`a journal: ${name}`, () => {
    it('keeps what a killed process had begun, as it was meant, oldest first', async () => {
      const place = await create();
      const first = place.open('1:a');
      const other = anIntent('2', { to: 'git', where: 'ssh://forge/fleet.git', what: 'machine.add', keys: [] });
      await first.begin(anIntent('1'), 10);
      await first.begin(other, 20);
      await first.begin(anIntent('3'), 30);
      await first.end('1', 40);
      const second = place.open('2:b');
      expect(await second.left()).toEqual([]);
      place.kill('1:a');
      expect(await second.left()).toEqual([
        { ...other, at: 20, process: '1:a' },
        { ...anIntent('3'), at: 30, process: '1:a' },
      ]);
      expect(await place.open('3:c').left()).toHaveLength(2);
    });

    it('leaves nothing of what came to its end, with or without success', async () => {
      const place = await create();
      const first = place.open('1:a');
      await first.begin(anIntent('1'), 10);
      await first.begin(anIntent('2'), 10);
      await first.end('2', 20, 'ssh-lost');
      await first.end('1', 20);
      place.kill('1:a');
      expect(await place.open('2:b').left()).toEqual([]);
    });

    it('closes what is settled, for everybody, and no more than that', async () => {
      const place = await create();
      const first = place.open('1:a');
      for (const id of ['1', '2', '3']) await first.begin(anIntent(id), Number(id));
      place.kill('1:a');
      const second = place.open('2:b');
      await second.settle(['1', '3']);
      expect((await place.open('3:c').left()).map(one => one.id)).toEqual(['2']);
      await second.settle(['2', 'of nobody']);
      expect(await second.left()).toEqual([]);
    });

    it('has an intent that is begun again say what it says last, and closes it once', async () => {
      const place = await create();
      const first = place.open('1:a');
      await first.begin(anIntent('1'), 10);
      await first.begin(anIntent('1', { keys: ['web@m1', 'db@m1', 'api@m1'], run: 'r' }), 20);
      await first.begin(anIntent('2'), 30);
      await first.begin(anIntent('2'), 40);
      await first.end('2', 50);
      place.kill('1:a');
      const left = { ...anIntent('1'), keys: ['web@m1', 'db@m1', 'api@m1'], run: 'r', at: 20, process: '1:a' };
      expect(await place.open('2:b').left()).toEqual([left]);
    });

    it('closes what is settled in several calls at once', async () => {
      const place = await create();
      const first = place.open('1:a');
      for (const id of ['1', '2', '3']) await first.begin(anIntent(id), Number(id));
      place.kill('1:a');
      const second = place.open('2:b');
      await Promise.all([second.settle(['1']), second.settle(['2']), second.settle(['3'])]);
      expect(await second.left()).toEqual([]);
    });

    it('leaves alone what belongs to processes that run, its own too', async () => {
      const place = await create();
      const [first, second] = [place.open('1:a'), place.open('2:b')];
      await first.begin(anIntent('1'), 1);
      await second.begin(anIntent('2'), 2);
      await second.settle(['1', '2']);
      expect([await first.left(), await second.left()]).toEqual([[], []]);
      place.kill('1:a');
      expect((await second.left()).map(one => one.id)).toEqual(['1']);
    });

    it('takes many at the same time', async () => {
      const place = await create();
      const first = place.open('1:a');
      const ids = Array.from({ length: 50 }, (_, index) => `i${index}`);
      await Promise.all(ids.map(id => first.begin(anIntent(id), 1)));
      await Promise.all(ids.slice(1).map(id => first.end(id, 2)));
      place.kill('1:a');
      expect((await place.open('2:b').left()).map(one => one.id)).toEqual(['i0']);
    });
  });
}
