// Looking at whatever a machine's service manager keeps, native or local: words that ask the manager that is there, and the reading of its answer.
import type { FieldChange } from '../../schema/plan.js';
import type { ErrorReport } from '../../schema/errors.js';
import type { MachineFacts, Placement } from '../../schema/state.js';
import { type Command, sh } from '../commands/command.js';
import { showSystemUnits, showUserUnits } from '../commands/systemd-show.js';
import type { Ground, RunnerSeen, Section, Step, Target } from './driver.js';
import { type Keeper, type KeptScope, report, runAs } from './native-keeper.js';
import { readSystemd, systemdKeeper } from './native-systemd.js';

/** Why this machine cannot keep it, before anything is touched. */
export function refusal(placement: Placement, scope: KeptScope, ground: Ground): ErrorReport | undefined {
  const { facts } = ground;
  const user = runAs(placement, facts);
  if (keeperOf(facts) === undefined) {
    return report(
      'service-manager-missing',
      `${placement.spec.machine} has no systemd or launchd (${facts.serviceManager})`,
    );
  }
  if (scope === 'user' && user !== facts.user) {
    return report(
      'not-supported',
      `a user unit runs as the SSH user ${facts.user}, not as ${user}`,
      'Use `scope: system`, or log in as that user.',
    );
  }
  if (scope === 'system' && facts.uid !== 0 && ground.sudo === 'never') {
    return report(
      'sudo-refused',
      `a system unit needs root, and the registry says sudo: never for ${placement.spec.machine}`,
      'Use `scope: user`.',
    );
  }
  return undefined;
}

/** Who keeps services on this machine; undefined: nobody. */
export function keeperOf(facts: MachineFacts): Keeper | undefined {
  switch (facts.serviceManager) {
    case 'systemd':
      return systemdKeeper;
    case 'launchd':
    case 'rc':
    case 'none':
      return undefined;
    default:
      return facts.serviceManager satisfies never;
  }
}

const unitsOf = (targets: readonly Target[], scope: 'system' | 'user'): readonly string[] =>
  targets.flatMap(target =>
    target.identity.scope === scope && target.identity.unit !== undefined ? [target.identity.unit] : [],
  );

const part = (name: string, units: readonly string[], words: (units: readonly string[]) => Command): Command =>
  units.length === 0 ? sh`` : sh`echo ${`scope ${name}`}\n${words(units)}`;

/** The machine's manager is found there, as a probe may be the first that is ever seen of a machine. */
export function lookAtKept(targets: readonly Target[]): Command {
  const system = unitsOf(targets, 'system');
  const user = unitsOf(targets, 'user');
  if (system.length + user.length === 0) return sh``;
  return sh`if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
echo manager systemd
${part('system', system, showSystemUnits)}${part('user', user, showUserUnits)}else
echo manager none
fi
`;
}

/** Lines after `scope NAME`, up to the next. */
function scopeLines(section: Section, scope: 'system' | 'user'): Section {
  const start = section.indexOf(`scope ${scope}`);
  if (start < 0) return [];
  const rest = section.slice(start + 1);
  const end = rest.findIndex(line => line === 'scope system' || line === 'scope user');
  return end < 0 ? rest : rest.slice(0, end);
}

function readScope(targets: readonly Target[], section: Section): ReadonlyMap<number, RunnerSeen> {
  const manager = section.find(line => line.startsWith('manager '));
  switch (manager) {
    case 'manager systemd':
      return readSystemd(targets, section);
    default: {
      const why = manager === undefined ? 'the answer about services is not whole' : 'there is no systemd or launchd';
      const seen: RunnerSeen = { state: 'unknown', error: report('service-manager-missing', why) };
      return new Map(targets.map(target => [target.index, seen]));
    }
  }
}

export function readKept(targets: readonly Target[], section: Section): ReadonlyMap<number, RunnerSeen> {
  const manager = section.filter(line => line.startsWith('manager '));
  const read = (scope: 'system' | 'user') => {
    const own = targets.filter(target => target.identity.scope === scope);
    return readScope(own, [...manager, ...scopeLines(section, scope)]);
  };
  return new Map([...read('system'), ...read('user')]);
}

/**
 * Drop-ins and, for units that are not ours, everything but being masked or disabled stay a person's business: they are
 * shown as settings, and never undone.
 */
export function keptDrift(seen: RunnerSeen & { state: 'present' }, ours: boolean): readonly FieldChange[] {
  const { enabled, 'unit-load': load, 'needs-reload': reload } = seen.settings;
  if (load === 'masked' || load === 'masked-runtime') return [{ field: 'masked', from: 'masked', to: 'loaded' }];
  return [
    ...(enabled === 'disabled' || enabled === 'enabled-runtime'
      ? [{ field: 'enabled', from: enabled, to: 'enabled' }]
      : []),
    ...(ours && reload === 'yes' ? [{ field: 'needs-reload', from: 'yes', to: 'no' }] : []),
  ];
}

/** What the output of a failed step of a service manager means. */
export function explainKept(step: Step, output: string): ErrorReport | undefined {
  const last = output.trim().split('\n').at(-1) ?? '';
  if (
    /^portoser: (root is needed|sudo asks)|Interactive authentication required|Access denied|not permitted/m.test(
      output,
    )
  ) {
    return report('sudo-refused', `${step.what}: ${last}`);
  }
  const missing =
    /^portoser: unit-missing (.*)$/m.exec(output) ??
    /Unit (?:file )?(\S+?)(?:\.)? (?:not found|could not be found|does not exist)/.exec(output);
  if (missing !== null) return report('unit-missing', `there is no unit ${missing[1]}`);
  if (/^portoser: no-user-manager|Failed to connect to (?:user scope )?bus/m.test(output)) {
    return report('service-manager-missing', `${step.what}: the user's service manager does not answer`);
  }
  return undefined;
}
