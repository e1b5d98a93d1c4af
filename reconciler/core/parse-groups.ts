// Groups: the union of what `groups` lists and what services name themselves.
import { didYouMean } from '../../schema/closest.js';
import type { RegistryFiles } from './parse-files.js';
import type { RegistryScope } from './parse-machines.js';
import { filledSection } from './parse-sections.js';
import type { Report } from './parse-report.js';
import type { ServiceDraft } from './parse-services.js';

export type Groups = Readonly<Record<string, readonly string[]>>;

export function parseGroups(
  files: RegistryFiles,
  services: readonly ServiceDraft[],
  scope: RegistryScope,
  report: Report,
): Groups {
  const names = [...files.named.services.keys()];
  const members = new Map<string, Set<string>>();
  for (const [group, entry] of files.named.groups) {
    const { locate } = entry;
    const value = filledSection(['groups', group], entry, scope, report);
    const listed = Array.isArray(value) ? value.filter(one => typeof one === 'string') : [];
    for (const [index, name] of listed.entries()) {
      if (names.includes(name)) continue;
      report.at(locate, ['groups', group, index], 'unknown-service', `there is no service \`${name}\``, {
        hint: didYouMean(name, names),
      });
    }
    members.set(group, new Set(listed));
  }
  for (const { name, value } of services) {
    const group = value['group'];
    if (typeof group === 'string') members.set(group, new Set([...(members.get(group) ?? []), name]));
  }
  const sorted = [...members].map(([group, list]) => [group, [...list].toSorted()] as const);
  return Object.fromEntries(sorted.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
