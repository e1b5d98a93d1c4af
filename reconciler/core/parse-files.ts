// The main file and what it includes → one set of entries and sections, each with the place where it was written.
import { didYouMean } from '../../schema/closest.js';
import type { Diagnostic, Position } from '../../schema/diagnostics.js';
import { checkPart, type Locate, type Path } from '../../schema/validate.js';
import { plainSections } from '../../schema/plain-sections.js';
import { partSchemas } from '../../schema/registry-parts.js';
import type { PartName } from '../../schema/registry.js';
import { matchIncludes } from './includes.js';
import { readYaml, type YamlText } from './yaml-text.js';

/** Something that was written under a name, and where. */
export interface Entry {
  readonly value: unknown;
  /** Takes paths from the registry's top. */
  readonly locate: Locate;
  readonly sourceOf: (path: Path) => string | undefined;
}

/** Top-level maps whose entries may come from several files. */
const mergedMaps = ['machines', 'services', 'groups', 'vars'] as const;
type MergedMap = (typeof mergedMaps)[number];

export interface RegistryFiles {
  readonly named: Readonly<Record<MergedMap, ReadonlyMap<string, Entry>>>;
  /** Every other top-level key. */
  readonly sections: ReadonlyMap<string, Entry>;
  readonly main: YamlText;
  readonly diagnostics: readonly Diagnostic[];
}

export function readFiles(main: string, files: ReadonlyMap<string, string>): RegistryFiles {
  const mainText = readYaml(main, files.get(main) ?? '');
  const { paths, diagnostics } = includedPaths(mainText, main, files);
  const texts = [mainText, ...paths.map(path => readYaml(path, files.get(path) ?? ''))];
  const gathered = gather(texts);
  const checked = texts.flatMap((text, index) => [...text.diagnostics, ...checkFile(text, index > 0)]);
  return {
    named: gathered.named,
    sections: gathered.sections,
    main: mainText,
    diagnostics: [...checked, ...diagnostics, ...gathered.diagnostics],
  };
}

function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

function includedPaths(mainText: YamlText, main: string, files: ReadonlyMap<string, string>) {
  const { include } = asMap(mainText.value);
  const patterns = Array.isArray(include) ? include.map(one => (typeof one === 'string' ? one : undefined)) : [];
  const others = [...files.keys()].filter(path => path !== main);
  const diagnostics: Diagnostic[] = [];
  const paths = new Set<string>();
  for (const [index, pattern] of patterns.entries()) {
    if (pattern === undefined) continue;
    const matched = matchIncludes([pattern], others);
    if (matched.length === 0)
      diagnostics.push(
        missingInclude(pattern, mainText.locate(['include', index], 'value'), `include[${index}]`, others),
      );
    for (const path of matched) paths.add(path);
  }
  return { paths: [...paths].toSorted(), diagnostics };
}

function missingInclude(pattern: string, at: Position, path: string, known: readonly string[]): Diagnostic {
  const hint = didYouMean(pattern, known);
  return {
    code: 'include-missing',
    severity: 'error',
    ...at,
    path,
    message: `no file matches \`${pattern}\``,
    ...(hint === undefined ? {} : { hint }),
  };
}

function checkFile(text: YamlText, included: boolean): readonly Diagnostic[] {
  if (text.value === undefined) return [];
  const found = [...checkPart('file', text.value, { base: [], locate: text.locate, templates: false })];
  for (const [key, value] of Object.entries(asMap(text.value))) {
    if (isSection(key))
      found.push(
        ...checkPart(key, value, { base: [key], locate: text.locate, templates: !plainSections.includes(key) }),
      );
  }
  if (included && Object.hasOwn(asMap(text.value), 'include')) found.push(nestedInclude(text));
  return found;
}

const ownParts = new Set(['file', 'machine', 'service']);

function isSection(key: string): key is PartName {
  return Object.hasOwn(partSchemas, key) && !ownParts.has(key);
}

function nestedInclude(text: YamlText): Diagnostic {
  const message = 'an included file cannot include further files';
  return {
    code: 'not-applicable',
    severity: 'error',
    ...text.locate(['include'], 'key'),
    path: 'include',
    message,
    hint: 'name them in the main file',
  };
}

function gather(texts: readonly YamlText[]) {
  const named = {
    machines: new Map<string, Entry>(),
    services: new Map<string, Entry>(),
    groups: new Map<string, Entry>(),
    vars: new Map<string, Entry>(),
  };
  const sections = new Map<string, Entry>();
  const diagnostics: Diagnostic[] = [];
  for (const text of texts) {
    for (const [key, value] of Object.entries(asMap(text.value))) {
      if (key.startsWith('x-')) continue;
      if (isMergedMap(key))
        for (const [name, one] of Object.entries(asMap(value)))
          add(named[key], [key, name], entry(text, one), diagnostics);
      if (!isMergedMap(key) || !isMap(value)) add(sections, [key], entry(text, value), diagnostics, key === 'include');
    }
  }
  return { named, sections, diagnostics };
}

function isMergedMap(key: string): key is MergedMap {
  return (mergedMaps as readonly string[]).includes(key);
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function entry(text: YamlText, value: unknown): Entry {
  return { value, locate: text.locate, sourceOf: text.sourceOf };
}

function add(
  to: Map<string, Entry>,
  path: readonly [string, ...string[]],
  made: Entry,
  found: Diagnostic[],
  mayRepeat = false,
): void {
  const name = path.at(-1) ?? '';
  const first = to.get(name);
  if (first === undefined) {
    to.set(name, made);
  } else if (!mayRepeat) {
    const related = [{ ...first.locate(path, 'key'), message: 'the first one' }];
    const what = { path: path.join('.'), message: `\`${name}\` is declared twice` };
    found.push({
      code: 'duplicate-name',
      severity: 'error',
      ...made.locate(path, 'key'),
      ...what,
      hint: 'keep one of them',
      related,
    });
  }
}
