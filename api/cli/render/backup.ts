// What a backup holds, and what it does not.
import type { BackedUp } from '../../../reconciler/main.js';
import { timeText } from './history.js';

export function backedUpText(one: BackedUp, done: 'saved' | 'restored'): string {
  const rows = Object.entries(one.tables ?? {}).filter(([, count]) => count > 0);
  const history = rows.length === 0 ? 'none' : rows.map(([table, count]) => `${count} ${table}`).join(', ');
  const how = one.encrypted ? 'encrypted' : 'not encrypted';
  const audit = rows.length === 0 ? 'the audit log' : 'the files of the audit log (history has a copy)';
  const head =
    done === 'saved' ? `Saved to ${one.file} (${how}).` : `Restored from ${one.file}, of ${timeText(one.at)}.`;
  return [
    head,
    `  history: ${history}`,
    `  state:   ${one.files} files (ids, keys, notes)`,
    `  settings: ${one.settings ? 'config.yml' : 'none'}`,
    `Not in it: data of Vault, SSH keys and settings of the environment, API tokens, approvals of plans, ${audit}, and what git and the machines hold themselves.`,
  ].join('\n');
}
