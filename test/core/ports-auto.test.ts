// `port: auto`: the same answer for the same registry, and no port that anybody claims.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignPorts, type PortWish } from '../../reconciler/core/ports-auto.js';

const machine = (name: string, low = 20_000, high = 29_999) => ({ name, range: { low, high } });
const wish = (service: string, ...machines: ReturnType<typeof machine>[]): PortWish => ({
  service,
  count: 1,
  machines,
});

describe('assignPorts', () => {
  it('depends on the name, not on the order or on what others are called', () => {
    const alone = assignPorts([wish('web', machine('a'))], new Map()).get('web');
    const among = assignPorts(
      [wish('zoo', machine('a')), wish('web', machine('a')), wish('api', machine('b'))],
      new Map(),
    ).get('web');
    expect(among).toEqual(alone);
  });

  it('is known: a change of the rule would move every service', () => {
    expect([...assignPorts([wish('web', machine('a')), wish('api', machine('a'))], new Map())]).toEqual([
      ['api', [29_454]],
      ['web', [24_102]],
    ]);
  });

  it('has none where ranges do not meet or are full', () => {
    expect(assignPorts([wish('web', machine('a', 1, 5), machine('b', 6, 9))], new Map()).size).toBe(0);
    expect(assignPorts([wish('web', machine('a', 7, 7))], new Map([['a', new Set([7])]])).size).toBe(0);
    expect(assignPorts([{ ...wish('web', machine('a', 7, 8)), count: 3 }], new Map()).size).toBe(0);
    expect(assignPorts([wish('web')], new Map()).size).toBe(0);
  });

  it('gives every service ports of its own, free on all its machines, in their common range', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 });
    const wishes = fc.uniqueArray(
      fc.record({ service: fc.string({ minLength: 1, maxLength: 3 }), count: fc.integer({ min: 1, max: 3 }), names }),
      { selector: one => one.service, maxLength: 8 },
    );
    const claims = fc.uniqueArray(fc.integer({ min: 100, max: 130 }), { maxLength: 5 });
    const holds = fc.property(wishes, claims, (some, claimed) => {
      const asked = some.map(({ service, count, names: on }) => ({
        service,
        count,
        machines: on.map(name => machine(name, 100, 130)),
      }));
      const taken = new Map(['a', 'b', 'c'].map(name => [name, new Set(claimed)]));
      const given = assignPorts(asked, taken);
      for (const name of ['a', 'b', 'c']) {
        const ports = asked
          .filter(({ machines }) => machines.some(one => one.name === name))
          .flatMap(({ service }) => given.get(service) ?? []);
        expect(new Set(ports).size).toBe(ports.length);
        for (const port of ports) expect(port >= 100 && port <= 130 && !claimed.includes(port)).toBe(true);
      }
      expect(assignPorts(asked.toReversed(), taken)).toEqual(given);
    });
    expect(fc.defaultReportMessage(fc.check(holds))).toBeUndefined();
  });
});
