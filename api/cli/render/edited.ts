// What an edit of the registry changed: the commit, and its lines.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Paint } from '../paint.js';

type Edited = OutputOf<'machine.add'>;

export function editedText(edited: Edited, paint: Paint): string {
  if (edited.unchanged) return 'Nothing to change: the registry says so already.';
  const lines = edited.files.flatMap(file => [
    paint.strong(`${file.path}:${file.line}`),
    ...file.removed.map(line => paint.bad(`  - ${line}`)),
    ...file.added.map(line => paint.good(`  + ${line}`)),
  ]);
  const where = edited.commit === 'work-tree' ? 'Written.' : `Committed as ${edited.commit.slice(0, 12)}.`;
  return [...lines, where].join('\n');
}
