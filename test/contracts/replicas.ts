// What replicas of one fleet have in common, in one process or over a Redis: shelves that all see, and what others tell.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Replicas } from '../../reconciler/ports.js';
import type { Told } from '../../schema/live.js';
import { until } from '../scenarios/until.js';

export interface ReplicasPlace {
  /** Another one of the same fleet. */
  open(): Promise<Replicas>;
  /** Time goes on for what is kept. */
  pass(ms: number): void;
}

export const eventTold = (id: string): Told => ({ kind: 'event', event: { id, at: 1, kind: 'health', text: id } });

/** Until what one tells reaches the other: nobody promises how soon somebody is heard of. */
export async function acquainted(one: Replicas, other: Replicas): Promise<void> {
  let met = false;
  const leave = other.follow(told => (met ||= told.kind === 'event' && told.event.id === 'hello'));
  await until('they have met', () => {
    one.tell(eventTold('hello'));
    return met;
  });
  leave();
}

/** What it is told from now on, without what is left of getting acquainted. */
export function hearing(by: Replicas): readonly Told[] {
  const heard: Told[] = [];
  by.follow(told => {
    if (told.kind !== 'event' || told.event.id !== 'hello') heard.push(told);
  });
  return heard;
}

export function replicasContract(name: string, create: () => Promise<ReplicasPlace>): void {
  describe(`replicas: ${name}`, () => {
    let place: ReplicasPlace;
    let one: Replicas;
    let other: Replicas;
    const extra: Replicas[] = [];

    beforeEach(async () => {
      place = await create();
      [one, other] = [await place.open(), await place.open()];
    });
    afterEach(async () => {
      await Promise.all([one, other, ...extra.splice(0)].map(each => each.close()));
    });

    const onShelf = async (from: Replicas, shelf: string) => Object.fromEntries(await from.all(shelf));

    it('see what any of them put on a shelf, the newest by key', async () => {
      one.put('newest', 'm1', { cpu: 1 }, 60_000);
      other.put('newest', 'm2', { cpu: 2 }, 60_000);
      await until('both are there', async () => (await one.all('newest')).size === 2);
      place.pass(1);
      one.put('newest', 'm1', { cpu: 3 }, 60_000);
      await until('the newer one is there', async () => {
        const found = await onShelf(other, 'newest');
        return JSON.stringify(found['m1']) === '{"cpu":3}';
      });
      expect(await onShelf(one, 'newest')).toEqual({ m1: { cpu: 3 }, m2: { cpu: 2 } });
      expect(await onShelf(one, 'elsewhere')).toEqual({});
    });

    it('see what one of them put there itself at once', async () => {
      one.put('newest', 'm1', 1, 60_000);
      expect(await onShelf(one, 'newest')).toEqual({ m1: 1 });
    });

    it('see nothing that was to be kept for less long', async () => {
      one.put('newest', 'short', 1, 1_000);
      one.put('newest', 'long', 2, 60_000);
      await until('both are there', async () => (await other.all('newest')).size === 2);
      place.pass(1_000);
      expect(await onShelf(one, 'newest')).toEqual({ long: 2 });
      expect(await onShelf(other, 'newest')).toEqual({ long: 2 });
    });

    it('hear what others tell in order, and never themselves', async () => {
      await acquainted(one, other);
      await acquainted(other, one);
      const [byOne, byOther] = [hearing(one), hearing(other)];
      const all = Array.from({ length: 50 }, (_, n) => eventTold(`${n}`));
      all.forEach(told => one.tell(told));
      await until('all is heard', () => byOther.length >= all.length);
      other.tell(eventTold('back'));
      await until('the answer is heard', () => byOne.length > 0);
      expect([byOne, byOther]).toEqual([[eventTold('back')], all]);
    });

    it('are not told what is a record, or the note of one of them', async () => {
      await acquainted(one, other);
      const heard = hearing(other);
      one.tell({ kind: 'controller', status: { pid: 1, since: 1, git: { result: 'ok' } } });
      one.tell(eventTold('after'));
      await until('it is heard', () => heard.length > 0);
      expect(heard).toEqual([eventTold('after')]);
    });

    it('know whether anybody follows', async () => {
      await acquainted(one, other);
      const leave = other.follow(() => undefined);
      expect(one.followed()).toBe(true);
      leave();
      await other.close();
      await until('nobody is left', () => {
        one.tell(eventTold('anybody?'));
        return !one.followed();
      });
    });

    it('are unmoved by who comes and goes', async () => {
      const third = await place.open();
      extra.push(third);
      await acquainted(one, third);
      await third.close();
      await acquainted(one, other);
      third.tell(eventTold('from the dead'));
      third.put('newest', 'm9', 1, 1_000);
      expect(await onShelf(one, 'newest')).toEqual({});
    });
  });
}
