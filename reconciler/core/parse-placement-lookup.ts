// Names that a placement's templates may use, when every port, path and host name is settled.
import { absent, lookupIn, type Answer } from './parse-lookup.js';
import type { RegistryScope } from './parse-machines.js';
import { machineBuiltins, type PlacementDraft } from './parse-settle.js';
import type { Lookup } from './templates.js';

export function placementLookup(
  drafts: readonly PlacementDraft[],
  scope: RegistryScope,
): (draft: PlacementDraft) => Lookup {
  const byService = new Map<string, PlacementDraft[]>();
  for (const draft of drafts) byService.set(draft.service.name, [...(byService.get(draft.service.name) ?? []), draft]);
  return draft =>
    lookupIn({
      vars: [draft.service.vars, draft.machine.vars, scope.vars],
      builtins: new Map([
        ['cluster', { value: scope.cluster }],
        ...ownNames(draft),
        ...machineBuiltins(draft.machine.machine),
      ]),
      ofService: (name, field) => {
        const others = byService.get(name);
        return others === undefined ? undefined : ofOther(name, field, others, draft);
      },
    });
}

function ownNames(draft: PlacementDraft): readonly (readonly [string, Answer])[] {
  const { name } = draft.service;
  const hint = 'write it in the service';
  const answer = (field: 'port' | 'path' | 'hostname'): readonly [string, Answer] => {
    const value = draft[field];
    return [`service.${field}`, value === undefined ? absent(`\`${name}\` has no ${field}`, hint) : { value }];
  };
  return [['service.name', { value: name }], answer('port'), answer('path'), answer('hostname')];
}

function ofOther(name: string, field: string, others: readonly PlacementDraft[], asking: PlacementDraft): Answer {
  if (field === 'host') return hostOf(name, others, asking);
  const values = new Set(others.map(other => (field === 'port' ? other.port : other.hostname)));
  const [value] = values;
  if (values.size > 1)
    return {
      code: 'ambiguous-variable',
      message: `the placements of \`${name}\` differ in their ${field}`,
      hint: 'write the value',
    };
  return value === undefined ? absent(`\`${name}\` has no ${field}`, `write it in \`${name}\``) : { value };
}

function hostOf(name: string, others: readonly PlacementDraft[], asking: PlacementDraft): Answer {
  const [other, ...more] = others;
  if (other === undefined || more.length > 0) {
    const machines = others.map(({ machine }) => machine.machine.name).join(', ');
    return {
      code: 'ambiguous-variable',
      message: `\`${name}\` stands on several machines: ${machines}`,
      hint: 'write the host that is meant',
    };
  }
  const { host } = other.machine.machine;
  if (host !== 'local') return { value: host };
  if (other.machine.machine.name === asking.machine.machine.name) return { value: '127.0.0.1' };
  return absent(
    `\`${name}\` stands on the controller’s own machine (host: local), which has no address for others`,
    'write the address as `host` of that machine',
  );
}
