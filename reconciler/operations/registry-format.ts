// The registry's files in one even style; who asks decides whether they are written.
import { AppError } from '../../schema/errors.js';
import { tidy } from '../core/tidy.js';
import { registryTexts } from '../loop/registry-texts.js';
import type { Operation } from './operation.js';
import { object } from './parts/shape.js';

export interface Formatted {
  /** Where the files lie; absent without a work tree. */
  readonly folder?: string;
  readonly files: readonly { readonly path: string; readonly text: string; readonly changed: boolean }[];
}

const input = object({});

export const registryFormat: Operation<typeof input, Formatted> = {
  name: 'registry.format',
  summary: 'The registry in one even style',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }) => {
    const { workTree, git, path: main } = ports.source;
    const files = workTree === undefined ? await git?.files(await git.fetch()) : await workTree.files();
    if (files === undefined) throw new AppError('registry-missing', 'there is no registry here');
    const { texts } = await registryTexts(files, main);
    const tidied = [...texts].map(([path, before]) => {
      const text = tidy(before);
      if (text !== undefined) return { path, text, changed: text !== before };
      throw new AppError('registry-invalid', `${path} cannot be formatted without changing what it says`, {
        hint: 'Run `portoser registry validate` first: it may not be valid YAML.',
      });
    });
    return { ...(workTree === undefined ? {} : { folder: workTree.folder }), files: tidied };
  },
};
