// The package isomorphic-git. It is CommonJS: as an import, its half megabyte would be searched for names to export, 60 ms at each start.
import { createRequire } from 'node:module';
import type * as isomorphicGit from 'isomorphic-git';

const git = createRequire(import.meta.url)('isomorphic-git') as typeof isomorphicGit;

export const { Errors, add, addRemote, fetch, getConfig, init, listServerRefs, push, readObject, remove } = git;
