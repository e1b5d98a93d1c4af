// What forgetting a machine means, before and after it is done.
import type { OutputOf } from '../../../reconciler/engine.js';
import { count } from './diagnostics.js';
import { table } from './table.js';

type Forgetting = OutputOf<'machine.forget'>;
type Left = Forgetting['services'][number];

function keptBy({ unit, project, pids }: Left): string {
  if (project !== undefined) return `Compose project ${project}`;
  if (unit !== undefined) return `unit ${unit}`;
  return pids.length === 0 ? 'a process of its own' : `process ${pids.join(', ')}; nothing restarts it`;
}

const rowOf = (one: Left): readonly string[] => [one.service, one.run, one.path, keptBy(one)];

/** What goes and what stays there. */
export function forgettingText(one: Forgetting): string {
  const who = `${one.machine} (${one.user}@${one.host})`;
  if (one.does === 'drop')
    return `${who} is only dropped from our list, and nothing is touched there: ${one.why ?? ''}.\nWhat runs there runs on, and what is ours there stays.`;
  const unreadable = one.unreadableStamps ?? 0;
  const more =
    unreadable === 0 ? '' : `\n${count(unreadable, 'stamp')} there cannot be read: what is there besides is not known.`;
  const head = `On ${who} our state folder goes: ${one.folder ?? ''} (stamps, lock, steps, identity).${more}`;
  if (one.services.length === 0) return `${head}\nNo service of ours is noted there.`;
  return [
    head,
    `${count(one.services.length, 'service')} ${one.services.length === 1 ? 'stays' : 'stay'} as they are, with their folders, units, containers and data; nobody of ours looks after them any more:`,
    table(one.services.map(rowOf), ['SERVICE', 'NOW', 'PATH', 'FOUND AS']),
  ].join('\n');
}

export function forgottenText(one: Forgetting): string {
  const { machine, folder = '', done } = one;
  switch (done) {
    case undefined:
      return 'Nothing was changed.';
    case 'removed':
      return `${machine} is forgotten: ${folder} is gone there.`;
    case 'emptied':
      return `${machine} is forgotten: ${folder} is empty there. The folder itself is root's: \`rmdir ${folder}\` takes it away.`;
    case 'nothing':
      return `${machine} is forgotten: it is dropped from our list. Nothing was removed there.`;
    default:
      return done satisfies never;
  }
}
