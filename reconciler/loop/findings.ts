// What a pass tells beside its outcomes: what git, the registry, machines and placements have against it.
import { catalogue, type ErrorReport } from '../../schema/errors.js';
import type { Plan } from '../../schema/plan.js';
import type { Verdict } from '../../schema/state.js';
import type { Finding } from '../../schema/status.js';
import type { Synced } from './sync.js';

export function syncFindings(synced: Synced): readonly Finding[] {
  return [
    ...(synced.held === undefined
      ? []
      : [{ kind: 'git', message: synced.held, code: 'git-held', hint: catalogue['git-held'].hint } as const]),
    ...(synced.outage === undefined
      ? []
      : [{ kind: 'git', message: synced.outage.message, code: synced.outage.code, hint: synced.outage.hint } as const]),
    ...(synced.refused === undefined
      ? []
      : [
          {
            kind: 'registry',
            message: `the registry at ${synced.refused.slice(0, 12)} was refused`,
            code: 'registry-invalid',
            hint: catalogue['registry-invalid'].hint,
          } as const,
        ]),
  ];
}

export function planFindings(plan: Plan): readonly Finding[] {
  const advice = (error?: ErrorReport) => (error === undefined ? {} : { code: error.code, hint: error.hint });
  const machines = plan.machines
    .filter(
      note =>
        note.state === 'unknown' || note.state === 'blocked' || (note.state === 'leaving' && note.error !== undefined),
    )
    .map((note): Finding => ({
      kind: note.state === 'blocked' ? 'blocked' : 'unreachable',
      machine: note.machine,
      message: note.why,
      ...advice(note.error),
    }));
  const noted = new Set(machines.map(one => one.machine));
  const placements = plan.leftAlone
    .filter(
      one =>
        (one.state === 'blocked' || one.state === 'unknown') && !noted.has(one.key.slice(one.key.indexOf('@') + 1)),
    )
    .map((one): Finding => ({ kind: 'blocked', key: one.key, message: one.why, ...advice(one.error) }));
  return [...told(plan, machines), ...placements];
}

/** Of a controller that is cut off, one thing is told; not one of each machine. */
function told({ isolated }: Plan, machines: readonly Finding[]): readonly Finding[] {
  if (isolated === undefined) return machines;
  const cut: Finding = { kind: 'isolated', message: isolated.why, code: 'isolated', hint: catalogue.isolated.hint };
  return [cut, ...machines.filter(one => one.kind !== 'unreachable')];
}

export function silent(verdicts: ReadonlyMap<Finding['key'] & string, Verdict>): readonly Finding[] {
  return [...verdicts].flatMap(([key, verdict]) =>
    verdict.state === 'fail'
      ? [{ kind: 'not-answering', key, message: `not answering: ${verdict.found}` } as const]
      : [],
  );
}
