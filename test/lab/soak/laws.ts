// What must hold whenever the soak's world has come to rest; each answers what it finds broken, in words.
import type { Host } from '../harness.js';
import type { Seen, Strangers } from './ground.js';
import { imageOf, napOf, slots, type Wanted, wantedOf, type Wants } from './services.js';

/** One host, before and after a round. */
export interface Spell {
  readonly host: Host;
  readonly crashed: boolean;
  readonly before: { readonly seen: Seen; readonly strangers: Strangers };
  readonly now: { readonly seen: Seen; readonly strangers: Strangers };
}

export interface Wishes {
  readonly before: Wants;
  readonly now: Wants;
  /** How often a service was disturbed on its machine. */
  readonly touched: ReadonlyMap<string, number>;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Everything of the newest commit runs exactly once, and nothing else of ours. */
function once({ host, now }: Spell, wishes: Wishes): readonly string[] {
  const here = slots.filter(one => one.host === host.index && wantedOf(wishes.now, one.name).present);
  const wanted = here.map(slot => ({ slot, wish: wantedOf(wishes.now, slot.name) }));
  const naps = wanted
    .filter(({ slot }) => slot.kind !== 'docker')
    .map(({ slot, wish }) => `${napOf(slot, wish)} v${wish.version}`);
  const containers = wanted
    .filter(({ slot }) => slot.kind === 'docker')
    .map(({ slot, wish }) => `${slot.name}-main-1 ${imageOf(wish)} v${wish.version}`);
  const told = (what: string, found: readonly string[], sought: readonly string[]) =>
    same(found, sought.toSorted()) ? [] : [`${what}: ${found.join(', ')} instead of ${sought.toSorted().join(', ')}`];
  return [...told('processes', now.seen.naps, naps), ...told('containers', now.seen.containers, containers)];
}

/** At most so many starts follow from one disturbance: what it made end by itself, and the repair. */
const startsPerTouch = 2;

/** No change was made twice: one start for each version that came, besides those that a disturbance asked for. */
function startedOnce({ host, before, now }: Spell, wishes: Wishes): readonly string[] {
  const starts = now.seen.starts.slice(before.seen.starts.length);
  return slots
    .filter(one => one.host === host.index && one.kind !== 'docker')
    .flatMap(({ name }) => {
      const was = wantedOf(wishes.before, name);
      const extra = startsPerTouch * (wishes.touched.get(name) ?? 0);
      const counts = new Map<number, number>();
      for (const start of starts) {
        const [service = '', version = ''] = start.split(' ');
        if (service === name) counts.set(Number(version.slice(1)), (counts.get(Number(version.slice(1))) ?? 0) + 1);
      }
      return [...counts]
        .filter(([version, count]) => count > extra + (version > was.version ? 1 : 0))
        .map(
          ([version, count]) => `${name} v${version} was started ${count} times (disturbed: ${extra / startsPerTouch})`,
        );
    });
}

/** Under a lock each, one writer to a fence, and fences only rise. */
function oneWriter({ now }: Spell): readonly string[] {
  const holders = new Map<number, string>();
  let highest = 0;
  const wrong = now.seen.writes.flatMap(write => {
    const match = /^(\d+)\.\S+ ([0-9a-f]+ \d+:\S+) /.exec(write);
    if (match === null) return [`written without a lock: ${write}`];
    const [fence, holder] = [Number(match[1]), match[2] ?? ''];
    const other = holders.get(fence);
    holders.set(fence, holder);
    if (fence < highest) return [`written under an older fence than ${highest}: ${write}`];
    highest = fence;
    return other === undefined || other === holder ? [] : [`two writers under one fence: ${other}; ${write}`];
  });
  return [...wrong, ...(now.seen.overlaps === '' ? [] : [`two writers at once: ${now.seen.overlaps}`])];
}

function untouched({ crashed, before, now }: Spell): readonly string[] {
  const files = same(before.strangers.files, now.strangers.files) ? [] : ['files of strangers changed'];
  const lives = crashed || same(before.strangers.lives, now.strangers.lives) ? [] : ['strangers were restarted'];
  return [...files, ...lives];
}

const cleared = ({ now }: Spell): readonly string[] => now.seen.leftovers.map(one => `left behind: ${one}`);

export function brokenOn(spell: Spell, wishes: Wishes): readonly string[] {
  const laws = [once, startedOnce, oneWriter, untouched, cleared];
  return laws.flatMap(law => law(spell, wishes)).map(trouble => `${spell.host.name}: ${trouble}`);
}

/** Services whose change of a round must stand in history. */
export function changedBy({ before, now }: Pick<Wishes, 'before' | 'now'>): readonly string[] {
  const differs = (was: Wanted, is: Wanted): boolean => (is.present ? was.version !== is.version : was.present);
  return slots.map(one => one.name).filter(name => differs(wantedOf(before, name), wantedOf(now, name)));
}
