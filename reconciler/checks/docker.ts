// Health by Docker: the containers run, and those with a health check of their own say healthy.
import type { HealthCheck } from '../../schema/registry-types.js';
import { type Answer, type Check, type RunnerView, lifeOf, notRunning } from './check.js';

/**
 * `settings.health` is what the driver read of the containers' own health: `healthy`, `unhealthy`, `starting`; absent
 * or `none` where no container has one. Own health is believed at once; without it, running is held to the same
 * staying up as a process, because a container that crashes on start runs for a moment too.
 */
function judge(view: RunnerView): Answer {
  const broken = notRunning(view);
  if (broken !== undefined) return broken;
  if (view.state !== 'present') return { state: 'unknown', found: 'not looked at' };
  switch (view.settings['health']) {
    case undefined:
    case '':
    case 'none':
      return { state: 'pass', found: 'running', life: lifeOf(view) };
    case 'healthy':
      return { state: 'pass', found: 'healthy' };
    default:
      return { state: 'fail', found: `health: ${view.settings['health']}` };
  }
}

export const dockerCheck: Check<HealthCheck & { type: 'docker' }> = {
  type: 'docker',
  ask: () => ({ via: 'runner', judge }),
};
