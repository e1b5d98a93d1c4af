// A registry file in one even style: two blanks of indent, no trailing blanks; comments, order and values stay.
import { isDeepStrictEqual } from 'node:util';
import { parseDocument } from 'yaml';

const reading = { merge: true, version: '1.2' } as const;

/** undefined: it is no YAML, or it cannot be printed anew without changing what it says. */
export function tidy(text: string): string | undefined {
  const document = parseDocument(text.replaceAll('\r\n', '\n'), { ...reading, keepSourceTokens: true });
  if (document.errors.length > 0) return undefined;
  const printed = document.toString({ indent: 2, lineWidth: 0, flowCollectionPadding: false, nullStr: '' });
  const tidied = `${printed.trimEnd()}\n`;
  const again = parseDocument(tidied, reading);
  const same = again.errors.length === 0 && isDeepStrictEqual(again.toJS(), document.toJS());
  return same ? tidied : undefined;
}
