// `policy` as written → the policy in force, and the keys of it whose engine is not there yet.
import type { Condition, Policy } from '../../schema/registry-types.js';
import type { PolicyText } from '../../schema/registry.js';
import { isCron } from './cron.js';
import { durationMs } from './durations.js';
import { optional } from './optional.js';
import type { Layered } from './parse-entry.js';
import type { Report } from './parse-report.js';

export function readPolicy(text: PolicyText): Policy {
  return {
    apply: text.apply ?? 'auto',
    approveWhen: (text.approve_when ?? []).map(readCondition),
    prune: text.prune ?? 'stop',
    maxRemovals: share(text.max_removals ?? 0.3),
    intervalMs: Math.max(1000, durationMs(text.interval ?? 60) ?? 60_000),
    ...optional('schedule', text.schedule),
    ...optional('parallel', typeof text.parallel === 'number' ? text.parallel : undefined),
    forcePush: text.force_push ?? 'hold',
    write: text.write ?? 'push',
    onFailure: text.on_failure ?? 'rollback',
  };
}

/** The schema has seen to its form: `removes`, `stateful`, `machines > N` or `services > N`. */
function readCondition(written: string): Condition {
  const [when = '', above] = written.split('>').map(one => one.trim());
  if (above === undefined) return { when: when as 'removes' | 'stateful' };
  return { when: when as 'machines' | 'services', above: Number(above) };
}

function share(written: number | string): number {
  return typeof written === 'number' ? written : Number.parseFloat(written) / 100;
}

/** Values that say what is done anyway. */
const sameAsDone: Readonly<Record<string, readonly unknown[]>> = {
  write: ['push', 'never'],
  verify: ['none'],
  drift: ['revert'],
};
const notYet = ['prune_after', 'windows', 'retries', 'backoff', ...Object.keys(sameAsDone)];

/** Keys that ask for something that is not done yet, such as `policy.windows`. */
export function unsupportedPolicy(text: PolicyText): readonly string[] {
  const written = text as Readonly<Record<string, unknown>>;
  const asking = notYet.filter(key => written[key] !== undefined && !(sameAsDone[key] ?? []).includes(written[key]));
  return asking.map(key => `policy.${key}`);
}

export function checkSchedule(text: PolicyText, entry: Layered, report: Report): void {
  if (text.schedule === undefined || isCron(text.schedule)) return;
  report.at(entry.locate, ['policy', 'schedule'], 'invalid-value', `\`${text.schedule}\` is not a cron expression`, {
    expected: 'five fields such as "0 4 * * *"',
  });
}
