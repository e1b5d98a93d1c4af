// The examples are registries that can be applied as they are: no mistake, no warning, nothing that is held back, every file there.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { includePatterns, matchIncludes } from '../../reconciler/core/includes.js';
import { parse } from '../../reconciler/core/parse.js';
import { readYaml } from '../../reconciler/core/yaml-text.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { editorSchema } from '../../schema/editor-schema.js';
import { registrySchema } from '../../schema/registry.js';

const root = fileURLToPath(new URL('../../examples', import.meta.url));
const examples = [
  'gpu-cpu-split',
  'mac-mini-lab',
  'mixed-architectures',
  'raspberry-pi-cluster',
  'solo-laptop',
  'vps-home-hybrid',
];

const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(editorSchema(registrySchema));

async function readExample(name: string) {
  const folder = join(root, name);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const read = async (path: string): Promise<readonly [string, string]> => [
    path,
    await readFile(join(folder, path), 'utf8'),
  ];
  const [, main] = await read('registry.yml');
  const files = new Map([
    ['registry.yml', main],
    ...(await Promise.all(matchIncludes(includePatterns(main), paths).map(read))),
  ]);
  const composeFiles = new Map(
    await Promise.all(paths.filter(path => /(^|\/)(docker-)?compose\.ya?ml$/.test(path)).map(read)),
  );
  return {
    folder,
    paths,
    files,
    composeFiles,
    result: parse({ main: 'registry.yml', files, paths, composeFiles, ownPorts: [8750] }),
  };
}

describe.each(examples)('%s', name => {
  it('is a registry without a mistake or a warning', async () => {
    const { result } = await readExample(name);
    expect(result.diagnostics).toEqual([]);
    expect(result.registry?.placements.length).toBeGreaterThan(1);
  });

  it('asks for nothing that is held back', async () => {
    const { result } = await readExample(name);
    expect(
      result.registry?.placements.flatMap(({ key, unsupported }) => unsupported.map(one => `${key}: ${one}`)),
    ).toEqual([]);
  });

  it('brings the files that it names', async () => {
    const { paths, composeFiles, result } = await readExample(name);
    const named = (result.registry?.placements ?? []).flatMap(({ type, source, command }) => {
      const script = command?.find(word => /\.(py|sh)$/.test(word));
      const file = type === 'docker' ? 'compose.yaml' : script;
      return source === undefined || file === undefined ? [] : [normalize(`${source}/${file}`)];
    });
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter(path => !paths.includes(path))).toEqual([]);
    for (const [path, text] of composeFiles) expect(readYaml(path, text).diagnostics).toEqual([]);
  });

  it('is what editors take for right', async () => {
    const { files } = await readExample(name);
    for (const [path, text] of files) {
      validate(readYaml(path, text).value);
      expect(validate.errors).toBeNull();
    }
  });

  it('says in a README what it shows', () => {
    expect(existsSync(join(root, name, 'README.md'))).toBe(true);
  });
});
