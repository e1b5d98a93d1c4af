// What a template's name stands for: variables, the nearest first, then the built-in names of the placement.
import { closest } from '../../schema/closest.js';
import type { TextMap } from './parse-entry.js';
import { variableValue, type Lookup, type Unfilled } from './templates.js';

export type Answer = ReturnType<Lookup>;

export interface Scope {
  /** Variables, nearest first. */
  readonly vars: readonly TextMap[];
  readonly builtins: ReadonlyMap<string, Answer>;
  /** `services.<name>.<field>`; undefined: no such name. */
  readonly ofService?: (service: string, field: string) => Answer | undefined;
}

const serviceName = /^services\.([a-z0-9-]+)\.(host|port|hostname)$/;

export function lookupIn(scope: Scope): Lookup {
  const unknown = new Map<string, Unfilled>();
  const remembered = (name: string): Unfilled => {
    const known = unknown.get(name) ?? unknownName(name, scope);
    unknown.set(name, known);
    return known;
  };
  return name => {
    const layer = scope.vars.find(vars => Object.hasOwn(vars, name));
    if (layer !== undefined) return variableValue(layer[name]);
    const builtin = scope.builtins.get(name);
    if (builtin !== undefined) return builtin;
    const [, service, field] = serviceName.exec(name) ?? [];
    const other = service === undefined || field === undefined ? undefined : scope.ofService?.(service, field);
    return other ?? remembered(name);
  };
}

function unknownName(name: string, scope: Scope): Unfilled {
  const near = closest(name, [...scope.vars.flatMap(vars => Object.keys(vars)), ...scope.builtins.keys()]);
  const hint =
    near === undefined
      ? 'define it under `vars`, or use a built-in name such as service.name or machine.host'
      : `did you mean \`${near}\`?`;
  return { code: 'unknown-variable', message: `nothing is known under the name \`${name}\``, hint };
}

export function absent(message: string, hint?: string): Unfilled {
  return { code: 'unknown-variable', message, ...(hint === undefined ? {} : { hint }) };
}
