// What an edit of the registry changed: the commit, and its lines.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Paint } from '../paint.js';

type Edited = OutputOf<'machine.add'>;

/** Where it went. */
export function whereText({ commit, pull }: Edited): string {
  if (pull !== undefined) return `Proposed as pull request ${pull.number}: ${pull.url}`;
  return commit === 'work-tree' ? 'Written.' : `Committed as ${commit.slice(0, 12)}.`;
}

export function editedText(edited: Edited, paint: Paint): string {
  if (edited.unchanged) return 'Nothing to change: the registry says so already.';
  const lines = edited.files.flatMap(file => [
    paint.strong(`${file.path}:${file.line}`),
    ...file.removed.map(line => paint.bad(`  - ${line}`)),
    ...file.added.map(line => paint.good(`  + ${line}`)),
  ]);
  return [...lines, whereText(edited)].join('\n');
}
