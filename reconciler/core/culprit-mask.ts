// A command line from a machine's log, made fit to be shown and kept: short, printable, without what looks like a secret.

const longest = 200;
const masked = '***';

/** Control characters, and those that turn the writing direction: a terminal would obey them. */
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const secretName = '[\\w.-]*(?:pass|pwd|secret|token|key|credential|private|auth|dsn|database_url)[\\w.-]*';
/** To the next blank, or the whole of what stands in quotes. */
const value = `(?:"[^"]*"?|'[^']*'?|[^\\s'"]+)+`;

/** In this order: what is said of an option holds before what its value looks like. */
const rules: readonly (readonly [RegExp, string])[] = [
  // https://user:password@host
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@'"]+@/gi, `$1${masked}@`],
  // Authorization: Bearer abc
  [/\b((?:proxy-)?authorization|cookie|x-[\w-]*(?:key|token)):\s*[^'"]+/gi, `$1: ${masked}`],
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, `$1 ${masked}`],
  // 'DB_PASS=a b'
  [new RegExp(`((["'])-{0,2}${secretName}=)(?:(?!\\2).)*`, 'gi'), `$1${masked}`],
  // PGPASSWORD=abc, --api-key=abc
  [new RegExp(`((?:^|\\s)-{0,2}${secretName}=)${value}`, 'gi'), `$1${masked}`],
  // --password abc
  [new RegExp(`((?:^|\\s)--?${secretName}\\s+)${value}`, 'gi'), `$1${masked}`],
  // curl -u user:password; mysql -pabc
  [/((?:^|\s)(?:-u|--user)[\s=]+[^\s:'"]+:)[^\s'"]+/g, `$1${masked}`],
  [/(\b(?:mysql|mysqldump|mysqladmin|mariadb|sshpass)\b.*?\s-p)[^\s'"]+/g, `$1${masked}`],
];

/** Long, with letters and digits in one: a token, whatever it is called. Names with an ending are none. */
const looksRandom = (word: string): boolean =>
  word.length >= 20 &&
  /^[\w+=.~-]+$/.test(word) &&
  /\d/.test(word) &&
  /[A-Za-z]/.test(word) &&
  !/[-_.][a-z]+$/.test(word);

/** What is not known to be harmless may still be shown: this is for the eye, and no proof that nothing secret stands there. */
export function maskCommand(line: string): string {
  const known = rules.reduce(
    (text, [pattern, instead]) => text.replace(pattern, instead),
    line.replaceAll(unprintable, '\uFFFD'),
  );
  const words = known.replaceAll(/[^\s'"=:@/]+/g, word => (looksRandom(word) ? masked : word));
  return words.length > longest ? `${words.slice(0, longest - 1)}…` : words;
}
