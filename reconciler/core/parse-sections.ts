// The top level beside machines and services: cluster, domain, variables, policy.
import type { PolicyText } from '../../schema/registry.js';
import { checkEntry, fillEntry, isTextMap, type Layered, type TextMap } from './parse-entry.js';
import type { Entry, RegistryFiles } from './parse-files.js';
import { lookupIn } from './parse-lookup.js';
import type { Machines, RegistryScope } from './parse-machines.js';
import { checkPolicy } from './parse-policy.js';
import type { Report } from './parse-report.js';
import { fill, variableValue, type Lookup } from './templates.js';
import { checkPart, type Path } from '../../schema/validate.js';
import { didYouMean } from '../../schema/closest.js';

export function registryScope(files: RegistryFiles, report: Report): RegistryScope {
  const vars = Object.fromEntries([...files.named.vars].map(([name, { value }]) => [name, value]));
  for (const [name, { value, locate }] of files.named.vars) {
    const problem = variableValue(value);
    if (!('value' in problem)) report.at(locate, ['vars', name], problem.code, problem.message, { hint: problem.hint });
  }
  return { vars, cluster: plainText(files.sections.get('cluster'), 'default') };
}

/** Names of the whole: they are not filled, because everything else is filled with them. */
function plainText(entry: Entry | undefined, byDefault: string): string {
  return typeof entry?.value === 'string' ? entry.value : byDefault;
}

function registryLookup(scope: RegistryScope): Lookup {
  return lookupIn({ vars: [scope.vars], builtins: new Map([['cluster', { value: scope.cluster }]]) });
}

export function readDomain(files: RegistryFiles, scope: RegistryScope, report: Report): string {
  const section = files.sections.get('domain');
  const domain = section === undefined ? 'internal' : filledSection(['domain'], section, scope, report);
  if (section === undefined || typeof domain !== 'string') return 'internal';
  for (const one of checkPart('domain', domain, { base: ['domain'], locate: section.locate, templates: false }))
    report.add(one);
  return domain;
}

/** The value of an entry with the registry's own names filled in; undefined when one cannot be (reported). */
export function filledSection(path: Path, entry: Entry, scope: RegistryScope, report: Report): unknown {
  let sound = true;
  const filled = fill(entry.value, registryLookup(scope), (below, { code, message, hint }) => {
    sound = false;
    report.at(entry.locate, [...path, ...below], code, message, { hint });
  });
  return sound ? filled : undefined;
}

export function readRegistryPolicy(files: RegistryFiles, scope: RegistryScope, report: Report): PolicyText {
  const section = files.sections.get('policy');
  if (section === undefined || !isTextMap(section.value)) return {};
  const layered: Layered = { ...section, base: ['policy'], value: section.value };
  const policy = filled('policy', layered, section.value, scope, report) as PolicyText;
  checkPolicy(policy, layered.locate, layered.base, report);
  return policy;
}

function filled(part: 'policy', layered: Layered, value: TextMap, scope: RegistryScope, report: Report): TextMap {
  const sound = checkEntry(part, layered, value, true, report);
  const lookup = registryLookup(scope);
  return checkEntry(part, layered, fillEntry(layered, sound.value, lookup, report).value, false, report).value;
}

/** Machines, services and groups that other sections name. */
export function checkReferences(
  files: RegistryFiles,
  machines: Machines,
  groups: readonly string[],
  report: Report,
): void {
  for (const key of ['caddy', 'dns']) {
    const section = files.sections.get(key);
    const name = section !== undefined && isTextMap(section.value) ? section.value['machine'] : undefined;
    if (section === undefined || typeof name !== 'string' || machines.names.includes(name)) continue;
    report.at(section.locate, [key, 'machine'], 'unknown-machine', `there is no machine \`${name}\``, {
      hint: didYouMean(name, machines.names),
    });
  }
  const page = files.sections.get('status_page');
  if (page === undefined || !isTextMap(page.value)) return;
  checkShown(page, 'groups', groups, report);
  checkShown(page, 'services', [...files.named.services.keys()], report);
}

function checkShown(page: Entry, key: 'groups' | 'services', known: readonly string[], report: Report): void {
  const shown = isTextMap(page.value) ? page.value[key] : undefined;
  const names = Array.isArray(shown)
    ? shown.map((name, index) => [String(name), index] as const)
    : isTextMap(shown)
      ? Object.keys(shown).map(name => [name, name] as const)
      : [];
  for (const [name, step] of names) {
    if (known.includes(name)) continue;
    const [code, what] =
      key === 'groups' ? (['unknown-group', 'group'] as const) : (['unknown-service', 'service'] as const);
    report.at(page.locate, ['status_page', key, step], code, `there is no ${what} \`${name}\``, {
      hint: didYouMean(name, known),
    });
  }
}
