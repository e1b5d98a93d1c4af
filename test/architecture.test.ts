// The law of the house: who may import whom, lists that match their folders, READMEs at every door, small files, a documented catalogue.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../schema/errors.js';
import { notifyTypes } from '../schema/notify.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .toSorted();
}

const sources = ['schema', 'reconciler', 'api', 'dashboard'].flatMap(filesBelow);
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');

interface Import {
  readonly from: string;
  readonly to: string;
  /** Only types: nothing is loaded at run time. */
  readonly typesOnly: boolean;
}

/** Every import and re-export of a file; ours as paths from the root, packages by their name. */
function importsOf(file: string): readonly Import[] {
  const pattern = /^\s*(?:import|export)\s+(type\s+)?(?:([^'";]*?)\s+from\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...textOf(file).matchAll(pattern)].map(([, type, names = '', fixed, dynamic]) => {
    const target = fixed ?? dynamic ?? '';
    const inner = /^\{(.*)\}$/s.exec(names.trim())?.[1];
    const allTypes =
      inner !== undefined && inner.split(',').every(one => one.trim() === '' || one.trim().startsWith('type '));
    const to = target.startsWith('.')
      ? relative(root, resolve(root, dirname(file), target)).replace(/\.js$/, '.ts')
      : target;
    return { from: file, to, typesOnly: type !== undefined || allTypes };
  });
}

/** What builds things, and what it knows them by. */
const mainRoom = new Set(['main.ts', 'settings.ts', 'config-file.ts', 'locate.ts', 'open-source.ts']);

/** The room that a file stands in. */
function roomOf(file: string): string {
  if (file.startsWith('schema/')) return 'schema';
  if (file.startsWith('api/')) return 'api';
  if (file.startsWith('dashboard/')) return 'dashboard';
  const [, second = ''] = file.split('/');
  if (!second.endsWith('.ts')) return second;
  if (second.startsWith('ports')) return 'ports';
  return mainRoom.has(second) ? 'main' : second.replace('.ts', '');
}

/** Rooms by what they may import at run time; `types` adds what only types may be taken from. */
const law: Readonly<Record<string, { readonly may: readonly string[]; readonly types?: readonly string[] }>> = {
  schema: { may: ['schema'] },
  commands: { may: ['schema', 'commands'] },
  drivers: { may: ['schema', 'commands', 'drivers'] },
  checks: { may: ['schema', 'commands', 'checks'] },
  notifiers: { may: ['schema', 'notifiers'] },
  core: { may: ['schema', 'core'], types: ['drivers', 'checks'] },
  ports: { may: ['schema', 'ports'], types: ['commands'] },
  loop: {
    may: ['schema', 'commands', 'core', 'drivers', 'checks', 'notifiers', 'ports', 'loop'],
    types: ['operations'],
  },
  adapters: { may: ['schema', 'ports', 'commands', 'adapters'] },
  operations: { may: ['schema', 'core', 'commands', 'ports', 'loop', 'operations'], types: ['drivers', 'checks'] },
  engine: { may: ['schema', 'operations', 'loop', 'ports'] },
  api: { may: ['schema', 'engine', 'api'], types: ['operations'] },
};

/** The places that build things: `main`, and the demo, which is a `main` of its own. */
const builders = new Set(['main', 'demo']);
const pure = new Set(['schema', 'commands', 'drivers', 'checks', 'notifiers', 'core']);
/** `node:module` for a package that is loaded only when it is needed. */
const purePackages = new Set([
  'croner',
  'yaml',
  'ajv',
  'ajv/dist/2020.js',
  'typebox',
  'node:crypto',
  'node:module',
  'node:util',
]);

describe('the import law', () => {
  const all = sources.flatMap(importsOf);

  it('sees the imports that there are', () => {
    expect(all.length).toBeGreaterThan(300);
    expect(all.filter(one => one.to.endsWith('.ts') && !existsSync(join(root, one.to)))).toEqual([]);
  });

  it.each(Object.entries(law))('%s imports only what it may', (room, { may, types = [] }) => {
    const ours = all.filter(one => roomOf(one.from) === room && one.to.endsWith('.ts'));
    const broken = ours.filter(one => {
      const target = roomOf(one.to);
      if (room === 'api' && target === 'main') return !one.from.startsWith('api/cli/');
      return !may.includes(target) && !(one.typesOnly && types.includes(target));
    });
    expect(broken.map(one => `${one.from} -> ${one.to}`)).toEqual([]);
  });

  it('lets only the builders import adapters', () => {
    const broken = all.filter(
      one =>
        one.to.startsWith('reconciler/adapters/') && !builders.has(roomOf(one.from)) && roomOf(one.from) !== 'adapters',
    );
    expect(broken.map(one => `${one.from} -> ${one.to}`)).toEqual([]);
  });

  it('keeps pure rooms pure: no clock, randomness, network, files or processes', () => {
    const packages = all.filter(
      one => pure.has(roomOf(one.from)) && !one.to.endsWith('.ts') && !one.to.endsWith('.json'),
    );
    const impure = packages.filter(one => !purePackages.has(one.to) && !one.from.startsWith('schema/write-'));
    expect(impure.map(one => `${one.from} -> ${one.to}`)).toEqual([]);
    const uses = sources.filter(
      file =>
        pure.has(roomOf(file)) &&
        /\bDate\.now\(|\bnew Date\(\)|Math\.random\(|\brandomUUID\(|\brandomBytes\(|process\.env|\bsetTimeout\(/.test(
          textOf(file),
        ),
    );
    expect(uses).toEqual([]);
  });

  it('uses node packages under their node: name', () => {
    expect(all.filter(one => builtinModules.includes(one.to)).map(one => `${one.from} -> ${one.to}`)).toEqual([]);
  });
});

describe('rooms', () => {
  const folders = ['schema', 'reconciler', 'api', 'playbooks', 'examples', 'test'];
  const rooms = readdirSync(join(root, 'reconciler'), { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => `reconciler/${entry.name}`);

  it.each([...folders, ...rooms])('%s opens with a README of at most 30 lines', folder => {
    const readme = join(root, folder, 'README.md');
    expect(existsSync(readme)).toBe(true);
    expect(readFileSync(readme, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(30);
  });

  it('hold files that say their duty first, and stay under 300 lines', () => {
    const long = sources.filter(file => textOf(file).split('\n').length > 301);
    expect(long).toEqual([]);
    const mute = sources.filter(file => !/^(#!.*\n)?(\/\/|\/\*\*)/.test(textOf(file)));
    expect(mute).toEqual([]);
  });

  it.each([
    ['reconciler/drivers/index.ts', ['docker', 'local', 'native']],
    ['reconciler/checks/index.ts', ['http', 'tcp', 'process', 'command', 'docker']],
    ['reconciler/notifiers/index.ts', notifyTypes],
  ])('%s lists all of its kind', (list, names) => {
    for (const name of names) {
      expect(existsSync(join(root, dirname(list), `${name}.ts`))).toBe(true);
      expect(textOf(list)).toContain(`./${name}.js`);
    }
  });
});

describe('the error catalogue', () => {
  const used = new Set(
    sources
      .filter(file => !/^schema\/(errors|catalogue)\.ts$/.test(file))
      .flatMap(file => [...textOf(file).matchAll(/'([a-z]+(?:-[a-z]+)+|[a-z]+)'/g)].map(([, code]) => code ?? '')),
  );

  it('holds nothing that nobody says', () => {
    expect(Object.keys(catalogue).filter(code => !used.has(code))).toEqual([]);
  });

  it('tells for every code what happened and what to do', () => {
    for (const [code, entry] of Object.entries(catalogue)) {
      expect(entry.title, code).toMatch(/^\w.*[^.]$/);
      expect(entry.hint, code).toMatch(/[.!]$/);
    }
  });
});

it('signals are joined by `joinSignals`: what AbortSignal.any makes leaves a trace at what it is made of', () => {
  const users = sources.filter(file => textOf(file).includes('AbortSignal.any('));
  expect(users).toEqual([]);
});
