// What uv says when it cannot fetch, which is no fault of the app; it has one exit code for everything.
import type { ErrorReport } from '../../schema/errors.js';
import { report } from './native-keeper.js';

/**
 * In the order of how much they tell. Printed by uv 0.4 to 0.13 (run against closed, silent and broken servers) and by
 * git under it. What is matched goes into the message, so nothing of an address may be: it can hold a password.
 */
const unreachable: readonly RegExp[] = [
  /failed to lookup address information(: [\w ]+)?/i,
  /could not resolve host/i,
  /connection (refused|reset by peer|timed out|closed before message completed)/i,
  /no route to host|network is unreachable|broken pipe/i,
  /(?<=HTTP status (server|client) error \()(5\d\d|429|408)[^()]*(?=\))/i,
  /(operation|request) timed out|network timeout/i,
  /end of file before message length reached/i,
  /failed to connect(?= to )/i,
  /client error \(\w+\)|dns error/i,
  /error (sending request|decoding response body|reading a body)|could not connect, are you offline/i,
];

const inSentence = (words: string): string => words.charAt(0).toLowerCase() + words.slice(1);

/** Of a set-up in which uv failed. */
export function explainUv(output: string): ErrorReport {
  if (/no space left on device/i.test(output)) return report('machine-disk-full', 'uv found no room to set the app up');
  const words = unreachable.map(one => one.exec(output)?.[0]).find(one => one !== undefined);
  if (words === undefined) return report('uv-failed', 'uv could not set the app up');
  return report('uv-unreachable', `uv could not fetch what the app needs: ${inSentence(words)}`);
}
