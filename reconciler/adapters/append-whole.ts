// Appends to a file all of a text or nothing.
import type { FileHandle } from 'node:fs/promises';

/** `bytes`: what is there of the file. Nothing stays of lines that found no room; synced when it resolves. */
export async function appendWhole(file: FileHandle, text: string, bytes: number): Promise<void> {
  try {
    await file.appendFile(text);
    await file.datasync();
  } catch (error) {
    await file.truncate(bytes);
    throw error;
  }
}
