// The services of the registry as drafts: defaults merged, shape checked, machines chosen. Templates are filled later, per placement.
import { didYouMean } from '../../schema/closest.js';
import { keyTypes } from '../../schema/service-keys.js';
import { checkEntry, isTextMap, overDefaults, type Layered, type TextMap } from './parse-entry.js';
import type { Entry, RegistryFiles } from './parse-files.js';
import { lookupIn } from './parse-lookup.js';
import { silenced, type Machines, type RegistryScope } from './parse-machines.js';
import type { Report } from './parse-report.js';
import { fill, hasTemplate } from './templates.js';

export interface ServiceDraft {
  readonly name: string;
  readonly layered: Layered;
  /** Without faulty keys; templates not filled. */
  readonly value: TextMap;
  readonly faulty: ReadonlySet<string>;
  readonly vars: TextMap;
  /** Names of machines that there are, sorted, each once. */
  readonly machines: readonly string[];
}

export function draftServices(
  files: RegistryFiles,
  machines: Machines,
  scope: RegistryScope,
  report: Report,
): readonly ServiceDraft[] {
  const defaults = files.sections.get('defaults');
  return [...files.named.services].flatMap(([name, own]) => {
    const layered = overDefaults(['services', name], own, defaultsFor(own, defaults));
    if (layered !== undefined) return [draft(name, layered, machines, scope, report)];
    const nothing = { base: ['services', name], value: {}, locate: own.locate, sourceOf: own.sourceOf };
    checkEntry('service', nothing, own.value as TextMap, true, report);
    return [];
  });
}

/** A default that is not for the type of the service is not meant for it. */
export function defaultsFor(own: Entry, defaults: Entry | undefined) {
  if (defaults === undefined || !isTextMap(defaults.value) || !isTextMap(own.value)) return undefined;
  const type = own.value['type'] ?? defaults.value['type'];
  const fits = (key: string): boolean =>
    key !== 'machine' && key !== 'machines' && (typeof type !== 'string' || (keyTypes[key]?.includes(type) ?? true));
  const value = Object.fromEntries(Object.entries(defaults.value).filter(([key]) => fits(key)));
  return { ...defaults, value, base: ['defaults'] };
}

/** The section by itself, so that a mistake in it is told even when no service uses it. */
export function checkDefaults(files: RegistryFiles, report: Report): void {
  const section = files.sections.get('defaults');
  if (section === undefined) return;
  if (!isTextMap(section.value)) {
    const empty = section.value === null;
    const message = empty ? '`defaults` has no content' : 'expected a map of defaults';
    report.at(section.locate, ['defaults'], empty ? 'empty-entry' : 'wrong-type', message, {
      where: 'key',
      expected: 'a map of defaults',
    });
    return;
  }
  const { machine, ...ofServices } = section.value;
  const required = ['type', 'path', 'host', 'user', 'platform'];
  checkEntry('service', { ...section, base: ['defaults'], value: {} }, ofServices, true, silenced(report, required));
  if (machine !== undefined)
    checkEntry(
      'machine',
      { ...section, base: ['defaults', 'machine'], value: {} },
      machine as TextMap,
      true,
      silenced(report, required),
    );
  if (ofServices['machines'] !== undefined) {
    report.at(section.locate, ['defaults', 'machines'], 'not-applicable', '`machines` does not belong here', {
      where: 'key',
      hint: 'write it in each service',
    });
  }
}

function draft(name: string, layered: Layered, machines: Machines, scope: RegistryScope, report: Report): ServiceDraft {
  const { value, faulty } = checkEntry('service', layered, layered.value, true, report);
  checkApplicable(layered, value, report);
  checkAsked(layered, value, machines, report);
  const vars = isTextMap(value['vars']) ? value['vars'] : {};
  const chosen =
    faulty.has('machine') || faulty.has('machines')
      ? []
      : chooseMachines(name, layered, value, { machines, scope, vars }, report);
  return { name, layered, value, faulty, vars, machines: [...new Set(chosen)].toSorted() };
}

function checkApplicable(layered: Layered, value: TextMap, report: Report): void {
  const type = value['type'];
  if (typeof type !== 'string') return;
  for (const [key, types] of Object.entries(keyTypes)) {
    if (!Object.hasOwn(value, key) || types.includes(type)) continue;
    const hint = `it is for services of type ${types.join(' and ')}`;
    report.at(
      layered.locate,
      [...layered.base, key],
      'not-applicable',
      `\`${key}\` is not for a service of type ${type}`,
      { where: 'key', hint },
    );
  }
  if (type === 'native' && value['scope'] === 'none') {
    report.at(
      layered.locate,
      [...layered.base, 'scope'],
      'not-applicable',
      '`scope: none` is not for a service of type native',
      { hint: 'write system or user' },
    );
  }
  if (type === 'local' && value['command'] === undefined && !Object.hasOwn(layered.value, 'command')) {
    report.at(layered.locate, layered.base, 'missing-field', '`command` is missing', {
      where: 'key',
      expected: 'words, as a list or as one string with shell quoting',
    });
  }
}

/** What a key needs beside it. */
function checkAsked(layered: Layered, value: TextMap, machines: Machines, report: Report): void {
  if (value['expose'] === 'public' && !Object.hasOwn(layered.value, 'hostname')) {
    const hint = 'write the full host name that the world uses';
    report.at(layered.locate, layered.base, 'missing-field', '`hostname` is missing: `expose: public` needs it', {
      where: 'key',
      hint,
    });
  }
  const on = isTextMap(value['build']) ? value['build']['on'] : undefined;
  if (typeof on !== 'string' || hasTemplate(on) || machines.names.includes(on)) return;
  const hint = didYouMean(on, machines.names);
  report.at(layered.locate, [...layered.base, 'build', 'on'], 'unknown-machine', `there is no machine \`${on}\``, {
    hint,
  });
}

interface Choice {
  readonly machines: Machines;
  readonly scope: RegistryScope;
  readonly vars: TextMap;
}

function chooseMachines(
  name: string,
  layered: Layered,
  value: TextMap,
  choice: Choice,
  report: Report,
): readonly string[] {
  const lookup = lookupIn({
    vars: [choice.vars, choice.scope.vars],
    builtins: new Map([
      ['cluster', { value: choice.scope.cluster }],
      ['service.name', { value: name }],
    ]),
  });
  const filled = fill({ machine: value['machine'], machines: value['machines'] }, lookup, (path, problem) => {
    report.at(layered.locate, [...layered.base, ...path], problem.code, problem.message, { hint: problem.hint });
  }) as { readonly machine: unknown; readonly machines: unknown };
  if (filled.machine !== undefined && filled.machines !== undefined) {
    const hint = 'keep one of them';
    report.at(
      layered.locate,
      [...layered.base, 'machines'],
      'invalid-value',
      '`machine` and `machines` exclude each other',
      { where: 'key', hint },
    );
    return [];
  }
  if (typeof filled.machine === 'string') return known([filled.machine], 'machine', layered, choice.machines, report);
  return chooseMany(filled.machines, layered, choice.machines, report);
}

function chooseMany(written: unknown, layered: Layered, machines: Machines, report: Report): readonly string[] {
  if (Array.isArray(written) && written.length > 0)
    return known(written.map(String), 'machines', layered, machines, report);
  if (isTextMap(written)) return tagged((written['tags'] ?? []) as readonly string[], layered, machines, report);
  if (Array.isArray(written))
    report.at(layered.locate, [...layered.base, 'machines'], 'invalid-value', 'the list of machines is empty', {
      hint: 'name one, or write `suspend`',
    });
  else
    report.at(layered.locate, layered.base, 'missing-field', '`machine` is missing', {
      where: 'key',
      expected: 'the name of a machine',
    });
  return [];
}

function known(
  names: readonly string[],
  key: string,
  layered: Layered,
  machines: Machines,
  report: Report,
): readonly string[] {
  for (const [index, name] of names.entries()) {
    if (machines.names.includes(name)) continue;
    const path = key === 'machine' ? [...layered.base, key] : [...layered.base, key, index];
    report.at(layered.locate, path, 'unknown-machine', `there is no machine \`${name}\``, {
      hint: didYouMean(name, machines.names),
    });
  }
  return names.filter(name => machines.byName.has(name));
}

/** Machines that have all of these tags. */
function tagged(tags: readonly string[], layered: Layered, machines: Machines, report: Report): readonly string[] {
  const chosen = [...machines.byName.values()].filter(({ machine }) => tags.every(tag => machine.tags.includes(tag)));
  if (chosen.length === 0) {
    const hint = didYouMean(
      tags[0] ?? '',
      [...machines.byName.values()].flatMap(({ machine }) => machine.tags),
    );
    report.at(
      layered.locate,
      [...layered.base, 'machines'],
      'unknown-machine',
      `no machine has the tags ${tags.join(', ')}`,
      { where: 'key', hint },
    );
  }
  return chosen.map(({ machine }) => machine.name);
}
