// What an approval is good for, as far as it is known.
import type { OutputOf } from '../../../reconciler/engine.js';

function goodFor({ plan, of }: OutputOf<'approve'>): string {
  if (of === undefined)
    return `Approval of ${plan} is noted: the next pass applies what waits for it under that id, as soon as its windows allow it. \`portoser plan\` shows what waits.`;
  switch (of.by) {
    case 'approval':
      return `Plan ${plan} is approved: the next pass applies it when it is still the same, as soon as its windows allow it.`;
    case 'nothing':
      return `Approval of ${plan} is noted, but nothing waits under that id: the newest plan is ${of.newest}. Only a pass that finds just that plan would apply it.`;
    case 'window':
    case 'observe':
    case 'backoff':
      return `Approval of ${plan} is noted, but it does not wait for one: ${of.why}. ${of.letGo}`;
    default:
      return of satisfies never;
  }
}

export const approvedText = (approved: OutputOf<'approve'>): string =>
  `${goodFor(approved)}\nNoted in ${approved.stateFolder}.`;
