// The program as it is shipped: compiled by the set-up of the rooms that start it, from the sources of that moment.
import { fileURLToPath } from 'node:url';

export const project = fileURLToPath(new URL('../', import.meta.url));

/** For `node`. */
export const program = fileURLToPath(new URL('../dist/api/cli/main.js', import.meta.url));
