// `portoser init`: writes a small commented registry.yml, and never over one that is there.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AppError } from '../../../schema/errors.js';
import { fileRefusal, onFile } from '../../../schema/file-refusal.js';
import { command } from '../command.js';
import { noWords } from '../one-word.js';
import { respond } from '../respond.js';

/** A name that the registry takes, from that of a folder. */
function clusterName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63)
    .replaceAll(/-+$/g, '');
  return name === '' ? 'default' : name;
}

export function firstRegistry(cluster: string): string {
  return `# What runs where. Portoser keeps the machines as this file says at the newest commit.
# \`portoser registry validate\` checks it, \`portoser plan\` shows what it would change.

# Name of this cluster: machines remember it, so keep it.
cluster: ${cluster}

# Machines are reached by SSH; nothing is installed there.
#   portoser machine add --name m1 --host 192.168.0.10 --user admin --platform linux
#   portoser machine trust m1
machines: {}

# Services and the machine that each of them runs on.
#   portoser service add --name web --type docker --path /opt/web --machine m1 --port 8080
services: {}
`;
}

function repositoryAbove(folder: string): boolean {
  return existsSync(join(folder, '.git')) || (dirname(folder) !== folder && repositoryAbove(dirname(folder)));
}

function nextSteps(path: string, inRepository: boolean): string {
  const name = basename(path);
  const git = inRepository
    ? `git add ${name} && git commit -m "Add a registry"`
    : `git init && git add ${name} && git commit -m "Add a registry"`;
  return [
    `Wrote ${path}.`,
    'Next:',
    `  ${git}`,
    '  portoser machine add --name m1 --host <address> --user <user> --platform linux',
    '  portoser machine trust m1',
    '  portoser service add --name web --type docker --path /opt/web --machine m1',
    '  portoser plan',
  ].join('\n');
}

export const init = command({
  usage: '[folder]',
  options: { cluster: { type: 'string', value: 'name', summary: "name of the cluster (default: the folder's)" } },
  run: async call => {
    const [folder = '.', ...more] = call.words;
    noWords({ words: more });
    const path = resolve(folder, call.settings.path.value ?? 'registry.yml');
    const cluster = call.values.cluster ?? clusterName(basename(dirname(path)));
    if (clusterName(cluster) !== cluster)
      throw new AppError('usage', `\`${cluster}\` is no name of a cluster`, {
        hint: 'Use small letters, digits and dashes.',
      });
    await onFile(path, 'written', () => mkdir(dirname(path), { recursive: true }));
    try {
      await writeFile(path, firstRegistry(cluster), { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileRefusal(path, 'written', error);
      throw new AppError('registry-edit', `${path} is there already, and is left as it is`, {
        cause: error,
        hint: 'Run `portoser registry validate` to check it.',
      });
    }
    return respond(call, { path, cluster }, () => nextSteps(path, repositoryAbove(dirname(path))));
  },
});
