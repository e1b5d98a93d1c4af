// The soak can be repeated: its rounds come from seed and number alone.
import { expect, it } from 'vitest';
import { blockOf, draftRound, type Round } from './lab/soak/round.js';
import { slots, type Wanted, type Wants } from './lab/soak/services.js';

const begun: Wants = new Map(
  slots.map((slot): [string, Wanted] => [slot.name, { present: true, version: 1, command: 0, host: slot.host }]),
);

function drafted(seed: number, count: number): readonly Round[] {
  const rounds: Round[] = [];
  for (let number = 1; number <= count; number += 1)
    rounds.push(draftRound(seed, number, rounds.at(-1)?.wants ?? begun));
  return rounds;
}

const told = ({ acts, wants, touched, spoiled }: Round) => ({
  acts: acts.map(({ what, pauseMs }) => ({ what, pauseMs })),
  wants: [...wants],
  touched: [...touched],
  spoiled: [...spoiled],
});

it('throws the same for the same seed, and something else for another', () => {
  expect(drafted(7, 60).map(told)).toEqual(drafted(7, 60).map(told));
  expect(drafted(7, 60).map(told)).not.toEqual(drafted(8, 60).map(told));
});

it('changes nothing of the round before', () => {
  const [first, second] = drafted(7, 2);
  expect(first?.wants).toEqual(second?.before);
});

it('leaves the controller alone in every second block, each pair twice as long', () => {
  const calm = Array.from({ length: 500 }, (_, index) => blockOf(index + 1).calm);
  for (const share of [24, 72, 168, 500].map(count => calm.slice(0, count).filter(Boolean).length / count))
    expect(share).toBeGreaterThan(0.3);
  expect([8, 9, 16, 17, 32, 33, 48, 49].map(number => blockOf(number))).toEqual([
    { calm: false, first: 1 },
    { calm: true, first: 9 },
    { calm: true, first: 9 },
    { calm: false, first: 17 },
    { calm: false, first: 17 },
    { calm: true, first: 33 },
    { calm: true, first: 33 },
    { calm: false, first: 49 },
  ]);
  const acts = drafted(7, 500).map(round => round.acts.map(one => one.what).join());
  const ofController = acts.map(text => /kill the controller|rival/.test(text));
  expect(calm.filter((one, index) => one && ofController[index])).toEqual([]);
  expect(ofController.filter(Boolean).length).toBeGreaterThan(50);
});

it('comes to every disturbance, also to what is done to ill revisions', () => {
  const words = new Set(drafted(7, 500).flatMap(round => round.acts.map(one => one.what.replace(/ \S*\d.*$/, ''))));
  expect([...words].toSorted()).toEqual([
    'add',
    'command',
    'configure',
    'crash',
    'cut',
    'disable',
    'edit',
    'kill',
    'kill the controller',
    'kill the controller at crash point',
    'move',
    'remove',
    'spoil (at-once)',
    'spoil (later)',
    'start a rival',
    'stop',
    'suspend',
  ]);
});
