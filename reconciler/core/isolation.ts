// Whether machines are away, or the controller is: where none of several can be reached, it is the controller that is cut off.
import { noWayCodes } from '../../schema/errors.js';
import type { Plan } from '../../schema/plan.js';
import type { DesiredState, LiveState, MachineView } from '../../schema/state.js';

/** A probe that began and never came to its end is what a cut looks like too; a port that refuses is an answer. */
function isCutOff(view: MachineView): boolean {
  if (view.state !== 'unknown') return false;
  const { code, details } = view.error;
  return (noWayCodes.has(code) || code === 'command-timeout') && details?.['reason'] !== 'ECONNREFUSED';
}

/**
 * Set when several machines of the registry lie beyond the network, and neither they nor those that are leaving can be
 * reached. Of one machine alone nobody can tell.
 */
export function isolationOf({ machines }: DesiredState, live: LiveState): Plan['isolated'] {
  const here = new Set(machines.filter(one => one.host === 'local').map(one => one.name));
  const remote = machines.filter(one => !here.has(one.name));
  const views = Object.entries(live.machines).filter(([name]) => !here.has(name));
  if (remote.length < 2 || views.length < remote.length || !views.every(([, view]) => isCutOff(view))) return undefined;
  return { why: `the controller is isolated: none of its ${remote.length} machines can be reached` };
}
