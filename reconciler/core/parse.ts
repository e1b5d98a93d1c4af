// registry.yml and what it includes → the registry, checked and settled, or every diagnostic at once. Pure, and never throws for a text.
import type { ParseResult, Registry } from '../../schema/registry-types.js';
import type { PolicyText } from '../../schema/registry.js';
import { checkConflicts } from './parse-conflicts.js';
import { checkDependencies } from './parse-dependencies.js';
import { readFiles, type RegistryFiles } from './parse-files.js';
import { parseGroups, type Groups } from './parse-groups.js';
import { placementLookup } from './parse-placement-lookup.js';
import { parseMachines, type Machines } from './parse-machines.js';
import { readNotify } from './parse-notify.js';
import { readPolicy, unsupportedPolicy } from './parse-policy.js';
import { newReport, type Report } from './parse-report.js';
import { withRepository, type RepositoryFacts } from './parse-repository.js';
import { checkReferences, readDomain, readRegistryPolicy, registryScope } from './parse-sections.js';
import { checkDefaults, draftServices, type ServiceDraft } from './parse-services.js';
import { settle, type Settling } from './parse-settle.js';
import { readSpec, type PlacedSpec } from './parse-spec.js';
import { warnDollar, warnSecrets, warnSections, warnUnsupported } from './parse-warnings.js';
import { sorted } from './sort-diagnostics.js';

export interface ParseInput extends RepositoryFacts {
  /** Path of the main file. */
  readonly main: string;
  /** Text by repository path: the main file, and what `matchIncludes` chose for its `includePatterns`. */
  readonly files: ReadonlyMap<string, string>;
  /** Ports that Portoser itself listens on, on the machine with `host: local`. */
  readonly ownPorts?: readonly number[];
}

/** The registry, or none when there is an error; diagnostics (warnings too) by file and line. */
export function parse(input: ParseInput): ParseResult {
  const report = newReport();
  const files = readFiles(input.main, input.files);
  for (const one of files.diagnostics) report.add(one);
  const registry = files.main.value === undefined ? undefined : parseRegistry(files, input, report);
  const diagnostics = sorted(report.all());
  const refused = registry === undefined || diagnostics.some(({ severity }) => severity === 'error');
  return refused ? { diagnostics } : { registry, diagnostics };
}

function parseRegistry(files: RegistryFiles, input: ParseInput, report: Report): Registry {
  const scope = registryScope(files, report);
  const policy = readRegistryPolicy(files, scope, report);
  checkDefaults(files, report);
  const machines = parseMachines(files, scope, report);
  const services = draftServices(files, machines, scope, report);
  const groups = parseGroups(files, services, scope, report);
  const settling: Settling = { scope, domain: readDomain(files, scope, report), ownPorts: input.ownPorts ?? [] };
  const placements = place(services, machines, { settling, policy, groups }, report).map(one =>
    withRepository(one, input, report),
  );
  checkConflicts(placements, machines.byName, settling.ownPorts, report);
  checkDependencies(placements, [...files.named.services.keys()], report);
  checkReferences(files, machines, Object.keys(groups), report);
  warn(files, machines, services, placements, unsupportedPolicy(policy), report);
  return {
    cluster: scope.cluster,
    domain: settling.domain,
    machines: [...machines.byName.values()]
      .map(({ machine }) => machine)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    placements: placements
      .map(({ spec }) => spec)
      .toSorted((a, b) => compare(a.service, b.service) || compare(a.machine, b.machine)),
    groups,
    policy: readPolicy(policy),
    notify: readNotify(files, scope, report),
  };
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

interface Settled {
  readonly settling: Settling;
  readonly policy: PolicyText;
  readonly groups: Groups;
}

function place(
  services: readonly ServiceDraft[],
  machines: Machines,
  { settling, policy, groups }: Settled,
  report: Report,
): readonly PlacedSpec[] {
  const drafts = settle(services, machines, settling, report);
  const lookups = placementLookup(drafts, settling.scope);
  return drafts.flatMap(draft => {
    const own = Object.keys(groups).filter(group => groups[group]?.includes(draft.service.name));
    const spec = readSpec(draft, { lookup: lookups(draft), registryPolicy: policy, groups: own, report });
    return spec === undefined ? [] : [spec];
  });
}

function warn(
  files: RegistryFiles,
  machines: Machines,
  services: readonly ServiceDraft[],
  placements: readonly PlacedSpec[],
  unsupported: readonly string[],
  report: Report,
): void {
  for (const { layered } of [...machines.byName.values(), ...services]) warnDollar(layered, report);
  for (const placed of placements) {
    warnSecrets(placed, report);
    warnUnsupported(placed, report);
  }
  warnSections(files, unsupported, report);
}
