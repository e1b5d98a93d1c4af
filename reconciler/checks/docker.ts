// Health by Docker: the containers run, and those with a health check of their own say healthy.
import type { HealthCheck } from '../../schema/registry-types.js';
import { type Answer, type Check, type RunnerView, lifeOf, notRunning } from './check.js';

/**
 * Containers that run without a health of their own: `container:<inner>` is each one's state, `health:<inner>` its own
 * health where it has one. What the driver does not tell apart counts by `health` of all together.
 */
function anyUnspoken(settings: Readonly<Record<string, string>>): boolean {
  const running = Object.keys(settings).filter(name => name.startsWith('container:') && settings[name] !== 'done');
  return running.some(name => settings[`health:${name.slice('container:'.length)}`] === undefined);
}

/**
 * `settings.health` is what the driver read of the containers' own health: `healthy`, `unhealthy`, `starting`; absent
 * or `none` where no container has one. Own health is believed at once; without it, running is held to the same
 * staying up as a process, because a container that crashes on start runs for a moment too.
 */
function judge(view: RunnerView, clock?: number): Answer {
  const broken = notRunning(view, clock);
  if (broken !== undefined) return broken;
  if (view.state !== 'present') return { state: 'unknown', found: 'not looked at' };
  const life = lifeOf(view, clock);
  switch (view.settings['health']) {
    case undefined:
    case '':
    case 'none':
      return { state: 'pass', found: 'running', ...life };
    case 'healthy':
      return { state: 'pass', found: 'healthy', ...(anyUnspoken(view.settings) ? life : {}) };
    default:
      return { state: 'fail', found: `health: ${view.settings['health']}`, ...life };
  }
}

export const dockerCheck: Check<HealthCheck & { type: 'docker' }> = {
  type: 'docker',
  ask: () => ({ via: 'runner', judge }),
};
