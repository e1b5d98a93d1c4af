// Takes over what already runs on a machine: writes it to the registry as it is, and notes it there as ours. Nothing restarts.
import { AppError } from '../../schema/errors.js';
import { optional } from '../core/optional.js';
import { takeOver, type TakenOver } from '../loop/adopt.js';
import { type Adoptable, type Surveyed, surveyMachine } from '../loop/adopt-survey.js';
import { type Edited, editRegistry } from '../loop/edit.js';
import { sync, type Synced } from '../loop/sync.js';
import type { Context, Operation } from './operation.js';
import { addEntry } from './parts/edits.js';
import { nearest, needMachine, needRegistry } from './parts/names.js';
import { object, text, texts } from './parts/shape.js';

const input = object(
  {
    machine: text('Name of the machine'),
    only: texts('Only these: names of Compose projects, units, or of the services that they become'),
    accept: texts('Services of what was shown that a person wants taken over. Without it, nothing is done'),
  },
  ['machine'],
);

export interface Adopting extends Surveyed {
  readonly machine: string;
  /** Absent: nothing was done yet. */
  readonly done?: {
    /** Absent: all of them stood in the registry already. */
    readonly edited?: Edited;
    readonly taken: readonly TakenOver[];
  };
}

const namesOf = (one: { readonly name: string; readonly service?: string }): readonly string[] => [
  one.name,
  one.name.replace(/\.service$/, ''),
  ...(one.service === undefined ? [] : [one.service]),
];

/** `only`: absent for all. Throws `unknown-name` for one that was not found there. */
function chosen({ things, refused }: Surveyed, only: readonly string[] | undefined, machine: string): Surveyed {
  if (only === undefined) return { things, refused };
  const known = [...things, ...refused].flatMap(namesOf);
  const lost = only.find(name => !known.includes(name));
  if (lost !== undefined) {
    const message = `nothing called \`${lost}\` was found on ${machine} that is not ours`;
    throw new AppError('unknown-name', message, optional('hint', nearest(lost, known)));
  }
  const wanted = (one: { readonly name: string; readonly service?: string }) =>
    namesOf(one).some(name => only.includes(name));
  return { things: things.filter(wanted), refused: refused.filter(wanted) };
}

/** Just what was shown: what changed meanwhile is looked at again first. */
function accepted({ things }: Surveyed, accept: readonly string[], machine: string): readonly Adoptable[] {
  const lost = accept.find(service => !things.some(one => one.service === service));
  if (lost === undefined) return things.filter(one => accept.includes(one.service));
  throw new AppError('stale-plan', `${lost} on ${machine} is not as it was shown`, { hint: 'Run it again.' });
}

async function writeEntries(
  { ports }: Context,
  things: readonly Adoptable[],
  machine: string,
): Promise<Edited | undefined> {
  const entries = things.flatMap(({ service, entry }) => (entry === undefined ? [] : [{ service, entry }]));
  if (entries.length === 0) return undefined;
  const names = entries.map(one => one.service).join(', ');
  return await editRegistry(ports, {
    kind: 'adopt',
    subject: `Adopt ${names.length > 60 ? `${entries.length} services` : names} on ${machine}`,
    change: registry =>
      entries.reduce<ReadonlyMap<string, string>>((edited, { service, entry }) => {
        const now = { ...registry, texts: new Map([...registry.texts, ...edited]) };
        return new Map([...edited, ...addEntry(now, 'services', service, entry)]);
      }, new Map()),
  });
}

const inForce = async ({ ports }: Context): Promise<Synced> =>
  await sync(ports, { from: ports.source.git === undefined ? 'files' : 'commit' });

export const adopt: Operation<typeof input, Adopting> = {
  name: 'adopt',
  summary: 'Take over what already runs on a machine',
  effect: 'changes',
  changed: ({ done }) => done !== undefined,
  role: 'admin',
  input,
  run: async (context, { machine: name, only, accept }) => {
    if (only?.length === 0)
      throw new AppError('usage', 'it is not said what alone is to be taken over', {
        hint: 'Name it, or leave `only` out.',
      });
    const { ports, lists } = context;
    const synced = await inForce(context);
    const machine = needMachine(needRegistry(synced), name);
    const surveyed = chosen(await surveyMachine({ ports, lists, synced, machine }), only, name);
    if (accept === undefined) return { machine: name, ...surveyed };
    const things = accepted(surveyed, accept, name);
    const edited = await writeEntries(context, things, name);
    // They are strangers until the registry names them: to be done again after the merge, which only notes them as ours.
    if (edited?.pull !== undefined) return { machine: name, ...surveyed, done: { edited, taken: [] } };
    const taken = await takeOver(
      { ports, lists, synced: await inForce(context), machine },
      things.map(one => one.service),
    );
    return { machine: name, ...surveyed, done: { ...(edited === undefined ? {} : { edited }), taken } };
  },
};
