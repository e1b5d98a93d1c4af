// The lock on a file of the state folder where the disk does not take what is written into it.
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { takeLock } from '../../reconciler/adapters/state-lock.js';

/** Takes an open and a lock, and nothing that is written: as a file on a full disk. */
const full = '/dev/full';

it.skipIf(!existsSync(full))(
  'a lock whose holder cannot be noted is let go, and not only when somebody collects it',
  async () => {
    const refused = await takeLock(full).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Error);
    await expect(takeLock(full)).rejects.toThrow((refused as Error).message);
  },
);
