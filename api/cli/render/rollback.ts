// What a rollback brings back and what it does not, before and after it is done.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Paint } from '../paint.js';
import { whereText } from './edited.js';
import { timeText } from './history.js';
import { passText } from './pass.js';

type Rollback = OutputOf<'history.rollback'>;

const short = (id: string | undefined): string => id?.slice(0, 12) ?? '';

function lineOf({ path, change }: Rollback['sources'][number], paint: Paint): string {
  switch (change) {
    case 'added':
      return paint.good(`  + ${path}`);
    case 'removed':
      return paint.bad(`  - ${path}`);
    case 'changed':
      return `  ~ ${path}`;
    default:
      return change satisfies never;
  }
}

export function rollbackText(one: Rollback, paint: Paint): string {
  const { to, files, sources } = one;
  return [
    ...one.instead.map(why => paint.warn(`Deployment ${why}.`)),
    `${paint.strong(to.service)} returns to deployment ${short(to.id)} of ${timeText(to.startedAt)} (${to.key}, commit ${short(to.commit)}):`,
    ...files.flatMap(file => [
      `  ${file.path}:${file.line}`,
      ...file.removed.map(line => paint.bad(`  - ${line}`)),
      ...file.added.map(line => paint.good(`  + ${line}`)),
    ]),
    ...sources.map(source => lineOf(source, paint)),
    ...one.alsoChanges.map(name => paint.warn(`${name} takes files from the same folder, and changes with it.`)),
    'Not brought back:',
    ...one.notRestored.map(line => `  ${line}`),
  ].join('\n');
}

export function rolledBackText(one: Rollback, paint: Paint): string {
  const { edited, report, controller } = one;
  const where = edited === undefined ? '' : whereText(edited);
  const bringing =
    controller === undefined
      ? ''
      : `The controller that runs here (process ${controller}) brings it: see \`portoser status\`.`;
  const next =
    edited?.pull === undefined ? bringing : 'Nothing is changed before it is merged: then the next pass brings it.';
  return [where, report === undefined ? next : passText(report, paint)].filter(Boolean).join('\n');
}
