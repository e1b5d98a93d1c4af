// What the doctor found, machine by machine: one line each, and what to do below it.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Paint } from '../paint.js';
import { count } from './diagnostics.js';

type Doctored = OutputOf<'machine.doctor'>;
type Checkup = Doctored['machines'][number];
type Remark = Checkup['remarks'][number];

function levelWord(level: Remark['level'], paint: Paint): string {
  const word = level.padEnd(8);
  return level === 'ok' ? paint.good(word) : level === 'warning' ? paint.warn(word) : paint.bad(word);
}

function remarkText({ level, subject, text, hint, code }: Remark, width: number, paint: Paint): string {
  const head = `  ${levelWord(level, paint)} ${subject.padEnd(width)}  ${text}${code === undefined ? '' : ` ${paint.faint(`[${code}]`)}`}`;
  return hint === undefined ? head : `${head}\n  ${' '.repeat(width + 11)}${hint}`;
}

function machineText({ machine, host, user, remarks }: Checkup, paint: Paint): string {
  const width = Math.max(0, ...remarks.map(one => one.subject.length));
  const where = host === 'local' ? host : `${user}@${host}`;
  return [`${paint.strong(machine)} (${where})`, ...remarks.map(one => remarkText(one, width, paint))].join('\n');
}

function summary({ machines, unseen }: Doctored): string {
  const seen = machines.filter(one => one.error === undefined).flatMap(one => one.remarks);
  const amount = (level: Remark['level']) => seen.filter(one => one.level === level).length;
  const blind = unseen.length === 0 ? '' : ` Not looked at: ${unseen.join(', ')}.`;
  return `${count(amount('problem'), 'problem')}, ${count(amount('warning'), 'warning')} on ${count(machines.length - unseen.length, 'machine')}.${blind}`;
}

export function doctorText(doctored: Doctored, paint: Paint): string {
  if (doctored.machines.length === 0) return 'The registry names no machines.';
  return [...doctored.machines.map(one => machineText(one, paint)), summary(doctored)].join('\n');
}
