// What is said of a commit in force as passes go: whether it was applied, and whether what it wants is well.
import type { CommitStatus } from '../../schema/forge.js';
import type { Diagnostic } from '../../schema/diagnostics.js';
import { catalogue } from '../../schema/errors.js';
import { firstOf } from '../../schema/excerpt.js';
import { heldOf, needsPerson } from '../../schema/holds.js';
import type { Outcome } from '../../schema/plan.js';
import type { PassReport } from '../../schema/status.js';
import type { HealthState } from '../../schema/state.js';
import { plain } from './review-words.js';

type Said = Pick<CommitStatus, 'state' | 'description'>;

/** The least that a forge takes. */
const longest = 140;
const said = (state: Said['state'], text: string): Said => ({
  state,
  description: firstOf(plain(text), longest - 1),
});

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
const andMore = (count: number): string => (count > 1 ? ` and ${count - 1} more` : '');

/** Titles, never messages: those may hold what a machine answered. */
function failures(outcomes: readonly Outcome[]): Said | undefined {
  const failed = outcomes.flatMap(one => (one.result === 'failed' ? [one] : []));
  const [first] = failed;
  if (first === undefined) return undefined;
  const back = first.undone?.result === 'back' ? `; back to ${first.undone.commit.slice(0, 12)}` : '';
  return said('failure', `${first.key}: ${catalogue[first.error.code].title}${andMore(failed.length)}${back}`);
}

/** Of a commit that is not applied, for its registry is not valid. */
export function refusedStatus(diagnostics: readonly Diagnostic[]): Said {
  const errors = diagnostics.filter(one => one.severity === 'error');
  const [first] = errors;
  if (first === undefined) return said('failure', 'there is no registry to go by');
  const { file, line, column, code, message } = first;
  return said('failure', `${file}:${line}:${column} ${code}${andMore(errors.length)}: ${message}`);
}

/** Undefined: nothing is known of it. */
export function applyStatus(report: PassReport): Said | undefined {
  const { plan, outcomes, error } = report;
  if (error !== undefined) return said('error', catalogue[error.code].title);
  if (plan === undefined) return undefined;
  const failed = failures(outcomes);
  if (failed !== undefined) return failed;
  const held = heldOf(plan);
  const asks = held.find(needsPerson);
  if (asks !== undefined) return said('pending', `waits for approval of plan ${asks.id}`);
  if (held[0] !== undefined) return said('pending', `waits: ${held[0].why}`);
  const stuck = plan.leftAlone.filter(one => one.state === 'blocked' || one.state === 'held');
  if (stuck[0] !== undefined) return said('failure', `${stuck[0].key} is ${stuck[0].state}${andMore(stuck.length)}`);
  const unknown = [...plan.machines, ...plan.leftAlone].filter(one => one.state === 'unknown');
  if (unknown[0] !== undefined) {
    const what = 'machine' in unknown[0] ? unknown[0].machine : unknown[0].key;
    return said('pending', `${what} cannot be looked at`);
  }
  const going = outcomes.some(one => one.result === 'in-progress' || one.result === 'skipped');
  if (going || plan.machines.some(one => one.state === 'in-progress')) return said('pending', 'being applied');
  const applied = outcomes.filter(one => one.result === 'applied').length;
  return said(
    'success',
    applied === 0 ? 'everything is as the registry says' : `${counted(applied, 'change')} applied`,
  );
}

export const applying = (changes: number): Said => said('pending', `applying ${counted(changes, 'change')}`);

/** By placement. */
export function healthStatus(states: ReadonlyMap<string, HealthState>): Said {
  const of = (state: HealthState): readonly string[] =>
    [...states].flatMap(([key, found]) => (found === state ? [key] : []));
  const [ill, starting, unknown] = [of('unhealthy'), of('starting'), of('unknown')];
  if (ill[0] !== undefined) return said('failure', `${ill[0]} is unhealthy${andMore(ill.length)}`);
  if (starting[0] !== undefined) return said('pending', `${starting[0]} is starting${andMore(starting.length)}`);
  if (unknown[0] !== undefined) return said('pending', `${unknown[0]} cannot be asked${andMore(unknown.length)}`);
  const well = of('healthy').length;
  return said('success', well === 0 ? 'nothing is checked' : `${counted(well, 'service')} healthy`);
}
