// What destinations answered to a test, one line each.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Paint } from '../paint.js';

type Tested = OutputOf<'notify.test'>;

export function notifyText(tested: Tested, paint: Paint): string {
  if (tested.length === 0) return 'The registry names nobody to tell: `notify` is empty.';
  const width = Math.max(...tested.map(one => one.name.length));
  return tested
    .map(({ name, type, told, answer, code, hint }) => {
      const verdict = told ? paint.good('told    ') : paint.bad('not told');
      const head = `${verdict} ${name.padEnd(width)}  ${type}: ${answer}${code === undefined ? '' : ` ${paint.faint(`[${code}]`)}`}`;
      return hint === undefined ? head : `${head}\n         ${' '.repeat(width)}  ${hint}`;
    })
    .join('\n');
}
