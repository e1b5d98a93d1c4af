// What a pass did is told and kept in history also when its own notes cannot be written.
import { type AppError, asAppError } from '../../schema/errors.js';

/** Why the notes could not be written: then the next pass writes them. Throws everything else. */
export async function unnoted(write: () => Promise<void>): Promise<AppError | undefined> {
  try {
    await write();
    return undefined;
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code !== 'state-dir-unusable' && error.code !== 'state-note-busy') throw thrown;
    return error;
  }
}
