// What must hold whenever the soak's world has come to rest; each answers what it finds broken, in words.
import type { Deployment } from '../../../schema/history.js';
import type { Seen, Standing, Strangers } from './ground.js';
import type { Round } from './round.js';
import { type HostIndex, imageOf, keyOf, napOf, servingOf, slotOf, slots, type Wanted, wantedOf } from './services.js';

export interface Sight {
  readonly seen: Seen;
  readonly strangers: Strangers;
}

/** One host, before and after a round. */
export interface Spell {
  readonly host: HostIndex;
  readonly before: Sight;
  readonly now: Sight;
}

export type Wishes = Pick<Round, 'before' | 'wants' | 'touched' | 'spoiled' | 'moved' | 'crashed'>;

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What of the newest commit is well, and else what was before it, runs exactly once, and nothing else of ours. */
function once({ host, now }: Spell, { wants }: Wishes): readonly string[] {
  const wanted = slots.flatMap(slot => {
    const serving = servingOf(wantedOf(wants, slot.name));
    return serving?.host === host ? [{ slot, serving }] : [];
  });
  const naps = wanted
    .filter(({ slot }) => slot.kind !== 'docker')
    .map(({ slot, serving }) => `${napOf(slot, serving)} v${serving.version}`);
  const containers = wanted
    .filter(({ slot }) => slot.kind === 'docker')
    .map(({ slot, serving }) => `${slot.name}-main-1 ${imageOf(serving)} v${serving.version}`);
  const told = (what: string, found: readonly string[], sought: readonly string[]) =>
    same(found, sought.toSorted()) ? [] : [`${what}: ${found.join(', ')} instead of ${sought.toSorted().join(', ')}`];
  // What is gone back to is named by its id; which version it is, its environment tells.
  const back = wanted.find(({ slot }) => slot.kind === 'docker' && wantedOf(wants, slot.name).instead !== undefined);
  const seen = now.seen.containers.map(one =>
    back === undefined ? one : one.replace(/ sha256:\S+ /, ` ${imageOf(back.serving)} `),
  );
  return [...told('processes', now.seen.naps, naps), ...told('containers', seen, containers)];
}

/** At most so many starts follow from one disturbance: what it made end by itself, and the repair. */
const startsPerTouch = 2;

function mostStarts(name: string, version: number, { before, wants, touched, spoiled }: Wishes): number {
  const [was, is] = [wantedOf(before, name), wantedOf(wants, name)];
  // It is held since an earlier round, whatever is done to what serves in its place.
  if (is.ill !== undefined && version === is.version && version === was.version) return 0;
  const served = [servingOf(is), servingOf(was)].some(one => one?.version === version);
  const back = served ? (spoiled.get(name) ?? 0) : 0;
  return startsPerTouch * (touched.get(name) ?? 0) + back + (version > was.version ? 1 : 0);
}

/**
 * No change was made twice: one start for each version that came and for each time that one is gone back to, besides
 * those that a disturbance asked for; and what is held is not tried again.
 */
function startedOnce({ before, now }: Spell, wishes: Wishes): readonly string[] {
  const counts = new Map<string, number>();
  for (const start of now.seen.starts.slice(before.seen.starts.length)) {
    const [service, version] = start.split(' ');
    const name = `${service} ${version}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].flatMap(([start, count]) => {
    const [name = '', version = ''] = start.split(' ');
    const most = mostStarts(name, Number(version.slice(1)), wishes);
    return count > most ? [`${start} was started ${count} times, not ${most}`] : [];
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

function untouched({ host, before, now }: Spell, { crashed }: Wishes): readonly string[] {
  const files = same(before.strangers.files, now.strangers.files) ? [] : ['files of strangers changed'];
  const lives =
    crashed.has(host) || same(before.strangers.lives, now.strangers.lives) ? [] : ['strangers were restarted'];
  return [...files, ...lives];
}

const cleared = ({ now }: Spell): readonly string[] => now.seen.leftovers.map(one => `left behind: ${one}`);

export function brokenOn(spell: Spell, wishes: Wishes): readonly string[] {
  const laws = [once, startedOnce, oneWriter, untouched, cleared];
  return laws.flatMap(law => law(spell, wishes)).map(trouble => `h${spell.host}: ${trouble}`);
}

const lastOf = (lines: readonly string[], line: RegExp): number | undefined => {
  const match = lines.map(one => line.exec(one)).findLast(one => one !== null);
  return match == null ? undefined : Number(match[1]);
};

/** Of what moved once and was let alone besides: where it goes it was started before it was stopped where it was. Only systemctl(1) notes who stops. */
export function brokenMoves(spells: readonly Spell[], wishes: Wishes): readonly string[] {
  return [...wishes.moved].flatMap(([name, times]) => {
    const [was, is] = [servingOf(wantedOf(wishes.before, name)), servingOf(wantedOf(wishes.wants, name))];
    if (was === undefined || is === undefined || was.host === is.host || times > 1) return [];
    if (slotOf(name).kind !== 'native' || wishes.touched.has(name)) return [];
    const of = (host: HostIndex): Seen | undefined => spells.find(one => one.host === host)?.now.seen;
    const started = (of(is.host)?.starts ?? []).find(
      one => one.startsWith(`${name} v`) && Number(one.split(' ')[1]?.slice(1)) > was.version,
    );
    const startedAt = Number(started?.split(' ')[2] ?? Number.NaN);
    const stoppedAt = lastOf(of(was.host)?.writes ?? [], new RegExp(`(?:stop|disable) .*\\b${name}\\b.* @(\\S+)$`));
    return stoppedAt !== undefined && startedAt <= stoppedAt
      ? []
      : [`${name} moved, and was stopped at ${stoppedAt} before it was started at ${startedAt}`];
  });
}

/** While it is suspended it stays as its person left it, whatever git says; `crashed`: its host came back meanwhile. */
export function handled(name: string, was: Standing, is: Standing, crashed: boolean): readonly string[] {
  const files = was.files === is.files ? [] : [`files of ${name} changed while it was suspended: ${is.files}`];
  const lives = crashed || was.lives === is.lives ? [] : [`${name} was touched while it was suspended: ${is.lives}`];
  return [...files, ...lives];
}

const differs = (was: Wanted, is: Wanted): boolean => (is.present ? was.version !== is.version : was.present);

/** History says that it failed, and that the one before was gone back to: by that change, or by a later one. */
function failedAndBack(own: readonly Deployment[]): boolean {
  return own.some(
    one =>
      one.result === 'failed' &&
      (one.undone?.result === 'back' ||
        own.some(
          later =>
            later.result === 'applied' && later.startedAt >= one.startedAt && later.fingerprint !== one.fingerprint,
        )),
  );
}

const shown = (all: readonly Deployment[]): string =>
  all.map(one => `${one.kind} ${one.result} ${one.error?.code ?? one.why ?? one.because}`).join('; ') || 'nothing';

/** It was stopped where it was, or where a move had brought it: a newer commit overtakes a move that was not begun. */
const removed = (own: readonly Deployment[]): boolean =>
  own.some(one => one.result === 'applied' && (one.kind === 'stop' || one.kind === 'remove'));

/** What history does not tell of a round, since whose begin (milliseconds since 1970) those deployments are. */
export function untold(deployments: readonly Deployment[], { before, wants }: Pick<Wishes, 'before' | 'wants'>) {
  return slots.flatMap(slot => {
    const [was, is] = [wantedOf(before, slot.name), wantedOf(wants, slot.name)];
    if (!differs(was, is)) return [];
    const ownAt = (key: string) => deployments.filter(one => one.key === key);
    const key = keyOf(slot, is.host);
    const own = ownAt(key);
    if (!is.present) {
      const anywhere = [...new Set([key, keyOf(slot, was.host)])].flatMap(ownAt);
      return removed(anywhere) ? [] : [`history does not say that ${slot.name} was removed: ${shown(anywhere)}`];
    }
    if (is.ill !== undefined)
      return failedAndBack(own) ? [] : [`history does not say that ${key} failed and was taken back: ${shown(own)}`];
    return own.some(one => one.result === 'applied') ? [] : [`history does not say that ${key} changed: ${shown(own)}`];
  });
}
