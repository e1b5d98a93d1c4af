// The forges whose webhooks are understood. Gitea and Forgejo also send the headers of those that they follow, so they come first.
import { bitbucket } from './bitbucket.js';
import { type ForgeHook, header, type Headers } from './forge.js';
import { forgejo } from './forgejo.js';
import { generic } from './generic.js';
import { gitea } from './gitea.js';
import { github } from './github.js';
import { gitlab } from './gitlab.js';

export const forgeHooks: readonly ForgeHook[] = [forgejo, gitea, github, gitlab, bitbucket, generic];

export const forgeOf = (headers: Headers): ForgeHook =>
  forgeHooks.find(({ event }) => event !== undefined && header(headers, event) !== undefined) ?? generic;
