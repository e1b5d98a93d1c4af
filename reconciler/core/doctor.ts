// What is well and what is not on one machine, line by line: whether Portoser can do there what the registry asks of it.
import { diskRemarks } from './doctor-disks.js';
import { needRemarks } from './doctor-needs.js';
import type { Level, Patient, Remark } from './doctor-remark.js';
import { stateRemarks } from './doctor-state.js';
import { wayRemarks } from './doctor-way.js';

/** Everything that can be said of a machine that answered, in the order in which one looks. */
export function diagnoseMachine(patient: Patient): readonly Remark[] {
  return [...wayRemarks(patient), ...stateRemarks(patient), ...needRemarks(patient), ...diskRemarks(patient)];
}

export const levelOf = (remarks: readonly Remark[]): Level =>
  (['problem', 'warning'] as const).find(level => remarks.some(one => one.level === level)) ?? 'ok';
