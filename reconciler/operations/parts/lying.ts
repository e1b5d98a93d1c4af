// What commands that look go by: the files as they lie there; people are told when these are not what is committed.
import { sync, type Synced } from '../../loop/sync.js';
import type { Context } from '../operation.js';

export async function lying({ ports, emit }: Pick<Context, 'ports' | 'emit'>): Promise<Synced> {
  const synced = await sync(ports, { from: 'files' });
  if (synced.differs)
    emit({ kind: 'note', text: `${ports.source.path} as it lies here differs from the newest commit` });
  return synced;
}
