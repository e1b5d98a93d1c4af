// A plan as text: wave by wave what would be done and why, then what is left alone, and what it waits for.
import { catalogue } from '../../../schema/errors.js';
import type { Change, ChangeKind, LeftAlone, MachineNote, Plan, Waiting } from '../../../schema/plan.js';
import { heldOf, letGo } from '../../../schema/holds.js';
import type { Paint } from '../paint.js';
import { count } from './diagnostics.js';

const signs: Record<ChangeKind, '+' | '~' | '-'> = {
  create: '+',
  update: '~',
  restart: '~',
  repair: '~',
  replace: '~',
  stop: '-',
  remove: '-',
  release: '-',
};

function sign(kind: ChangeKind, paint: Paint): string {
  const mark = signs[kind];
  return mark === '+' ? paint.good(mark) : mark === '-' ? paint.bad(mark) : paint.warn(mark);
}

const oneLine = (text: string): string => (text.length > 100 ? `${text.slice(0, 97)}…` : text).replaceAll('\n', '⏎');

export function fieldLine({ field, from, to }: Change['fields'][number], paint: Paint): string {
  const old = from === undefined ? '(none)' : oneLine(from);
  const next = to === undefined ? '(none)' : oneLine(to);
  return `      ${field}: ${paint.faint(old)} → ${next}`;
}

/** When and by whom, as far as the machine tells. */
export const culpritLines = (culprits: Change['culprits'] = [], paint: Paint): readonly string[] =>
  culprits.map(one => paint.faint(`      ${one.text}`));

function changeText(change: Change, paint: Paint): string {
  const head = `  ${sign(change.kind, paint)} ${change.kind} ${paint.strong(change.key)} (${change.reason}: ${change.because})`;
  const fields = change.fields.map(one => fieldLine(one, paint));
  return [head, ...fields, ...culpritLines(change.culprits, paint)].join('\n');
}

function leftLine(one: LeftAlone, paint: Paint): string {
  const hint = one.error === undefined ? '' : `\n      ${one.error.hint} ${paint.faint(`[${one.error.code}]`)}`;
  const fields = (one.fields ?? []).map(field => fieldLine(field, paint));
  const known = [...fields, ...culpritLines(one.culprits, paint)].map(line => `\n${line}`).join('');
  return `  ${paint.faint('·')} ${paint.strong(one.key)} ${one.state}: ${one.why}${known}${hint}`;
}

function machineLine(one: MachineNote, paint: Paint): string {
  const hint = one.error === undefined ? '' : `\n      ${one.error.hint} ${paint.faint(`[${one.error.code}]`)}`;
  return `  ${paint.faint('·')} ${paint.strong(one.machine)} ${one.state}: ${one.why}${hint}`;
}

function waitingText(part: Waiting, paint: Paint): string {
  return [
    `${paint.warn('Held:')} ${part.why}`,
    ...part.changes.map(one => changeText(one, paint)),
    `  ${letGo(part)}`,
  ].join('\n');
}

/** What is held as a whole stands in the waves already. */
function heldText(plan: Plan, paint: Paint): readonly string[] {
  if (plan.held === undefined) return (plan.waiting ?? []).map(part => waitingText(part, paint));
  return heldOf(plan).map(held => `${paint.warn('Held:')} ${held.why}\n  ${letGo(held)}`);
}

const section = (heading: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [heading, ...lines];

/** `3 changes on 2 machines`, or that there are none. */
export function planSummary(plan: Plan): string {
  const changes = plan.waves.flat();
  if (changes.length === 0) {
    if (plan.leftAlone.length > 0 && plan.leftAlone.every(one => one.state === 'drifted') && plan.waiting === undefined)
      return 'Nothing is changed: policy leaves what was changed by hand.';
    if (plan.leftAlone.length > 0 || plan.waiting !== undefined) return 'Nothing can be changed now.';
    return plan.machines.some(one => one.state === 'unknown' || one.state === 'blocked')
      ? 'Nothing to do on what could be seen.'
      : 'Nothing to do: everything is as the registry says.';
  }
  return `${count(changes.length, 'change')} on ${count(new Set(changes.map(one => one.machine)).size, 'machine')}.`;
}

/** Of a controller that is cut off, one line for all machines that cannot be reached. */
function machineLines({ machines, isolated }: Plan, paint: Paint): readonly string[] {
  if (isolated === undefined) return machines.map(one => machineLine(one, paint));
  const cut = `  ${paint.faint('·')} ${isolated.why}\n      ${catalogue.isolated.hint} ${paint.faint('[isolated]')}`;
  const others = machines.filter(one => one.state !== 'unknown' && one.state !== 'leaving');
  return [cut, ...others.map(one => machineLine(one, paint))];
}

export function planText(plan: Plan, paint: Paint): string {
  const many = plan.waves.length > 1;
  const waves = plan.waves.flatMap((wave, index) => [
    ...(many ? [`Wave ${index + 1}`] : []),
    ...wave.map(one => changeText(one, paint)),
  ]);
  // What is wrong with a whole machine is told once, not at each of its placements.
  const noted = new Set(plan.machines.map(one => one.machine));
  const left = plan.leftAlone.filter(
    one => !noted.has(one.key.slice(one.key.indexOf('@') + 1)) || one.error === undefined,
  );
  return [
    ...waves,
    ...section(
      'Left alone:',
      left.map(one => leftLine(one, paint)),
    ),
    ...section('Machines:', machineLines(plan, paint)),
    ...heldText(plan, paint),
    planSummary(plan),
  ].join('\n');
}
