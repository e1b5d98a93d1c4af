// `policy` as written → the policy in force, and the keys of it whose engine is not there yet.
import { didYouMean } from '../../schema/closest.js';
import type { Condition, DriftAnswer, Policy, Window } from '../../schema/registry-types.js';
import type { PolicyText } from '../../schema/registry.js';
import type { Locate, Path } from '../../schema/validate.js';
import { isCron } from './cron.js';
import { readBackoff } from './backoff.js';
import { instantOf } from './drift.js';
import { durationMs } from './durations.js';
import { listed, optional } from './optional.js';
import type { Report } from './parse-report.js';
import { hasTimes, isTimeZone } from './zoned-cron.js';

export function readPolicy(text: PolicyText): Policy {
  return {
    apply: text.apply ?? 'auto',
    approveWhen: (text.approve_when ?? []).map(readCondition),
    windows: listed(text.windows).flatMap(readWindow),
    drift: readDrift(text.drift),
    retries: text.retries ?? 3,
    backoff: readBackoff(text.backoff ?? '5s…5m') ?? { firstMs: 5000, mostMs: 300_000 },
    prune: text.prune ?? 'stop',
    pruneAfterMs: durationMs(text.prune_after ?? '7d') ?? 7 * 24 * 3_600_000,
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

type WindowText = Exclude<NonNullable<PolicyText['windows']>, readonly unknown[]>;

/** None where it says neither or both; that was reported. */
function readWindow(text: WindowText): readonly Window[] {
  const lastsMs = durationMs(text.for);
  if (text.allow === text.deny || lastsMs === undefined) return [];
  return [{ kind: text.deny === true ? 'deny' : 'allow', cron: text.cron, lastsMs, zone: text.tz ?? 'UTC' }];
}

function readDrift(written: PolicyText['drift'] = 'revert'): DriftAnswer {
  const { action = 'revert', ignore = [], until } = typeof written === 'string' ? { action: written } : written;
  const untilAt = until === undefined ? undefined : instantOf(until);
  return { action, ignore, ...optional('untilAt', untilAt) };
}

function share(written: number | string): number {
  return typeof written === 'number' ? written : Number.parseFloat(written) / 100;
}

/** Values that say what is done anyway. */
const sameAsDone: Readonly<Record<string, readonly unknown[]>> = {
  verify: ['none'],
};

/** Keys that ask for something that is not done yet, such as `policy.windows`. */
export function unsupportedPolicy(text: PolicyText): readonly string[] {
  const written = text as Readonly<Record<string, unknown>>;
  return Object.entries(sameAsDone)
    .filter(([key, done]) => written[key] !== undefined && !done.includes(written[key]))
    .map(([key]) => `policy.${key}`);
}

/** What the schema cannot see; `base`: where the policy stands. */
export function checkPolicy(text: PolicyText, locate: Locate, base: Path, report: Report): void {
  if (text.schedule !== undefined && !isCron(text.schedule))
    report.at(locate, [...base, 'schedule'], 'invalid-value', `\`${text.schedule}\` is not a cron expression`, {
      expected: 'five fields such as "0 4 * * *"',
    });
  if (text.backoff !== undefined && readBackoff(text.backoff) === undefined)
    report.at(locate, [...base, 'backoff'], 'invalid-value', `\`${text.backoff}\` is no time to wait`, {
      expected: 'a duration, or a range such as 5s…5m',
    });
  const until = typeof text.drift === 'object' ? text.drift.until : undefined;
  if (until !== undefined && instantOf(until) === undefined)
    report.at(locate, [...base, 'drift', 'until'], 'invalid-value', `\`${until}\` is neither a day nor a time`, {
      expected: 'a day such as 2026-12-01, or a time such as 2026-12-01T18:00+01:00',
    });
  const alone = !Array.isArray(text.windows);
  for (const [index, window] of listed(text.windows).entries())
    checkWindow(window, locate, [...base, 'windows', ...(alone ? [] : [index])], report);
}

function checkWindow(window: WindowText, locate: Locate, path: Path, report: Report): void {
  if ((window.allow === true) === (window.deny === true))
    report.at(locate, path, 'invalid-value', 'a window either allows or denies', {
      expected: 'allow: true, or deny: true',
    });
  if (durationMs(window.for) === 0)
    report.at(locate, [...path, 'for'], 'invalid-value', 'a window must last', { expected: 'a duration such as 4h' });
  if (!isCron(window.cron) || !hasTimes(window.cron))
    report.at(locate, [...path, 'cron'], 'invalid-value', `\`${window.cron}\` is no time of a cron expression`, {
      expected: 'five fields such as "0 22 * * 1-5"',
    });
  if (window.tz !== undefined && !isTimeZone(window.tz))
    report.at(locate, [...path, 'tz'], 'invalid-value', `there is no time zone \`${window.tz}\``, {
      expected: 'a name such as Europe/Berlin',
      hint: didYouMean(window.tz, Intl.supportedValuesOf('timeZone')),
    });
}
