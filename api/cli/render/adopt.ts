// What can be taken over on a machine, what cannot and why, and what became of it.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Paint } from '../paint.js';
import { count } from './diagnostics.js';
import { editedText } from './edited.js';

type Adopting = OutputOf<'adopt'>;
type Thing = Adopting['things'][number];
type Taken = NonNullable<Adopting['done']>['taken'][number];

/** Names come from the machine, where anybody may have chosen them. */
// oxlint-disable-next-line no-control-regex -- a terminal would obey them
const plain = (text: string): string =>
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\uFFFD');

const nouns = { project: 'Compose project', unit: 'unit', container: 'container' } as const;
const called = (one: { readonly what: keyof typeof nouns; readonly name: string }): string =>
  `${nouns[one.what]} ${plain(one.name)}`;

function entryText({ entry }: Thing): string {
  if (entry === undefined) return 'stands in the registry already';
  const value = (one: unknown): string => (Array.isArray(one) ? `[${one.join(', ')}]` : String(one));
  return plain(
    Object.entries(entry)
      .map(([key, one]) => `${key}: ${value(one)}`)
      .join(', '),
  );
}

const thingText = (one: Thing, paint: Paint): string =>
  [
    `  ${paint.strong(one.service)} (${called(one)})`,
    paint.faint(`    ${entryText(one)}`),
    ...one.notes.map(note => paint.warn(`    ${plain(note)}`)),
  ].join('\n');

/** What is offered, and what is left out with its reason; what belongs to the system by its names alone. */
export function adoptableText({ machine, things, refused }: Adopting, paint: Paint): string {
  const left = refused.filter(one => one.system !== true);
  const system = refused.filter(one => one.system === true);
  return [
    things.length === 0
      ? `Nothing on ${machine} is to be taken over.`
      : `On ${machine} ${count(things.length, 'thing')} can be taken over as ${things.length === 1 ? 'it runs' : 'they run'}:`,
    ...things.map(one => thingText(one, paint)),
    ...(left.length === 0 ? [] : ['Left alone:']),
    ...left.map(one => `  ${called(one)}: ${plain(one.why)}`),
    ...(system.length === 0 ? [] : [paint.faint(`Of the system: ${system.map(one => plain(one.name)).join(', ')}`)]),
  ].join('\n');
}

function takenText({ key, error, changes }: Taken, paint: Paint): string {
  if (error !== undefined)
    return paint.bad(`${key} was not taken over: ${error.message}. It stands in the registry; run it again.`);
  if (changes !== undefined) return paint.warn(`${key} is taken over; the next pass changes it: ${plain(changes)}`);
  return `${key} is taken over as it runs.`;
}

export function adoptedText({ done }: Adopting, paint: Paint): string {
  if (done === undefined) return 'Nothing was changed.';
  const edited = done.edited === undefined ? [] : [editedText(done.edited, paint)];
  const later =
    done.edited?.pull === undefined ? [] : ['Once it is merged, run it again: what runs is then noted as ours.'];
  return [...edited, ...later, ...done.taken.map(one => takenText(one, paint))].join('\n');
}
