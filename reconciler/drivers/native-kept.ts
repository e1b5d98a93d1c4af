// Who keeps native and local services on a machine, why it may not, what counts as drift there, and what its errors mean.
import type { FieldChange } from '../../schema/plan.js';
import type { ErrorReport } from '../../schema/errors.js';
import type { MachineFacts, Placement, Stamp } from '../../schema/state.js';
import type { Ground, RunnerSeen, Step } from './driver.js';
import { type Keeper, type Kept, type KeptScope, report, runAs } from './native-keeper.js';
import { launchdKeeper } from './native-launchd.js';
import { rcKeeper } from './native-rc.js';
import { systemdKeeper } from './native-systemd.js';

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
  if (scope === 'user' && facts.serviceManager === 'rc') {
    return report('not-supported', 'rc.d keeps system services only', 'Use `scope: system`, or `type: local`.');
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
      return launchdKeeper;
    case 'rc':
      return rcKeeper;
    case 'none':
      return undefined;
    default:
      return facts.serviceManager satisfies never;
  }
}

/** Starts a unit again as it stands there. */
export function resumeKept(kept: Kept, stamp: Stamp, ground: Ground): readonly Step[] {
  const user = stamp.fields['user'] ?? ground.facts.user;
  return keeperOf(ground.facts)?.start({ ...kept, ours: true, restart: false, user }, ground) ?? [];
}

/**
 * Drop-ins and, for units that are not ours, everything but being masked or disabled stay a person's business: they are
 * shown as settings, and never undone.
 */
export function keptDrift(seen: RunnerSeen & { state: 'present' }, ours: boolean): readonly FieldChange[] {
  const { enabled, 'unit-load': load, 'needs-reload': reload } = seen.settings;
  if (load === 'masked' || load === 'masked-runtime') return [{ field: 'masked', from: 'masked', to: 'loaded' }];
  const fields: FieldChange[] = [];
  if (enabled === 'disabled' || enabled === 'enabled-runtime')
    fields.push({ field: 'enabled', from: enabled, to: 'enabled' });
  if (ours && reload === 'yes') fields.push({ field: 'needs-reload', from: 'yes', to: 'no' });
  return fields;
}

/** Words of ours, and of systemctl, loginctl and sudo, that tell more than that a step failed. */
export function explainKept(step: Step, output: string): ErrorReport | undefined {
  const last = output.trim().split('\n').at(-1) ?? '';
  const file = /^portoser: file-missing (.*)$/m.exec(output);
  if (file !== null) return report('file-missing', `the file ${file[1]} is not there`);
  if (/^portoser: no-linger/m.test(output)) {
    const hint = 'Run `loginctl enable-linger` for this user there once, as root, or use `scope: system`.';
    return report('sudo-refused', "the user's units would end with the connection, and lingering needs root", hint);
  }
  if (
    /^portoser: (root is needed|sudo asks)|Interactive authentication required|Access denied|not permitted/m.test(
      output,
    )
  ) {
    return report('sudo-refused', `${step.what}: ${last}`);
  }
  const missing =
    /^portoser: unit-missing (.*)$/m.exec(output) ??
    /Unit (?:file )?(\S+?)\.? (?:not found|could not be found|does not exist)/.exec(output);
  if (missing !== null) return report('unit-missing', `there is no unit ${missing[1]}`);
  if (/^portoser: no-user-manager|Failed to connect to (?:user scope )?bus/m.test(output)) {
    return report('service-manager-missing', `${step.what}: the user's service manager does not answer`);
  }
  const job = /^Job for (\S+) failed because (.+?)\.?$/m.exec(output);
  if (job !== null)
    return report('command-failed', `${job[1]} did not start: ${job[2]}`, 'The end of its log stands above.');
  return undefined;
}
